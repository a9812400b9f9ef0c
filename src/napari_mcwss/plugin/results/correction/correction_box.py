"""The part of the Results dock that corrects a mask by hand."""

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QGroupBox, QPushButton

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.correction.next_to_correct import NextToCorrect
from napari_mcwss.plugin.results.correction.stroke_tools import StrokeTools
from napari_mcwss.plugin.results.correction.what_corrections_bought import WhatCorrectionsBought
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.session.unsaved_masks import UnsavedMasks
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.questions import agreed
from napari_mcwss.plugin.shared.rows import dock_of, row, stack

if TYPE_CHECKING:
    from napari_mcwss.segmentation.strokes.stroke import Mark


class CorrectionBox(QGroupBox):  # type: ignore[misc]
    """Begins a corrected mask, chooses what to paint, and marks a mask as right."""

    def __init__(self, state: ResultState) -> None:
        super().__init__("Correct by hand")
        self._state, self._session = state, state.session
        self._correcting = state.session.correcting
        self.begin_button = QPushButton(
            toolTip="Paint in a layer of its own, which is saved as you paint", clicked=self.begin
        )
        self.anew_button = QPushButton(
            "Start over …",
            toolTip="Replace the corrected mask by the model's mask on screen",
            clicked=self.begin_anew,
        )
        self.label = QComboBox(
            toolTip="The class that the brush paints; the layer's own key E erases",
            activated=self._choose_label,
        )
        self.right = QCheckBox(
            "This mask is right",
            toolTip="All slices are right, and training with corrected masks uses them as they "
            "are. The next stroke of the brush unchecks this",
            clicked=self._mark_right,
        )
        self.status = Note(textFormat=Qt.TextFormat.PlainText)
        buttons, marks = row(self.begin_button, self.anew_button), row(self.label, self.right)
        self.train_button = QPushButton(
            "Train with corrections …",
            toolTip="Go to the Training dock, set to learn from the masks that are marked as right",
            clicked=self._train,
        )
        self.next = NextToCorrect(state, self.train_button)
        self.bought = WhatCorrectionsBought(state)
        self.tools = StrokeTools(state, self._class_name)
        self.tools.wanted.connect(self.begin)
        self.done = Note(textFormat=Qt.TextFormat.PlainText)
        self._mark: Mark | None = None
        self.tools.mending.changed.connect(self._tell)
        inside = buttons, marks, self.tools, self.done, self.status, self.next
        stack(self, *inside, self.bought, margins=True)
        self._correcting.changed.connect(self.refresh)
        for signal in (state.changed, state.shown):
            signal.connect(self.refresh)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Have the window that holds the dock save masks before it closes."""
        super().showEvent(event)
        dock = dock_of(self)
        if dock is not None:
            UnsavedMasks.guard(dock.parentWidget(), self._session)

    def begin(self) -> None:
        """Begin to correct the mask on screen, or show the corrected mask again."""
        if self._correcting.exists:
            self._correcting.show()
        else:
            self._correcting.begin(self._model)
            self._choose_label(self.label.currentIndex())

    @property
    def _model(self) -> str:
        result = self._state.on_screen
        return "" if result is None else result.model

    def begin_anew(self) -> None:
        """Ask, then replace the corrected mask."""
        scan, model = self._session.scan, self._model
        if scan is None:
            return
        text = (
            f"Replace the corrected mask of {self._session.order.label(scan)} by the mask of "
            f"{model or 'no model'}? What was painted is lost."
        )
        wanted = agreed(self, "Start over", text, "Replace", destroys=True)
        # While it asks, another scan or another model's mask can have come.
        now = self._session.scan, self._model
        same = now == (scan, model) and not self._state.pending
        if wanted and same:
            self._correcting.begin(model)
        elif wanted:
            show_error("Start over again: another mask is on screen now, nothing was replaced")

    def _tell(self, mark: "Mark", text: str) -> None:
        """Say what a stroke has done, until it is undone or another one is drawn."""
        self._mark = mark
        self.done.setText(text)

    def refresh(self) -> None:
        """Enable what can be done now, and tell whether the corrected mask is saved."""
        correcting, study = self._correcting, self._session.study
        scan, layer = self._session.scan, correcting.layer
        ready = study is not None and scan is not None and not correcting.damage
        exists, coming = correcting.exists, self._state.pending
        self.begin_button.setText(
            "Show corrected mask" if exists and layer is None else "Correct the mask"
        )
        possible = exists or not (coming or self._session.read_only)
        self.begin_button.setEnabled(
            ready and possible and layer is None and not correcting.reading
        )
        editable = layer is not None and bool(layer.editable)
        self.anew_button.setEnabled(ready and editable and not coming)
        self.right.setEnabled(editable)
        self.right.setChecked(layer is not None and correcting.right)
        names = [] if study is None else ["nothing", *study.class_names]
        if names != [self.label.itemText(index) for index in range(self.label.count())]:
            self.label.clear()
            self.label.addItems(names)
            self.label.setCurrentIndex(min(1, len(names) - 1))
        self.label.setEnabled(bool(names))
        self.tools.refresh()
        if self._mark is not None and self._mark not in correcting.marks:
            self._mark = None
            self.done.clear()
        self.train_button.setEnabled(study is not None)
        self.status.setText(self._session.order.hide(self._status()))

    def _status(self) -> str:
        correcting, saving = self._correcting, self._correcting.saving
        if correcting.damage:
            return correcting.damage
        if saving.problem:
            return f"Not saved, will be tried again soon: {saving.problem}"
        if saving.waiting:
            return "Saving …"
        if correcting.layer is None:
            return ""
        if self._session.read_only:
            return f"The corrected mask cannot be changed here: {self._session.read_only}"
        if saving.saved_at is None:
            return "Corrected mask, saved"
        return f"Corrected mask, saved at {saving.saved_at:%H:%M:%S}"

    def _class_name(self) -> str:
        """Return the class that is chosen to be painted; empty for nothing."""
        return self.label.currentText() if self.label.currentIndex() > 0 else ""

    def _choose_label(self, index: int) -> None:
        layer = self._correcting.layer
        if layer is not None and index >= 0:
            layer.selected_label = index
            if not (self.tools.tool and index):
                layer.mode = "paint"
            self._session.viewer.layers.selection.active = layer
        self.tools.refresh()

    def _train(self) -> None:
        if not len(self._session.training_wanted):
            # The Training dock was not opened yet.
            self._session.viewer.window.add_plugin_dock_widget("napari-mcwss", "Training")
        self._session.training_wanted.emit()

    def _mark_right(self, right: bool) -> None:
        try:
            self._correcting.mark_right(right)
        except McwssError as error:
            show_error(str(error))
        self.refresh()
