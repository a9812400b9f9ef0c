"""How long a training goes on: for epochs, for minutes, or as long as it gets better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from napari_mcwss.training.config import TrainingConfig

WARM_UP = 0.1
"""Share of a stage over which the learning rate rises."""

AUC_GAIN = 0.005
"""By so much the mean area under the ROC curve has to be larger to be better."""

LOSS_GAIN = 0.01
"""By such a share the mean loss of an epoch has to be smaller to be better."""

MOST = 10
"""Times its epochs that a training with patience may take: it ends even if it gets better."""

NEARLY = 1e-9
"""What rounding may leave of a share."""


@dataclass
class _Waiting:
    """Where a training with patience is.

    Attributes
    ----------
    epochs : int
        Epochs that are done.
    progress : float
        The share that they were, 0..1.
    released : int
        Stages of the preset that have got as good as they get.
    best : float, optional
        The best of the present stage; larger is better.
    worse : int
        Epochs since then.
    """

    epochs: int = 0
    progress: float = 0.0
    released: int = 0
    best: float | None = None
    worse: int = 0


class Length:
    """Says which share of a training is done.

    With patience, the share stands still in each stage of the preset, at the
    end of its warm-up: the learning rate, which follows the share, stays at its
    full height while the network gets better. Then the share goes on at the
    pace of the configured epochs, and the rate falls.

    Parameters
    ----------
    config : TrainingConfig
        Its length is settled.
    starts : sequence of float
        The shares at which the stages of the preset begin, 0..1, ascending.
    """

    def __init__(self, config: TrainingConfig, starts: Sequence[float] = (0.0,)) -> None:
        self._epochs, self._minutes = config.epochs, config.minutes
        self._patience = config.patience
        ends = (*starts[1:], 1.0)
        self._holds = [a + WARM_UP * (b - a) for a, b in zip(starts, ends, strict=True)]
        self._waiting = _Waiting()

    @property
    def waits(self) -> bool:
        """Whether there is a stage to come, or under way, that lasts as long as it gets better."""
        return self._patience is not None and self._waiting.released < len(self._holds)

    def share(self, epochs: float, seconds: float) -> float:
        """Give the share of a training that is done, 0..1.

        Parameters
        ----------
        epochs : float
            Epochs done, fractions included.
        seconds : float
            Time taken.
        """
        if self._patience is not None:
            return self._patient_share(epochs)
        by_epochs = epochs / self._epochs if self._epochs else 0.0
        by_minutes = seconds / (60 * self._minutes) if self._minutes else 0.0
        return min(1.0, max(by_epochs, by_minutes))

    def judge(self, epochs: int, losses: Mapping[str, float], aucs: Mapping[str, float]) -> None:
        """Take note of how good an epoch was, once it is done.

        The later stages of a preset are judged by their loss: held-back tags
        measure the first.

        Parameters
        ----------
        epochs : int
            Epochs done.
        losses : mapping
            Its mean losses, ``total`` among them.
        aucs : mapping
            Class to area under the ROC curve on held-back scans; may be empty.
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
        """Give what another `Length` goes on from, in plain values."""
        return vars(self._waiting).copy()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be where another one was when it gave its state."""
        self._waiting = _Waiting(**state)

    def _patient_share(self, epochs: float) -> float:
        state = self._waiting
        share = state.progress + (epochs - state.epochs) / (self._epochs or 1)
        if self.waits:
            return min(share, self._holds[state.released])
        return 1.0 if share > 1 - NEARLY else share
