"""What docks list of the files of the open study, as it was when somebody last looked."""

from collections.abc import Sequence
from typing import Self

from napari_mcwss.scans.finding_masks import offered_masks
from napari_mcwss.study.model_states import ModelState, model_states
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.unfinished import Unfinished, unfinished_trainings


class KnownFiles:
    """Models, unfinished trainings and recognised masks of a study, kept once they are read.

    To look at them takes many operations on files, each of which waits for the network if the study
    is on a share, and all docks ask whenever the study or the scan changes.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._states: Sequence[ModelState] | None = None
        self._unfinished: Sequence[Unfinished] | None = None
        self._masks: Sequence[str] | None = None

    def read(self) -> Self:
        """Read all now, as in another thread."""
        _ = self.states, self.unfinished, self.masks
        return self

    def forget(self) -> None:
        """Look again the next time somebody asks."""
        self._states = self._unfinished = self._masks = None

    @property
    def states(self) -> Sequence[ModelState]:
        """All models, the newest last."""
        if self._states is None:
            self._states = model_states(self._study)
        return self._states

    @property
    def names(self) -> list[str]:
        """The names of all models, the newest last."""
        return [state.name for state in self.states]

    @property
    def unfinished(self) -> Sequence[Unfinished]:
        """Unfinished trainings by name, those that run now included."""
        if self._unfinished is None:
            self._unfinished = unfinished_trainings(self._study)
        return self._unfinished

    @property
    def masks(self) -> Sequence[str]:
        """Names of masks that lie where data sets have them, as of the first scan."""
        if self._masks is None:
            study = self._study
            first = next((study.files(scan)[0] for scan in study.scan_names), None)
            self._masks = offered_masks(first) if first else []
        return self._masks
