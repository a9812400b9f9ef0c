"""The Tagging dock: the study, its scans, and the tags of the slice on screen."""

from collections.abc import Iterable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from napari.layers import Layer
from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.planes.view_bar import ViewBar
from napari_mcwss.plugin.session.known_files import KnownFiles
from napari_mcwss.plugin.session.scan_order import ScanOrderBoxes
from napari_mcwss.plugin.session.scan_reading import ScanReading
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.session.study_opening import StudyOpening
from napari_mcwss.plugin.session.unsaved_tags import UnsavedTags
from napari_mcwss.plugin.shared.colormaps import prepare_labels
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.docking import Dock
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.layers import SAMPLE, sample_layers
from napari_mcwss.plugin.shared.removal import remove_layers
from napari_mcwss.plugin.shared.rows import dock_of, open_dialog, side_by_side, stack
from napari_mcwss.plugin.shared.scrolling import scroll
from napari_mcwss.plugin.study.change_study import ChangeStudyDialog
from napari_mcwss.plugin.study.lost_scans import LostScans
from napari_mcwss.plugin.study.new_study import ScansDialog
from napari_mcwss.plugin.study.open_layers import OpenLayersDialog
from napari_mcwss.plugin.tagging.comparison import Comparison
from napari_mcwss.plugin.tagging.live_maps import LiveMaps
from napari_mcwss.plugin.tagging.menu import TagMenu
from napari_mcwss.plugin.tagging.scan_list import ScanList
from napari_mcwss.plugin.tagging.slice_tagging import SliceTagging
from napari_mcwss.plugin.tagging.study_menu import StudyMenu, Welcome
from napari_mcwss.plugin.tagging.suggestions import Suggesting
from napari_mcwss.plugin.tagging.summary import TagSummary
from napari_mcwss.plugin.worklist.window import WorklistButton
from napari_mcwss.study.layout import STUDY_FILE
from napari_mcwss.study.study import Study

NO_STUDY = "No study is open."
TURNED_AWAY = "This view shows no axial slice of the scan: turn it back to tag slices."
OTHER_UNITS = "A layer is not in millimetres: give it the unit mm, or remove it, to tag slices."


class TaggingDock(Dock):
    """Opens a study, lists its scans, and tags their slices.

    Attributes
    ----------
    settled : Signal
        A scan was read, or could not be read.
    """

    settled = Signal()

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = Session.of(napari_viewer)
        self._opening = StudyOpening(self)
        self._opening.opened.connect(lambda s, k: self._take(s, sample_layers(self.viewer), k))
        self._reading = ScanReading(self, self.session)
        self._reading.ended.connect(self._reading_ended)
        self._requested: tuple[str, int] | None = None
        self._make_widgets()
        self._reading.began.connect(self._refresh)
        self._reading.said.connect(self.status.setText)
        self.setAcceptDrops(True)
        self.destroyed.connect(self.session.close)
        for slot, *signals in (
            (self._study_changed, self.session.study_changed),
            (self._scan_changed, self.session.scan_changed),
            (self._tags_changed, self.session.tags_changed),
            (self._go_to, self.session.place_wanted),
            (self._refresh, *_events_of_view(self.viewer), self.session.planes_changed),
            (self._theme_changed, self.viewer.events.theme),
        ):
            connect_until_destroyed(self, slot, *signals)
        self._dock: QDockWidget | None = None
        self._in_sight = True
        QApplication.instance().aboutToQuit.connect(self.session.close)
        self._study_changed()

    def _make_widgets(self) -> None:
        new, layers = self.new_study, self.use_layers
        # napari takes seconds for the first labels of a session, unless they are prepared.
        preparing = Latest(self, "preparing of the sample")
        preparing.answered.connect(self.open_sample)
        sample = partial(preparing.ask, prepare_labels)
        self.welcome = Welcome(new, self._ask_study, layers, sample)
        self.study_menu = StudyMenu(new, self._ask_study, self.add_scans, self.change_study, layers)
        self.title = QLabel(wordWrap=True)
        self.scans = ScanList(self.session.order)
        self.scans.scan_chosen.connect(self._read)
        self.scans.tables_changed.connect(self._summarise)
        self.order_boxes = ScanOrderBoxes(self.session.order)
        self.worklist_button = WorklistButton(self.viewer)
        self.worklist_button.scan_chosen.connect(self._read)
        self.session.order.changed.connect(self._summarise)
        self.session.order.changed.connect(self._refresh)
        self.summary = TagSummary()
        self.slices = SliceTagging(self.viewer)
        self.slices.switch.toggled.connect(self._refresh)
        self.slices.next_scan_wanted.connect(self._read_next)
        self.comparison = Comparison(self.session, self.scans, self.slices.strip)
        self.comparison.place_wanted.connect(self._go_to)
        self.suggesting = Suggesting(self.session, self.scans, self.slices.strip)
        self.suggesting.place_wanted.connect(self._go_to)
        self.suggesting.said.connect(self.slices.note.setText)
        self.suggesting.show_keys(self.slices.preferences.current.keys)
        self.slices.preferences.changed.connect(
            lambda: self.suggesting.show_keys(self.slices.preferences.current.keys)
        )
        self.slices.accept_wanted.connect(self.suggesting.accept_here)
        self.slices.doubtful_wanted.connect(self.suggesting.go_on)
        self.live = LiveMaps(self.session, self.scans, self.slices.preferences)
        self.slices.slice_row.layout().addWidget(self.live.box)
        self.view_bar = ViewBar(self.viewer)
        self.live.suggested.connect(self.suggesting.take_live)
        self.live.forgotten.connect(self.suggesting.drop_live)
        self.tag_menu = TagMenu(self.session, self.comparison)
        self.lost = LostScans(self.session.order)
        self.lost.found.connect(self._lost_found)
        self.turn_button = QPushButton("Turn back to the slices", clicked=self.session.reset_view)
        self.claim_button = QPushButton("Try again", clicked=self._acquire_lock)
        self.status = QLabel(wordWrap=True, alignment=Qt.AlignmentFlag.AlignTop)
        for index, widget in enumerate((self.status, self.turn_button, self.claim_button)):
            self.slices.foot.layout().insertWidget(index, widget)
        self.head = side_by_side(self.title, self.study_menu, self.tag_menu)
        self._scrolled = scroll(self._contents())
        self.slices.buttons.shown.connect(self._scroll_to)
        above = self.welcome, self.head, self.lost
        stack(self, *above, self._scrolled, self.slices.foot, margins=True)
        self.layout().setStretchFactor(self._scrolled, 1)

    def _contents(self) -> QWidget:
        """Return the part that scrolls, if the window is too low for all of it."""
        inside = QWidget()
        of_study = self.scans, side_by_side(self.order_boxes, self.worklist_button), self.view_bar
        of_slice = self.slices, self.live, self.suggesting, self.comparison
        stack(inside, *of_study, *of_slice, self.summary)
        inside.layout().addStretch(1)
        return inside

    def _scroll_to(self, widget: QWidget) -> None:
        self._scrolled.ensureWidgetVisible(widget)

    def open_study(self, folder: Path) -> None:
        """Open a study, in another thread if the viewer is empty; tell if that fails."""
        self._opening.open(folder, wait=bool(self.viewer.layers))

    def new_study(self, sources: list[Path] | None = None) -> None:
        """Ask for scans and classes, and make a study."""
        self._accept(ScansDialog(self, sources=sources or []))

    def add_scans(self, sources: list[Path] | None = None) -> None:
        """Ask for scans, and add them to the study."""
        if self.session.study is not None:
            self._accept(ScansDialog(self, self.session.study, sources or []))

    def change_study(self) -> None:
        """Ask for another name, other classes and fewer scans of the study."""
        study = self.session.study
        if study is None:
            return
        if self.session.read_only:
            show_error(self.session.read_only)
            return
        tables, order = self.scans.tables, self.session.order
        dialog = ChangeStudyDialog(self, study, tables, order, self.session.save_all)
        dialog.accepted.connect(lambda: self._open_again(study, dialog.new_name))
        open_dialog(dialog)

    def _open_again(self, study: Study, name: str) -> None:
        """Open a study that was changed, under its new name, on the same slice."""
        scan, index = self.session.scan, self.session.slice_index
        self.session.close()
        try:
            study = study.rename(name) if name != study.folder.name else Study.open(study.folder)
        except McwssError as error:
            show_error(str(error))
        self.session.open(study)
        names = self.session.order.names
        if scan in names:
            self._go_to(scan, index or 0)
        elif names:
            self._read(names[0])

    def use_layers(self) -> None:
        """Make a study of the image layers that are open."""
        try:
            dialog = OpenLayersDialog(self, self.viewer)
        except McwssError as error:
            show_error(str(error))
            return
        # The truth of the sample stays beside its own scan, to compare masks with.
        gone = dialog.layers if dialog.of_sample else [*dialog.layers, *sample_layers(self.viewer)]
        dialog.accepted.connect(lambda: self._take(dialog.study, gone))
        open_dialog(dialog)

    def open_sample(self) -> None:
        """Open the generated scan, and ask which classes to look for in it."""
        if not sample_layers(self.viewer):
            self.viewer.open_sample(*SAMPLE)
        self.use_layers()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Watch whether another tab hides the dock around this widget."""
        super().showEvent(event)
        dock = dock_of(self)
        if dock is not None and dock is not self._dock:
            self._dock = dock
            dock.visibilityChanged.connect(self._set_in_sight)
            UnsavedTags.guard(dock.parentWidget(), self.session)

    def _set_in_sight(self, in_sight: bool) -> None:
        # Qt calls a widget visible even behind another tab, where its keys must not act.
        self._in_sight = in_sight
        self._refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Accept files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open a dropped study; make or extend one with dropped scans."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        if len(paths) == 1 and (paths[0] / STUDY_FILE).exists():
            self.open_study(paths[0])
        elif paths and self.session.study is not None:
            self.add_scans(paths)
        elif paths:
            self.new_study(paths)

    def _accept(self, dialog: ScansDialog) -> None:
        """Show a dialog without blocking the window, and show the study that it makes."""
        dialog.accepted.connect(lambda: self._take(dialog.study, sample_layers(self.viewer)))
        open_dialog(dialog)

    def _take(
        self, study: Study | None, gone: Iterable[Layer], known: KnownFiles | None = None
    ) -> None:
        """Show a study and read its first scan; remove layers that do not belong beside it."""
        if study is None or not study.scan_names:
            return
        if study is self.session.study:
            self._study_changed()
        else:
            there = [layer for layer in gone if layer in self.viewer.layers]
            remove_layers(self.viewer, there)
            self.session.open(study, known)
            self._reading.read(study, self.session.order.names[0])

    def _ask_study(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a study")
        if folder:
            self.open_study(Path(folder))

    def _read(self, name: str) -> None:
        if self.session.study is not None and name != self.session.scan:
            self._reading.read(self.session.study, name)

    def _go_to(self, scan: str, index: int) -> None:
        """Show a slice of any scan."""
        if scan == self.session.scan:
            self.session.go_to(index)
        else:
            self._requested = scan, index
            self._read(scan)

    def _reading_ended(self) -> None:
        # A scan that could not be read is not on screen, and must not stay selected.
        self.scans.select(self.session.scan)
        self.scans.count_tags()
        self._refresh()
        self.settled.emit()

    def _study_changed(self) -> None:
        study = self.session.study
        self.title.setText("" if study is None else f"<b>{escape(study.folder.name)}</b>")
        self.title.setToolTip("" if study is None else str(study.folder))
        self.welcome.setVisible(study is None)
        for widget in (self.head, self._scrolled, self.slices.foot):
            widget.setVisible(study is not None)
        self.slices.set_classes(() if study is None else study.classes)
        self.slices.note_reader()
        self.lost.show_study(study)
        self._list_scans()
        self._refresh()

    def _list_scans(self) -> None:
        self.scans.show_study(self.session.study)
        self.scans.select(self.session.scan)
        if self.session.scan is not None:
            self.scans.count_tags()

    def _scan_changed(self, scan: str) -> None:
        self.scans.select(scan)
        self.scans.count_tags()
        self.slices.forget_range()
        requested, self._requested = self._requested, None
        if requested is not None and requested[0] == scan:
            self.session.go_to(requested[1])
        self._refresh()

    def _tags_changed(self, scan: str) -> None:
        if scan == self.session.scan:
            self._refresh()
        else:
            self.scans.read_again(scan)

    def _lost_found(self) -> None:
        study = self.session.study
        self._list_scans()
        if study is not None and self.session.scan is None:
            self._reading.read(study, self.session.order.names[0])

    def _read_next(self) -> None:
        name = self.scans.next_with_work()
        if name is None:
            self.status.setText("All other scans are tagged.")
        else:
            self._read(name)

    def _summarise(self) -> None:
        study = self.session.study
        label = self.session.order.label
        tables = {label(scan): table for scan, table in self.scans.tables.items()}
        self.summary.show_tables(tables, () if study is None else study.class_names)

    def _acquire_lock(self) -> None:
        self.session.acquire_lock()
        study, scan = self.session.study, self.session.scan
        if study is not None and scan is not None and not self.session.read_only:
            self._study_changed()
            self._reading.read(study, scan)
        else:
            self._refresh()

    def _obstacle(self) -> str:
        """Return why no slice can be tagged now; empty if one can."""
        if self._reading.running:
            return "Reading …"
        if self.session.study is None:
            return NO_STUDY
        if self.session.scan is None:
            return "Choose a scan." if self.session.study.scan_names else "Add scans to the study."
        if self.session.damage:
            return self.session.order.hide(self.session.damage)
        if self.session.read_only:
            return self.session.read_only
        if not self.session.in_millimetres:
            return OTHER_UNITS
        if self.session.slice_index is None:
            return TURNED_AWAY
        return ""

    def _refresh(self, *_: object) -> None:
        """Show the tags of the slice on screen, or why there are none."""
        obstacle = self._obstacle()
        self.slices.show_slice(usable=not obstacle, in_sight=self._in_sight)
        self.comparison.show_slice()
        self.suggesting.show_slice()
        self.tag_menu.setEnabled(not self._reading.running)
        self.status.setText(obstacle)
        # They share a line, so that nothing moves when one of them comes.
        self.status.setVisible(bool(obstacle))
        self.slices.note.setVisible(not obstacle)
        self.turn_button.setVisible(obstacle == TURNED_AWAY)
        self.claim_button.setVisible(bool(obstacle) and obstacle == self.session.read_only)
        if self.session.scan is not None and self.session.table is not None:
            self.scans.show_tags(self.session.scan, self.session.table)

    def _theme_changed(self, event: Any) -> None:
        self.slices.strip.set_theme(event.value)


def _events_of_view(viewer: Viewer) -> list[Any]:
    """Return the events after which another slice may be on screen; napari < 0.9 has no units."""
    events = viewer.dims.events
    names = ("point", "ndisplay", "order", "units")
    return [events[name] for name in names if name in events.emitters]
