"""The dock with the study: its scans, and the tags of the slice on screen."""

from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.scan_order import ScanOrderBoxes
from napari_mcwss.plugin.session.scan_reading import ScanReading
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.session.unsaved_tags import UnsavedTags
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.rows import dock_of, side_by_side
from napari_mcwss.plugin.study.lost_scans import LostScans
from napari_mcwss.plugin.study.new_study import ScansDialog
from napari_mcwss.plugin.study.open_layers import OpenLayersDialog
from napari_mcwss.plugin.tagging.comparison import Comparison
from napari_mcwss.plugin.tagging.menu import TagMenu
from napari_mcwss.plugin.tagging.scan_list import ScanList
from napari_mcwss.plugin.tagging.slice_tagging import SliceTagging
from napari_mcwss.plugin.tagging.suggestions import Suggesting
from napari_mcwss.plugin.tagging.summary import TagSummary
from napari_mcwss.study.layout import STUDY_FILE
from napari_mcwss.study.study import Study

NO_STUDY = "Make or open a study, or drop a folder of scans here."
TURNED_AWAY = "This view shows no axial slice of the scan: turn it back to tag slices."
OTHER_UNITS = "A layer is not in millimetres: give it the unit mm, or remove it, to tag slices."


class TaggingDock(QWidget):  # type: ignore[misc]
    """Open a study, choose a scan, tag its slices.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer that shows the scan.

    Attributes
    ----------
    settled : Signal
        Nothing is being read any more.
    slices : SliceTagging
        Tags of the slice on screen.
    """

    settled = Signal()

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = Session.of(napari_viewer)
        self._reading = ScanReading(self, self.session)
        self._reading.ended.connect(self._show_read)
        self._slice_wanted: tuple[str, int] | None = None
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
            (self._refresh, *_events_of_view(self.viewer)),
            (self._theme_changed, self.viewer.events.theme),
        ):
            connect_until_destroyed(self, slot, *signals)
        self._place: QDockWidget | None = None
        self._in_sight = True
        QApplication.instance().aboutToQuit.connect(self.session.close)
        self._study_changed()

    def _make_widgets(self) -> None:
        self.new_button = QPushButton("New study …")
        self.open_button = QPushButton("Open study …")
        self.add_button = QPushButton("Add scans …")
        self.layers_button = QPushButton("Use the open layers …")
        self.new_button.setToolTip("Choose scans and name classes; the scans stay where they are")
        self.open_button.setToolTip("The folder of a study that was made before")
        self.add_button.setToolTip("More scans, of the same channels, for this study")
        self.layers_button.setToolTip("Make a study of the image layers in the list")
        self.new_button.clicked.connect(self.new_study)
        self.open_button.clicked.connect(self._ask_study)
        self.add_button.clicked.connect(self.add_scans)
        self.layers_button.clicked.connect(self.use_layers)
        actions = QGridLayout()
        for index, button in enumerate(
            (self.new_button, self.open_button, self.add_button, self.layers_button)
        ):
            actions.addWidget(button, index // 2, index % 2)
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.scans = ScanList(self.session.order)
        self.scans.setMaximumHeight(180)
        self.scans.scan_chosen.connect(self._scan_chosen)
        self.scans.tables_changed.connect(self._summarise)
        self.order_boxes = ScanOrderBoxes(self.session.order)
        self.session.order.changed.connect(self._order_changed)
        self.summary = TagSummary()
        self.slices = SliceTagging(self.viewer)
        self.slices.switch.toggled.connect(self._refresh)
        self.slices.next_scan_wanted.connect(self._next_scan)
        self.comparison = Comparison(self.session, self.scans, self.slices.strip)
        self.comparison.place_wanted.connect(self._go_to)
        self.suggesting = Suggesting(self.session, self.scans, self.slices.strip)
        self.suggesting.place_wanted.connect(self._go_to)
        self.tag_menu = TagMenu(self.session, self.comparison)
        self.lost = LostScans(self.session.order)
        self.lost.found.connect(self._found_again)
        self.turn_button = QPushButton("Turn back to the slices")
        self.turn_button.clicked.connect(self.session.reset_view)
        self.claim_button = QPushButton("Try again")
        self.claim_button.clicked.connect(self._acquire_lock)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing())
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.addLayout(actions)
        layout.addWidget(self.title)
        layout.addWidget(self.scans)
        layout.addWidget(side_by_side(self.order_boxes, self.tag_menu))
        layout.addWidget(self.slices)
        layout.addWidget(self.suggesting)
        layout.addWidget(self.comparison)
        layout.addWidget(self.status)
        layout.addWidget(self.lost)
        layout.addWidget(self.turn_button)
        layout.addWidget(self.claim_button)
        layout.addWidget(self._beneath(self.summary), 1)

    @staticmethod
    def _beneath(widget: QWidget) -> QScrollArea:
        """Let a widget have the room that others leave: its length must squeeze no button."""
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(widget)
        return area

    def open_study(self, folder: Path) -> None:
        """Open a study; what cannot be opened is told in a notification."""
        try:
            study = Study.open(folder)
        except McwssError as error:
            show_error(str(error))
            return
        self._take(study)

    def new_study(self, sources: list[Path] | None = None) -> None:
        """Ask for scans and classes, and make a study of them."""
        self._accept(ScansDialog(self, sources=sources or []))

    def add_scans(self, sources: list[Path] | None = None) -> None:
        """Ask for scans, and add them to the study."""
        if self.session.study is not None:
            self._accept(ScansDialog(self, self.session.study, sources or []))

    def use_layers(self) -> None:
        """Make a study of the image layers that are open."""
        try:
            dialog = OpenLayersDialog(self, self.viewer)
        except McwssError as error:
            show_error(str(error))
            return
        self._accept(dialog)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Learn from the dock around this widget when another tab hides it."""
        super().showEvent(event)
        place = dock_of(self)
        if place is not None and place is not self._place:
            self._place = place
            place.visibilityChanged.connect(self._come_in_sight)
            UnsavedTags.guard(place.parentWidget(), self.session)

    def _come_in_sight(self, in_sight: bool) -> None:
        # Qt counts a widget as visible even behind another tab; its keys must not work there.
        self._in_sight = in_sight
        self._refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take files and folders."""
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

    def _accept(self, dialog: ScansDialog | OpenLayersDialog) -> None:
        """Show a dialog without blocking the screen, and take the study that it makes."""
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._take(dialog.study))
        dialog.open()

    def _take(self, study: Study | None) -> None:
        """Read a study's first scan, then show the study."""
        if study is None or not study.scan_names:
            return
        if study is self.session.study:
            self._study_changed()
        else:
            self.session.open(study)
            self._reading.read(study, self.session.order.names[0])

    def _ask_study(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a study")
        if folder:
            self.open_study(Path(folder))

    def _scan_chosen(self, name: str) -> None:
        if self.session.study is not None and name != self.session.scan:
            self._reading.read(self.session.study, name)

    def _go_to(self, scan: str, index: int) -> None:
        """Bring a slice on screen, of whichever scan."""
        if scan == self.session.scan:
            self.session.go_to(index)
        else:
            self._slice_wanted = scan, index
            self._scan_chosen(scan)

    def _show_read(self) -> None:
        # A scan that could not be read must not look as if it were on screen.
        self.scans.select(self.session.scan)
        self._refresh()
        self.settled.emit()

    def _study_changed(self) -> None:
        study = self.session.study
        self.title.setText("" if study is None else f"<b>{study.folder.name}</b>")
        self.title.setToolTip("" if study is None else str(study.folder))
        self.add_button.setEnabled(study is not None)
        self.slices.set_classes(() if study is None else study.classes)
        self.slices.note_reader()
        self.lost.show_study(study)
        self.scans.show_study(study)
        self.scans.select(self.session.scan)
        self._refresh()

    def _scan_changed(self, scan: str) -> None:
        self.scans.select(scan)
        self.slices.forget_range()
        wanted, self._slice_wanted = self._slice_wanted, None
        if wanted is not None and wanted[0] == scan:
            self.session.go_to(wanted[1])
        self._refresh()

    def _tags_changed(self, scan: str) -> None:
        if scan == self.session.scan:
            self._refresh()
        else:
            self.scans.read_again(scan)

    def _found_again(self) -> None:
        study = self.session.study
        self.scans.show_study(study)
        if study is not None and self.session.scan is None:
            self._reading.read(study, self.session.order.names[0])

    def _order_changed(self) -> None:
        self._summarise()
        self._refresh()

    def _next_scan(self) -> None:
        name = self.scans.next_with_work()
        if name is None:
            self.status.setText("All other scans are tagged.")
        else:
            self._scan_chosen(name)

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
        """Say why no slice can be tagged now, if so."""
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
        """Show the tags of the slice on screen, or why there are none to show."""
        obstacle = self._obstacle()
        self.slices.show_slice(usable=not obstacle, in_sight=self._in_sight)
        self.comparison.show_slice()
        self.suggesting.show_slice()
        self.tag_menu.setEnabled(not self._reading.running)
        self.status.setText(obstacle)
        self.turn_button.setVisible(obstacle == TURNED_AWAY)
        self.claim_button.setVisible(bool(obstacle) and obstacle == self.session.read_only)
        if self.session.scan is not None and self.session.table is not None:
            self.scans.show_tags(self.session.scan, self.session.table)

    def _theme_changed(self, event: Any) -> None:
        self.slices.strip.set_theme(event.value)


def _events_of_view(viewer: Viewer) -> list[Any]:
    """Give what tells that another slice may be on screen; units are there since napari 0.9."""
    events = viewer.dims.events
    names = ("point", "ndisplay", "order", "units")
    return [events[name] for name in names if name in events.emitters]
