"""Training as a generator of events: no thread, no screen, no printing."""

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

    Reference masks are out of its reach: it reads scans, tags and the labels
    that it is given. Closing the generator stops the run, at the event that it
    is at: what it has learnt is kept as a model, and its state to `resume` it.
    Not asking for the next event pauses it.

    Parameters
    ----------
    study : Study
        Where scans and tags come from and the model goes.
    name : str
        Of the model; an older model of that name stays until this one is done.
    config : TrainingConfig
        Settings.
    scans : sequence of str, optional
        Scans to train on; all tagged ones if not given.
    trusted : mapping, optional
        Scan to its label image, uint8 ``(z, y, x)``, 0 background, k + 1 class k,
        which the second stage takes as it is, and draws as often as the labels
        that the first one makes; it learns from the given ones alone if the
        others are not like them. If all scans trained on have one, there is no
        first stage.
    restart : bool
        Whether to give up an unfinished training of that name.
    watched : callable
        Gives the scan and slice that a user looks at, for `Preview`.
    ranks : Ranks, optional
        Processes that follow this one and take a share of each step; it is alone
        if not given.

    Yields
    ------
    Event
        One of those in `napari_mcwss.training.events`.

    Raises
    ------
    UnfinishedError
        If there is an unfinished training of that name.
    TrainingLockedError
        If a model of that name is in training.
    McwssError
        If the device is not there, the tags are not enough to learn from, or
        labels are given to a training without a second stage or do not fit
        their scan; if memory does not suffice; or the model cannot be written.
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
    """Go on with an unfinished training, as if it had not been interrupted.

    Settings, scans and masks given are those that it began with.

    Parameters
    ----------
    study : Study
        Where scans and tags come from and the model goes.
    name : str
        Of the model.
    watched, ranks
        As for `train`.

    Yields
    ------
    Event
        As for `train`.

    Raises
    ------
    McwssError
        If there is none, it is damaged, or scans, tags or classes are not those
        that it began with; and as for `train`.
    """
    with TrainingFolder(study, name) as folder:
        state = folder.read_state()
        split = Split(state.training, state.validation)
        task = Task.resumed(split, state.trusted, folder.working)
        yield from _events(Training(study, folder, task, state, watched, ranks or Ranks()))


def _events(training: Training) -> Generator[Event, None, None]:
    try:
        with closing(training.work()) as events:
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
        "memory ran out while the scans were read: train with larger pixels or on fewer scans, "
        "or close other programs"
    )
