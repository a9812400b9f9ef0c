"""How long a training takes: epochs, minutes, or until it stops improving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from napari_mcwss.training.config import TrainingConfig

WARM_UP = 0.1
"""Share of a stage over which the learning rate rises."""

AUC_GAIN = 0.005
"""Least increase of the mean area under the ROC curve that counts as an improvement."""

LOSS_GAIN = 0.01
"""Least relative decrease of an epoch's mean loss that counts as an improvement."""

MOST = 10
"""A training with patience takes so many times its epochs at most, even if it improves."""

NEARLY = 1e-9
"""Rounding error of a share."""


@dataclass
class _Waiting:
    """State of a training with patience.

    `progress` is the share of the training, 0..1, that the finished `epochs` were, `released` the
    number of phases that have stopped improving, `best` the best score of the current phase, larger
    is better, and `worse` the epochs since then.
    """

    epochs: int = 0
    progress: float = 0.0
    released: int = 0
    best: float | None = None
    worse: int = 0


class Length:
    """Computes which share of a stage of a training is done.

    With patience, the share stops after the warm-up of each phase: the learning rate, which follows
    the share, stays high while the network improves. Then the share goes on at the pace of the
    configured epochs, and the rate falls. `starts` are the shares, 0..1 and ascending, at which the
    phases of the preset begin.
    """

    def __init__(self, config: TrainingConfig, starts: Sequence[float] = (0.0,)) -> None:
        self._epochs, self._minutes = config.epochs, config.minutes
        self._patience = config.patience
        ends = (*starts[1:], 1.0)
        self._holds = [a + WARM_UP * (b - a) for a, b in zip(starts, ends, strict=True)]
        self._waiting = _Waiting()

    @property
    def waits(self) -> bool:
        """Whether a current or later phase lasts until it stops improving."""
        return self._patience is not None and self._waiting.released < len(self._holds)

    def share(self, epochs: float, seconds: float) -> float:
        """Return the share that is done, 0..1, after so many epochs, or fractions, and seconds."""
        if self._patience is not None:
            return self._patient_share(epochs)
        by_epochs = epochs / self._epochs if self._epochs else 0.0
        by_minutes = seconds / (60 * self._minutes) if self._minutes else 0.0
        return min(1.0, max(by_epochs, by_minutes))

    def judge(self, epochs: int, losses: Mapping[str, float], aucs: Mapping[str, float]) -> None:
        """Decide after an epoch whether the training still improves.

        Validation, if any, measures the first phase; later phases are judged by their loss,
        ``total``.
        """
        if self._patience is None:
            return
        state = self._waiting
        state.epochs, state.progress = epochs, self._patient_share(epochs)
        if not self.waits or state.progress < self._holds[state.released]:
            return
        if aucs and not state.released:
            score, gain = fmean(aucs.values()), AUC_GAIN
        else:
            score, gain = -losses["total"], LOSS_GAIN * abs(state.best or 0.0)
        if state.best is None or score > state.best + gain:
            state.best, state.worse = score, 0
        else:
            state.worse += 1
        if state.worse >= self._patience:
            state.released, state.best, state.worse = state.released + 1, None, 0
        if epochs >= (MOST - 1) * (self._epochs or 1):
            state.released = len(self._holds)

    def state(self) -> dict[str, Any]:
        """Return the state to `restore`, in plain values."""
        return vars(self._waiting).copy()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another length."""
        self._waiting = _Waiting(**state)

    def _patient_share(self, epochs: float) -> float:
        state = self._waiting
        share = state.progress + (epochs - state.epochs) / (self._epochs or 1)
        if self.waits:
            return min(share, self._holds[state.released])
        return 1.0 if share > 1 - NEARLY else share
