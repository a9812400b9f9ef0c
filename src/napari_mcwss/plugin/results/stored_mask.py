"""The stored mask: whether it is the one on screen, and the way from one to the other."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.rows import row, stack

if TYPE_CHECKING:
    from napari_mcwss.plugin.results.segmenting import MaskResult, Result


class StoredMask(QWidget):  # type: ignore[misc]
    """Tells the settings of the stored mask; saves the mask on screen in its place."""

    def __init__(self, state: ResultState) -> None:
        super().__init__()
        self._state = state
        self._mask: MaskResult | None = None
        self._whole = False
        self._stored: tuple[Result, dict[str, Any]] | None = None
        self._saving: tuple[Result, dict[str, Any]] | None = None
        self.background = Background(self)
        self.background.ended.connect(self._saved)
        self.status = QLabel(wordWrap=True)
        self.save_button = QPushButton(
            "Save this mask",
            toolTip="Replace the stored mask by the model's mask on screen, with all steps",
            clicked=self.save,
        )
        self.back_button = QPushButton(
            "As stored", toolTip="Return to the settings of the stored mask", clicked=self._go_back
        )
        stack(self, self.status, row(self.save_button, self.back_button))
        for signal in (state.shown, state.mask_changed, state.cleared):
            signal.connect(self._follow)
        self._refresh()

    def save(self) -> None:
        """Write the mask on screen, in the background."""
        study, mask = self._state.session.study, self._mask
        if study is None or mask is None or self.background.running:
            return
        result = mask.result
        self._saving = result, mask.settings.record()

        def events() -> Generator[None, None, None]:
            yield
            from napari_mcwss.segmentation.results import save_mask

            last = mask.after_steps[-1]
            save_mask(study, result.model, result.scan, last, mask.settings, result.geometry)

        self.background.start(Job("saving of the mask", events))
        self._refresh()

    def _follow(self) -> None:
        mask = self._mask = self._state.mask
        if mask is not None:
            # Until all of its steps are taken, it cannot be saved.
            self._whole = mask.settings.steps == self._state.settings.steps
            if self._stored is None or self._stored[0] is not mask.result:
                self._stored = mask.result, mask.result.stored
        self._refresh()

    def _saved(self, outcome: JobOutcome) -> None:
        done, self._saving = self._saving, None
        written = outcome.error is None and not outcome.cancelled
        shown = None if self._stored is None else self._stored[0]
        if written and done is not None and done[0] is shown:
            self._stored = done
        self._refresh()

    def _go_back(self) -> None:
        if self._stored is not None:
            self._state.restore(self._stored[1])

    def _refresh(self) -> None:
        mask = self._mask
        stored = {} if mask is None or self._stored is None else self._stored[1]
        same = mask is not None and stored == mask.settings.record()
        ready = mask is not None and self._whole
        self.save_button.setEnabled(ready and not self.background.running)
        self.back_button.setEnabled(bool(stored) and not same)
        if mask is None:
            text = ""
        elif self.background.running:
            text = "Saving …"
        elif same:
            text = "The stored mask was made with these settings."
        elif stored:
            text = f"The stored mask was made with other settings: {_words(stored)}."
        else:
            text = "The settings of the stored mask are not known."
        self.status.setText(text)


def _words(record: dict[str, Any]) -> str:
    """Describe a `MaskSettings.record`."""
    gate = "all slices" if record.get("gate") is None else f"scores from {record['gate']:g}"
    tags = "tags" if record.get("tags") else "no tags"
    ranges = ", ".join(f"{name}={limits}" for name, limits in record.get("volumes", {}).items())
    volumes = f", volumes {ranges}" if ranges else ""
    steps = f"steps {record.get('steps')}"
    return f"threshold {record.get('threshold')}, {gate}, {tags}, {steps}{volumes}"
