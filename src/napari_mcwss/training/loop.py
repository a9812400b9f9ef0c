"""Training as a generator of events, which needs neither a thread nor a screen."""

import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.state import TrainingState
from napari_mcwss.training.checkpoints.training_folder import TrainingFolder
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.split import Split
from napari_mcwss.training.data.training_data import Task
from napari_mcwss.training.distributed.ranks import Ranks
from napari_mcwss.training.events import Event
from napari_mcwss.training.memory import forget_locals, free_memory, ran_out
from napari_mcwss.training.preview import Watched, nothing_watched
from napari_mcwss.training.stages import Training


def train(
    study: Study,
    name: str,
    config: TrainingConfig,
    *,
    scans: Sequence[str] | None = None,
    trusted: Mapping[str, NDArray[np.uint8]] | None = None,
    restart: bool = False,
    watched: Watched = nothing_watched,
    ranks: Ranks | None = None,
) -> Generator[Event, None, None]:
    """Train a model of a study on its tags.

    It reads scans, tags and the masks that it is given, but no reference masks. Closing the
    generator stops the training after the last event: what it has learnt is kept as a model, with
    a state from which `resume` continues. Not asking for the next event pauses it.

    Parameters
    ----------
    study : Study
        The study of scans, tags and model.
    name : str
        Name of the model; an older one of this name stays until this one is finished.
    config : TrainingConfig
        Settings.
    scans : sequence of str, optional
        Scans to train on, by default all that are tagged.
    trusted : mapping, optional
        Scan to its label image, uint8 ``(z, y, x)``, 0 background, k + 1 class k. Heads
        on features learn from them, and of ``auto`` these alone are trained. A second
        stage learns from them as often as from the masks of the first stage, or from
        them alone if those differ much. If all scans trained on have one, it has no first
        stage before it.
    restart : bool
        Whether to discard an unfinished training of this name.
    watched : callable
        Returns scan and slice on screen, for `Preview`.
    ranks : Ranks, optional
        Processes that share each step, by default only this one.

    Yields
    ------
    Event
        One of those in `napari_mcwss.training.events`.

    Raises
    ------
    UnfinishedError
        If there is an unfinished training of this name.
    TrainingLockedError
        If a model of this name is in training.
    McwssError
        If the device is missing, the tags do not suffice, masks do not fit, memory runs
        out, or the model cannot be written.
    """
    with TrainingFolder(study, name) as folder:
        if not restart:
            folder.refuse_unfinished()
        task = Task.of(study, config, scans, trusted or {})
        state = TrainingState(
            key=secrets.token_hex(8),
            config=config.model_dump(),
            training=task.split.training,
            validation=task.split.validation,
            trusted=tuple(task.trusted),
            batch_size=config.batch_size,
        )
        yield from _events(Training(study, folder, task, state, watched, ranks or Ranks()))


def resume(
    study: Study,
    name: str,
    *,
    watched: Watched = nothing_watched,
    ranks: Ranks | None = None,
) -> Generator[Event, None, None]:
    """Continue an unfinished training, as if it had not been interrupted.

    Parameters and events are as for `train`; settings, scans and masks those that it began with.

    Raises
    ------
    McwssError
        If there is none, it is damaged, or the data have changed; and as for `train`.
    """
    with TrainingFolder(study, name) as folder:
        state = folder.read_state()
        split = Split(state.training, state.validation)
        task = Task.resumed(split, state.trusted, folder.working)
        yield from _events(Training(study, folder, task, state, watched, ranks or Ranks()))


def _events(training: Training) -> Generator[Event, None, None]:
    try:
        with closing(training.data), closing(training.work()) as events:
            for event in events:
                with training.clock.paused():
                    yield event
        return
    except BaseException as error:
        forget_locals(error)
        if not ran_out(error):
            raise
    finally:
        del training
        free_memory()
    raise McwssError(
        "memory ran out while reading scans: train with larger pixels or on fewer scans, or close "
        "other programs"
    )
