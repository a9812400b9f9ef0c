"""Comparison of two trainings of a study: their curves, and their differences."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.model_choice import ModelChoice
from napari_mcwss.plugin.shared.rows import row, stack
from napari_mcwss.plugin.training.curves import Curves
from napari_mcwss.study.model_states import model_states

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study
    from napari_mcwss.training.checkpoints.records import RunRecord


class RunComparison(QDialog):  # type: ignore[misc]
    """Choose two models and compare their trainings; the second one's curves are dashed."""

    def __init__(self, parent: QWidget, study: "Study", theme: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare trainings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(720, 640)
        self._study = study
        self.first, self.second = ModelChoice(), ModelChoice()
        states = model_states(study)
        for choice, index in ((self.first, len(states) - 1), (self.second, len(states) - 2)):
            choice.show_models(states, states[max(0, index)].name)
            choice.model_chosen.connect(self._ask)
        self.curves = Curves(theme)
        read_only = QAbstractItemView.EditTrigger.NoEditTriggers
        self.facts = QTableWidget(0, 3, editTriggers=read_only, wordWrap=True)
        self.facts.verticalHeader().hide()
        self.facts.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.curves)
        parts.addWidget(self.facts)
        parts.setSizes([420, 220])
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        choices = row(self.first, QLabel("dashed:", alignment=right), self.second)
        stack(self, choices, parts, margins=True)
        self.layout().setStretch(1, 1)
        self._latest = Latest(self, "reading of two trainings")
        self._latest.answered.connect(self._show)
        self._ask()

    def _ask(self, _: str = "") -> None:
        study, names = self._study, (self.first.model, self.second.model)

        def read() -> "tuple[RunRecord, RunRecord]":
            from napari_mcwss.training.checkpoints.records import read_run

            return read_run(study, names[0]), read_run(study, names[1])

        self._latest.ask(read)

    def _show(self, runs: "tuple[RunRecord, RunRecord]") -> None:
        self.curves.clear({spec.name: spec.colour for spec in self._study.classes})
        for run, beside in zip(runs, (False, True), strict=True):
            for epoch in run.history:
                self.curves.add_epoch(epoch.epoch, epoch.losses, epoch.validation, beside=beside)
        self.curves.draw()
        self._show_facts(*(run.facts for run in runs))

    def _show_facts(self, one: dict[str, str], other: dict[str, str]) -> None:
        differ = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        self.facts.setHorizontalHeaderLabels(
            ["differs", self.first.currentText(), self.second.currentText()]
        )
        self.facts.setRowCount(len(differ))
        for index, name in enumerate(differ):
            for column, text in enumerate((name, one.get(name, ""), other.get(name, ""))):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.facts.setItem(index, column, item)
        self.facts.resizeRowsToContents()
