"""A training in a thread of napari."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from napari_mcwss.plugin.shared.background import Job
from napari_mcwss.segmentation.corrected import trusted_masks
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Batch, Event
from napari_mcwss.training.process.launcher import Beginning

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study
    from napari_mcwss.training.preview import Watched


def thread_job(
    study: "Study",
    name: str,
    config: TrainingConfig,
    beginning: Beginning,
    watched: "Watched",
    *,
    trust: bool,
) -> Job:
    """Return the job that trains a model, with corrected masks if these are to be trusted."""

    def events() -> Generator[Event, None, None]:
        from napari_mcwss.training.loop import resume, train

        if beginning is Beginning.RESUME:
            yield from resume(study, name, watched=watched)
        else:
            restart = beginning is Beginning.RESTART
            trusted = trusted_masks(study) if trust else None
            yield from train(study, name, config, trusted=trusted, restart=restart, watched=watched)

    return Job(f"training of {name}", events, _is_batch, computes=True, lasts=True)


def _is_batch(event: object) -> bool:
    return isinstance(event, Batch)
