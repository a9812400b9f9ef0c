"""The stored mask: whether it is the one on screen, and the way from one to the other."""

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_mcwss.measurement.sizes import amount_text
from napari_mcwss.plugin.handon.shown_mask import MaskDifference
from napari_mcwss.plugin.results.segmenting import MaskResult, Result, Stored
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import row, stack
from napari_mcwss.segmentation.masks.exclusive import THRESHOLD
from napari_mcwss.segmentation.masks.settings import THRESHOLDS


class StoredMask(QWidget):  # type: ignore[misc]
    """Tells the settings of the stored mask; saves the mask on screen in its place.

    Attributes
    ----------
    changed : Signal
        One of the two masks has changed, or the saving begins or ends.
    """

    changed = Signal()

    def __init__(self, state: ResultState) -> None:
        super().__init__()
        self._state = state
        self._mask: MaskResult | None = None
        self._whole = False
        self._stored: tuple[Result, Stored] | None = None
        self._saving: tuple[Result, Stored] | None = None
        self.background = Background(self)
        self.background.ended.connect(self._saved)
        self.status = Note()
        self.save_button = QPushButton(
            "Save this mask",
            toolTip="Replace the stored mask by the model's mask on screen, with all steps",
            clicked=self.save,
        )
        self.back_button = QPushButton(
            "Stored settings",
            toolTip="Set threshold, steps and the rest back to those that the stored mask was made "
            "with",
            clicked=self._go_back,
        )
        stack(self, self.status, row(self.save_button, self.back_button))
        for signal in (state.shown, state.mask_changed, state.cleared):
            signal.connect(self._follow)
        self._refresh()

    @property
    def difference(self) -> MaskDifference | None:
        """How the two masks differ; None if they do not, or there are none."""
        mask = self._mask
        if mask is None or self._stored is None:
            return None
        stored = self._stored[1]
        if self._whole and np.array_equal(mask.after_steps[-1], stored.mask):
            return None
        settings = replace(mask.settings, steps=self._state.settings.steps)
        words = _words(stored.record) if stored.record else {"": "unknown settings"}
        shown = _words(settings.record())
        before = [text for key, text in words.items() if shown.get(key) != text]
        here = [text for key, text in shown.items() if words.get(key) != text]
        # Until all steps are taken, the volumes are not those that would be saved.
        for name, then, now in _volumes(mask, stored) if self._whole else ():
            before.append(f"{name} {then}")
            here.append(f"{name} {now}")
        same = "the same settings and volumes, other voxels"
        old, new = (", ".join(texts) or same for texts in (before, here))
        return MaskDifference(mask.result.model, mask.result.scan, old, new)

    @property
    def savable(self) -> bool:
        """Whether all steps of the mask on screen are taken, and nothing is being saved."""
        return self._mask is not None and self._whole and not self.saving

    @property
    def saving(self) -> bool:
        """Whether the mask on screen is being stored."""
        return self.background.running

    def save(self) -> None:
        """Write the mask on screen, in the background."""
        study, mask = self._state.session.study, self._mask
        if study is None or mask is None or self.background.running:
            return
        result, last = mask.result, mask.after_steps[-1]
        record, exact = mask.settings.record(), result.stored.exact
        self._saving = result, Stored(last, record, exact, mask.volumes[-1])

        def events() -> Generator[None, None, None]:
            yield
            from napari_mcwss.segmentation.results import save_mask

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
        if written and done is not None:
            self._state.session.results_changed.emit(done[0].scan)

    def _go_back(self) -> None:
        if self._stored is not None:
            self._state.restore(self._stored[1].record)

    def _refresh(self) -> None:
        mask = self._mask
        stored = {} if mask is None or self._stored is None else self._stored[1].record
        same = mask is not None and stored == mask.settings.record()
        self.save_button.setEnabled(self.savable)
        self.back_button.setEnabled(bool(stored) and not same)
        if mask is None:
            text = ""
        elif self.saving:
            text = "Saving …"
        elif same:
            text = "The stored mask was made with these settings."
            if self._whole and self._stored is not None:
                text += _difference(mask, self._stored[1])
        elif stored:
            words = ", ".join(_words(stored).values())
            text = f"The stored mask was made with settings other than those above: {words}."
        else:
            text = "The settings of the stored mask are not known."
        self.status.setText(text)
        self.changed.emit()


def _difference(mask: MaskResult, stored: Stored) -> str:
    """Say how the stored mask differs from one of the same settings; empty if it does not."""
    if np.array_equal(mask.after_steps[-1], stored.mask):
        return ""
    differing = _volumes(mask, stored)
    volumes = ", ".join(f"{name} {then} ({now} on screen)" for name, then, now in differing)
    if not stored.exact:
        reason = "An older version rounded the CAMs when it stored them: segment this scan again."
    elif stored.record.get("tags"):
        reason = "Tags have changed since: save this mask to replace it."
    else:
        reason = "Its file has changed since: save this mask to replace it."
    return f" But it differs{f': {volumes}' if volumes else ''}. {reason}"


def _volumes(mask: MaskResult, stored: Stored) -> list[tuple[str, str, str]]:
    """Return the classes whose volumes differ, with the volumes stored and on screen."""
    text = partial(amount_text, in_mm=mask.result.geometry.in_mm)
    each = zip(mask.result.prediction.classes, stored.volumes, mask.volumes[-1], strict=True)
    texts = [(name, text(then), text(now)) for name, then, now in each]
    return [one for one in texts if one[1] != one[2]]


def _words(record: dict[str, Any]) -> dict[str, str]:
    """Describe each setting of a `MaskSettings.record`."""
    threshold = f"threshold {record.get('threshold', THRESHOLD):g}"
    if own := record.get(THRESHOLDS):
        threshold += f" ({', '.join(f'{name} {value:g}' for name, value in own.items())})"
    gate = record.get("gate")
    words = {
        "threshold": threshold,
        "gate": "in all slices" if gate is None else f"in slices with a score of {gate:g} or more",
        "tags": "with the slice tags" if record.get("tags") else "without the slice tags",
        "steps": f"steps: {record.get('steps')}",
    }
    ranges = ", ".join(f"{name}={limits}" for name, limits in record.get("volumes", {}).items())
    return words | ({"volumes": f"known volumes: {ranges}"} if ranges else {})
