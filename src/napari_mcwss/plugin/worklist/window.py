"""The window of the worklist."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from napari.viewer import Viewer
from qtpy.QtCore import QModelIndex, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QCloseEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableView,
    QWidget,
)

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.model_choice import ModelChoice
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import side_by_side, stack
from napari_mcwss.plugin.worklist.reading import SIDE, Reading, Wanted
from napari_mcwss.plugin.worklist.table import FILTERS, NAME, SCAN, WorkOrder, WorkTable
from napari_mcwss.plugin.worklist.volume_curve import VolumeCurve
from napari_mcwss.study.follow_up import Timepoint, follow_ups
from napari_mcwss.study.model_states import default_model

if TYPE_CHECKING:
    from napari_mcwss.measurement.scan_facts import ScanFacts
    from napari_mcwss.plugin.worklist.reading import Thumbnail
    from napari_mcwss.study.study import Study

LINE = 26
"""Height of a row without pictures, in pixels."""

REST = 80
"""Milliseconds without scrolling before what is in sight is read first."""


class Worklist(QDialog):  # type: ignore[misc]
    """Lists what is done in each scan; stays open beside the window.

    Attributes
    ----------
    scan_chosen : Signal
        Name of a scan that the user wants on screen.
    """

    scan_chosen = Signal(str)

    def __init__(self, parent: QWidget, viewer: Viewer) -> None:
        super().__init__(parent)
        self.setWindowTitle("Worklist")
        self.resize(800, 560)
        self.session = session = Session.of(viewer)
        self._patients: dict[str, tuple[Timepoint, ...]] = {}
        self._grouping = Latest(self, "search for scans of one patient")
        self._grouping.answered.connect(self._take_patients)
        self.reading = Reading(self)
        self.reading.found.connect(self._take)
        self.work = WorkTable(session.order, self)
        self.order = WorkOrder(self.work, self)
        self.model = ModelChoice("The model whose results are listed")
        self.model.model_chosen.connect(self._read_all)
        self.text = QLineEdit(placeholderText="part of a name", clearButtonEnabled=True)
        self.filter = QComboBox()
        self.filter.addItems(FILTERS)
        self.pictures = QCheckBox(
            "Pictures", toolTip="A small picture of each scan, drawn when it comes into sight"
        )
        self.table = QTableView(
            sortingEnabled=True,
            editTriggers=QAbstractItemView.EditTrigger.NoEditTriggers,
            selectionBehavior=QAbstractItemView.SelectionBehavior.SelectRows,
            selectionMode=QAbstractItemView.SelectionMode.SingleSelection,
            verticalScrollMode=QAbstractItemView.ScrollMode.ScrollPerPixel,
            iconSize=QSize(SIDE, SIDE),
            wordWrap=False,
        )
        # In the order of the study, until the user sorts.
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.setModel(self.order)
        self.table.verticalHeader().hide()
        # Rows of one height: Qt need not ask each of 500 for its own.
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(LINE)
        self.curve = VolumeCurve(viewer.theme)
        self.note = Note(textFormat=Qt.TextFormat.PlainText)
        top = side_by_side(self.model, self.text, self.filter, self.pictures)
        stack(self, top, self.table, self.note, self.curve, margins=True)
        self.layout().setStretch(1, 1)
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(self._want)
        self.text.textChanged.connect(self._filter)
        self.filter.currentIndexChanged.connect(self._filter)
        self.pictures.toggled.connect(self._show_pictures)
        self.table.activated.connect(self._choose)
        self.table.selectionModel().currentRowChanged.connect(self._show_curve)
        self.table.verticalScrollBar().valueChanged.connect(self._rest.start)
        for change in (self.order.layoutChanged, self.order.rowsInserted, self.order.rowsRemoved):
            change.connect(self._rest.start)
        connect_until_destroyed(
            self, self.reading.again, session.tags_changed, session.results_changed
        )
        connect_until_destroyed(self, self._show_study, session.study_changed)
        connect_until_destroyed(self, self._show_models, session.models_changed)
        connect_until_destroyed(self, self._select, session.scan_changed)
        connect_until_destroyed(self, self._theme_changed, viewer.events.theme)
        session.order.changed.connect(self._show_study)
        self._show_study()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Read what has changed while the window was closed."""
        super().showEvent(event)
        self._rest.start()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Read what has come into sight."""
        super().resizeEvent(event)
        self._rest.start()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Read nothing more."""
        self.reading.stop()
        super().closeEvent(event)

    def _show_study(self) -> None:
        study = self.session.study
        names = self.session.order.names if study is not None else ()
        self.work.show_scans(names, () if study is None else study.class_names)
        self._patients = {}
        # In blind reading, nothing tells which scans are of one patient.
        if study is not None and not self.session.order.blind:
            self._grouping.ask(partial(_grouped, study, names))
        else:
            self._grouping.forget()
        self._show_models()
        header = self.table.horizontalHeader()
        for column in range(self.work.columnCount()):
            width = header.fontMetrics().horizontalAdvance(
                self.work.headerData(column, Qt.Orientation.Horizontal)
            )
            header.resizeSection(column, 150 if column == SCAN else width + 30)
        if self.session.scan is not None:
            self._select(self.session.scan)
        self._show_curve()

    def _take_patients(self, found: dict[str, tuple[Timepoint, ...]]) -> None:
        self._patients = found
        self._show_curve()

    def _show_models(self) -> None:
        known = self.session.known
        states = [] if known is None else known.states
        self.model.show_models(states, default_model(states, self.model.model))
        self._read_all()

    def _read_all(self, *_: object) -> None:
        """Read all facts, as of another model."""
        self.reading.begin(self.session.study, self.model.model)
        self.work.forget_facts()
        self._rest.start()

    def _want(self) -> None:
        """Read what is in sight first."""
        if not self.isVisible():
            return
        rows = self.order.rowCount()
        bottom = self.table.viewport().height()
        first, last = self.table.rowAt(0), self.table.rowAt(bottom)
        last = rows - 1 if last < 0 else last
        in_sight = tuple(self._scan(row) for row in range(max(first, 0), last + 1))
        scans = self.session.order.names
        self.reading.want(Wanted(in_sight, scans, self.pictures.isChecked()))

    def _scan(self, row: int) -> str:
        return str(self.order.index(row, SCAN).data(NAME))

    def _take(self, found: "list[ScanFacts | Thumbnail]") -> None:
        self.work.take(found)
        scan = self._selected
        if scan in {point.scan for read in found for point in self._patients.get(read.scan, ())}:
            self._show_curve()

    def _filter(self, *_: object) -> None:
        self.order.show_only(self.text.text(), self.filter.currentIndex())
        self._rest.start()

    def _show_pictures(self, shown: bool) -> None:
        self.work.with_pictures = shown
        self.table.verticalHeader().setDefaultSectionSize(SIDE + 4 if shown else LINE)
        self.work.refresh()
        self._rest.start()

    def _choose(self, index: QModelIndex) -> None:
        self.scan_chosen.emit(self._scan(index.row()))

    @property
    def _selected(self) -> str:
        index = self.table.currentIndex()
        return self._scan(index.row()) if index.isValid() else ""

    def _select(self, scan: str) -> None:
        """Select the scan on screen."""
        for row in range(self.order.rowCount()):
            if self._scan(row) == scan:
                self.table.selectRow(row)

    def _show_curve(self, *_: object) -> None:
        """Draw the volumes of the patient of the selected scan, if there are several scans."""
        points = self._patients.get(self._selected, ())
        study = self.session.study
        self.curve.setVisible(bool(points))
        if points and study is not None:
            volumes = {
                point.scan: facts.volumes
                for point in points
                if (facts := self.work.facts.get(point.scan)) is not None and facts.volumes
            }
            self.note.setText(f"{len(points)} scans of this patient, {len(volumes)} with a mask")
            self.curve.show_patient(points, volumes, study.classes)
        else:
            self.note.clear()

    def _theme_changed(self, event: object) -> None:
        self.curve.set_theme(event.value)  # type: ignore[attr-defined]


def _grouped(study: "Study", names: Sequence[str]) -> dict[str, tuple[Timepoint, ...]]:
    """Return all scans of the same patient, by scan."""
    found = follow_ups({name: study.files(name) for name in names})
    return {point.scan: points for points in found.values() for point in points}


class WorklistButton(QPushButton):  # type: ignore[misc]
    """Opens the worklist, or brings it to the front.

    Attributes
    ----------
    scan_chosen : Signal
        Name of a scan that the user wants on screen.
    """

    scan_chosen = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(
            "Worklist …",
            toolTip="What is tagged, segmented and corrected in each scan, with its volumes",
            clicked=self.open,
        )
        self._viewer = viewer
        self.worklist: Worklist | None = None

    def open(self) -> None:
        """Show the worklist."""
        if self.worklist is None:
            self.worklist = Worklist(self, self._viewer)
            self.worklist.scan_chosen.connect(self.scan_chosen)
        self.worklist.show()
        self.worklist.raise_()
        self.worklist.activateWindow()
