"""The dialog that chooses the threshold on a few reference masks."""

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.rows import ok_cancel, side_by_side, stack
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.tags.mask_values import values_of_class

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


class ReferenceDialog(QDialog):  # type: ignore[misc]
    """Asks for reference masks, and measures stored CAMs of their scans at each threshold.

    `threshold` is the best one, with the other settings as given, once the dialog is accepted.
    """

    def __init__(self, parent: QWidget, study: "Study", model: str, settings: MaskSettings) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose the threshold on reference masks")
        self.threshold: float | None = None
        self._study, self._model, self._settings = study, model, settings
        self.masks = QLineEdit(placeholderText="their name beside each scan's files, such as seg")
        folder_button = QPushButton("Folder …", clicked=self._ask_folder)
        self.values = {name: QLineEdit(str(n)) for n, name in enumerate(study.class_names, 1)}
        self.reason = QLabel(
            "Scans that the model has segmented and that have a mask are measured, without their "
            "tags. These masks can no longer test the model afterwards.",
            textFormat=Qt.TextFormat.PlainText,
            wordWrap=True,
        )
        self.background = Background(self)
        self.background.event_received.connect(self.reason.setText)
        self.background.ended.connect(self._ended)
        buttons, self.ok_button = ok_cancel(self, "Choose")
        form = QFormLayout()
        form.addRow("Masks", side_by_side(self.masks, folder_button))
        for name, line in self.values.items():
            line.setPlaceholderText("values in the masks, such as 1, 4, or names")
            form.addRow(name, line)
        stack(self, form, self.reason, buttons, margins=True)
        self.resize(520, self.sizeHint().height())

    def accept(self) -> None:
        """Measure in the background, then close; stay open and tell an error."""
        if self.background.running:
            return
        try:
            masks, mapping = self.masks.text().strip(), self._mapping()
            if not masks:
                raise McwssError("name the masks, or choose a folder of masks")
        except McwssError as error:
            self.reason.setText(str(error))
            return
        self.ok_button.setEnabled(False)
        self.background.start(Job("choice of a threshold", partial(self._measured, masks, mapping)))

    def reject(self) -> None:
        """Stop measuring, and close."""
        self.background.cancel()
        super().reject()

    def _measured(
        self, masks: str, mapping: dict[str, tuple[int | str, ...]]
    ) -> Generator[str, None, dict[str, Any] | McwssError]:
        """Measure scan after scan; return Dice by scan and threshold, or the error."""
        from napari_mcwss.measurement.reference_threshold import dice_by_threshold

        measured: dict[str, Any] = {}
        yield "Measuring …"
        try:
            for scan, dice in dice_by_threshold(
                self._study, self._model, masks, mapping, rules=self._settings
            ):
                measured[scan] = dice
                yield f"Measured {counted(len(measured), 'scan')} …"
        except McwssError as error:
            # The dialog tells it: a notification would lie behind the dialog.
            return error
        return measured

    def _ended(self, outcome: JobOutcome) -> None:
        self.ok_button.setEnabled(True)
        if isinstance(outcome.value, dict):
            from napari_mcwss.measurement.reference_threshold import best_threshold

            self.threshold = best_threshold(outcome.value)
            super().accept()
        else:
            self.reason.setText(str(outcome.value or outcome.error or "Stopped."))

    def _mapping(self) -> dict[str, tuple[int | str, ...]]:
        mapping: dict[str, tuple[int | str, ...]] = {}
        for name, line in self.values.items():
            try:
                mapping[name] = values_of_class(line.text())
            except McwssError as error:
                raise McwssError(f"{name}: {error}") from error
        return mapping

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of masks")
        if folder:
            self.masks.setText(folder)


class ChooseButton(QPushButton):  # type: ignore[misc]
    """Opens the dialog for the model of the result, and tells the best threshold."""

    chosen = Signal(float)

    def __init__(self, state: ResultState) -> None:
        tip = "Find the threshold whose masks agree best with a few reference masks"
        super().__init__("Fit to masks …", toolTip=tip, clicked=self._ask)
        self._state = state

    def _ask(self) -> None:
        study, result = self._state.session.study, self._state.result
        if study is None or result is None:
            return
        settings = self._state.shown_settings
        dialog = ReferenceDialog(self.window(), study, result.model, settings)
        if dialog.exec() and dialog.threshold is not None:
            self.chosen.emit(dialog.threshold)
        dialog.deleteLater()
