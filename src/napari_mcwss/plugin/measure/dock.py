"""The dock that measures masks, alone, side by side, or against a reference."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import (
    QGuiApplication,
    QKeySequence,
    QShortcut,
    QShowEvent,
    QStandardItem,
    QStandardItemModel,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QTableView,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.sizes import parse_spacing
from napari_mcwss.plugin.measure.mask_choice import NONE, MakeSource, MaskChoice
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.docking import Dock
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import row, stack
from napari_mcwss.plugin.shared.scrolling import scroll
from napari_mcwss.plugin.shared.typed_values import unions_in

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_mcwss.measurement.compare_masks import Row, ScanComparison
    from napari_mcwss.study.study import Study

_SORT = Qt.ItemDataRole.UserRole
_PLACE = Qt.ItemDataRole.UserRole + 1
_FIRST = ("scan", "mask", "class", "dice")
_LONGEST = 14
"""Characters of scans and masks, whose ends tell them apart; classes are shown whole."""


class MeasureDock(Dock):
    """Measure masks in the background and show a table."""

    ended = Signal()

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = Session.of(napari_viewer)
        self._rows: list[Row] = []
        self._problems: list[str] = []
        self._failure = ""
        self._done = 0
        self._study: Study | None = None  # of which masks are measured
        self._watched: WeakSet[Layer] = WeakSet()
        self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._end)
        self._make_widgets()
        session, layers = self.session, napari_viewer.layers.events
        connect_until_destroyed(self, self._forget_study, session.study_opened)
        connect_until_destroyed(
            self,
            self._refresh,
            session.study_changed,
            session.models_changed,
            session.scan_changed,
            layers.inserted,
            layers.removed,
        )
        self._refresh()

    def _make_widgets(self) -> None:
        self.first = MaskChoice(self.session, optional=False)
        self.second = MaskChoice(self.session, optional=True)
        self.reference = MaskChoice(self.session, optional=True)
        self.reference.currentIndexChanged.connect(self._reference_changed)
        self.values = QLineEdit(
            placeholderText="e.g. TC=1,4 ED=2",
            toolTip="Values of the classes in the reference. If empty: 1, 2, … in their order",
        )
        self.unions = QLineEdit(
            placeholderText="e.g. whole=TC,ED",
            toolTip="Classes that are also measured together: a name, and its classes",
        )
        self.spacing = QLineEdit(
            placeholderText="pictures only, e.g. 1,0.2,0.2",
            toolTip="(z, y, x) in mm. Pictures do not store it: if empty, they count in pixels",
        )
        self.scope = QComboBox()
        self.scope.addItems(["the scan on screen", "all scans that have a mask"])
        self.measure_button = QPushButton("Measure", clicked=self.measure)
        self.cancel_button = QPushButton("Cancel", clicked=self.background.cancel)
        self.model = QStandardItemModel(self, sortRole=_SORT)
        self.table = QTableView(
            sortingEnabled=True,
            editTriggers=QAbstractItemView.EditTrigger.NoEditTriggers,
            selectionBehavior=QAbstractItemView.SelectionBehavior.SelectRows,
        )
        self.table.setModel(self.model)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.verticalHeader().hide()
        self.title = Note(textFormat=Qt.TextFormat.PlainText)
        self.copy_button = QPushButton(
            "Copy", toolTip="Copy the selected rows, or all, for a spreadsheet", clicked=self.copy
        )
        QShortcut(
            QKeySequence.StandardKey.Copy,
            self.table,
            context=Qt.ShortcutContext.WidgetShortcut,
            activated=self.copy,
        )
        self.save_button = QPushButton("Save as CSV …", clicked=self.save)
        self.status = Note(textFormat=Qt.TextFormat.PlainText)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Masks", self.first)
        form.addRow("Second masks", self.second)
        form.addRow("Compare with", self.reference)
        form.addRow("Reference values", self.values)
        form.addRow("Classes together", self.unions)
        form.addRow("Voxel size", self.spacing)
        form.addRow("Scans", self.scope)
        work = row(self.measure_button, self.cancel_button)
        output = row(self.copy_button, self.save_button)
        inside = QWidget()
        parts = form, work, self.status, self.title, self.table, output
        stack(inside, *parts, margins=True)
        inside.layout().setStretch(4, 1)
        stack(self, scroll(inside))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """List the masks that there are now, as layers may have been renamed."""
        super().showEvent(event)
        self._refresh()

    def measure(self) -> None:
        """Measure the chosen masks, layers as they are now."""
        study, scan = self.session.study, self.session.scan
        if study is None:
            return
        # What is seen now is proposed.
        self._refresh()
        try:
            chosen = [self.first.source(""), self.second.source("")]
            reference = self.reference.source(self.values.text())
            makers = [maker for maker in chosen if maker is not None]
            if not makers:
                raise McwssError("no masks are chosen: choose a layer, a model or a folder")
            everywhere = self.scope.currentIndex() == 1
            if scan is None and not everywhere:
                raise McwssError("no scan is on screen: choose one, or measure all scans")
            scans = None if everywhere or scan is None else [scan]
            unions = unions_in(self.unions.text(), study.class_names)
            text = self.spacing.text().strip()
            spacing = parse_spacing(text) if text else None
            events = partial(_comparison, study, scans, makers, reference, unions, spacing)
            self.background.start(Job("measurement of masks", events))
        except McwssError as error:
            show_error(self.session.order.hide(str(error)))
            return
        self._clear()
        self._study = study
        self.title.setText(self._named())
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.status.setText("Measuring …")
        self._refresh()

    def _clear(self) -> None:
        self._rows, self._problems, self._failure, self._done = [], [], "", 0
        self._study = None
        self.model.clear()
        self.title.clear()

    def _forget_study(self) -> None:
        """Empty the table and the fields: classes and folders are those of the study before."""
        self.background.cancel()
        self._clear()
        for choice in (self.first, self.second, self.reference):
            choice.forget()
        for line in (self.values, self.unions, self.spacing):
            line.clear()
        self.status.clear()

    def _named(self) -> str:
        """Say which masks are measured."""
        masks, beside, right = (
            "" if (option := choice.option) is None or option.kind == NONE else option.text
            for choice in (self.first, self.second, self.reference)
        )
        compared = f", compared with {right}" if right else ""
        return f"{' and '.join(filter(None, (masks, beside)))}{compared}"

    def copy(self) -> None:
        """Copy the selected rows, or all, as text separated by tabs."""
        from napari_mcwss.measurement.tables import delimited

        QGuiApplication.clipboard().setText(delimited(self._ordered(selected=True), "\t"))

    def save(self) -> None:
        """Ask for a CSV file and write all rows to it."""
        name, _ = QFileDialog.getSaveFileName(self, "Save", "measurements.csv", "CSV (*.csv)")
        if not name:
            return
        from napari_mcwss.measurement.tables import write_rows

        try:
            write_rows(Path(name), self._ordered(selected=False))
        except McwssError as error:
            show_error(str(error))

    def _ordered(self, *, selected: bool) -> "list[Row]":
        """Return the rows in the order on screen; the selected ones, if any are."""
        lines = [index.row() for index in self.table.selectionModel().selectedRows()]
        if not (selected and lines):
            lines = list(range(self.model.rowCount()))
        return [self._rows[self.model.item(line, 0).data(_PLACE)] for line in sorted(lines)]

    def _take(self, event: "ScanComparison") -> None:
        if self._study is None:
            return  # of a study that is open no more
        from napari_mcwss.measurement.tables import HEADINGS, text_of, used_columns

        self._done += bool(event.rows)
        label = self.session.order.label(event.scan)
        if event.problem:
            self._problems.append(f"{label}: {self.session.order.hide(event.problem)}")
        for measured in event.rows:
            shown = replace(measured, scan=label)
            items = []
            for key, value in shown.record().items():
                item = QStandardItem(text_of(key, value))
                item.setToolTip(item.text())
                # Undefined values are sorted last, or first.
                item.setData(float("-inf") if value is None else value, _SORT)
                item.setData(len(self._rows), _PLACE)
                items.append(item)
            self.model.appendRow(items)
            self._rows.append(shown)
        self.model.setHorizontalHeaderLabels(list(HEADINGS.values()))
        used = used_columns(self._rows)
        for index, key in enumerate(HEADINGS):
            self.table.setColumnHidden(index, key not in used)
        self.status.setText(f"{self._done} scans")
        self._refresh()

    def _end(self, outcome: JobOutcome) -> None:
        if self._study is None:
            self._refresh()
            return
        ends = {True: "Cancelled.", False: f"Scans measured: {self._done}."}
        if outcome.error is not None:
            self._failure = f"Failed: {self.session.order.hide(str(outcome.error))}"
        text = self._failure or ends[outcome.cancelled]
        missed = [self.session.order.hide(line) for line in outcome.value or ()]
        self.status.setText("\n".join([text, *self._means(), *self._problems, *missed]))
        self._arrange_columns()
        self._refresh()
        self.ended.emit()

    def _means(self) -> list[str]:
        """Return a line for each mask with its mean Dice, if there are several scans."""
        from napari_mcwss.measurement.compare_masks import mean_dice

        if len({row.scan for row in self._rows}) < 2:
            return []
        return [
            f"Mean Dice of {mask}: {', '.join(f'{c} {dice:.3f}' for c, dice in means.items())}"
            for mask, means in mean_dice(self._rows).items()
        ]

    def _arrange_columns(self) -> None:
        """Let the first columns tell which mask of which class agrees how well."""
        from napari_mcwss.measurement.tables import HEADINGS

        self.table.resizeColumnsToContents()
        header, keys = self.table.horizontalHeader(), list(HEADINGS)
        most = _LONGEST * header.fontMetrics().averageCharWidth()
        for place, key in enumerate(_FIRST if self._rows else ()):
            column = keys.index(key)
            header.moveSection(header.visualIndex(column), place)
            if key in ("scan", "mask") and not self.table.isColumnHidden(column):
                header.resizeSection(column, min(header.sectionSize(column), most))

    def _refresh(self) -> None:
        for layer in self.viewer.layers:
            if layer not in self._watched:
                self._watched.add(layer)
                connect_until_destroyed(self, self._refresh, layer.events.visible)
        for choice in (self.first, self.second, self.reference):
            choice.refresh()
        running, study = self.background.running, self.session.study
        self.measure_button.setEnabled(study is not None and not running)
        self.cancel_button.setEnabled(running and not self.background.cancelling)
        for button in (self.copy_button, self.save_button):
            button.setEnabled(bool(self._rows) and not running)
        if study is None:
            self.status.setText("Open or make a study in the Tagging dock first.")
        elif not (running or self._rows or self._problems or self._failure):
            self.status.clear()

    def _reference_changed(self) -> None:
        option = self.reference.option
        self.values.setEnabled(option is not None and option.kind in ("layer", "folder", "beside"))


def _comparison(
    study: "Study",
    scans: Sequence[str] | None,
    makers: Sequence[MakeSource],
    reference: MakeSource | None,
    unions: Mapping[str, Sequence[str]],
    spacing: tuple[float, float, float] | None,
) -> "Generator[ScanComparison | None, None, list[str]]":
    """Measure scans, None for all that have one of the masks; returns what models have missed."""
    from napari_mcwss.measurement.compare_masks import compare_masks, missed_in_rows

    yield None
    sources = [make() for make in makers]
    right = None if reference is None else reference()
    names = scans or [s for s in study.scan_names if any(source.has(s) for source in sources)]
    if not names:
        raise McwssError("no scan has a mask to measure: segment scans first")
    rows: list[Row] = []
    steps = compare_masks(study, names, sources, right, unions=unions, spacing=spacing)
    for found in steps:
        rows += found.rows
        yield found
    return [
        f"{source.name}: {missed.text}"
        for source in sources
        for missed in missed_in_rows(study, source, rows)
    ]
