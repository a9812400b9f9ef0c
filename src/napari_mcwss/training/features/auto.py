"""The preset ``auto``: the smaller reach of two presets, if it predicts tags as well."""

from collections.abc import Generator, Sequence

import torch

from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.state import TrainingState
from napari_mcwss.training.clock import Clock
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.kept_slices import KeptSlices
from napari_mcwss.training.events import Event
from napari_mcwss.training.features.choice import Choice, choose, unpredictable
from napari_mcwss.training.features.pilot import HeldOut, run_pilot
from napari_mcwss.training.memory import BatchSize
from napari_mcwss.training.validation import tag_aucs


def try_smaller(
    study: Study,
    state: TrainingState,
    presets: tuple[str, str],
    scans: Sequence[str],
    config: TrainingConfig,
    device: torch.device,
    batch: BatchSize,
    clock: Clock,
    kept: KeptSlices,
) -> Generator[Event, None, Choice]:
    """Compare the preset of a finished stage with one of a smaller reach, in a pilot.

    The choice and the classes that neither predicts are kept in the state, which has the held-out
    scores of the finished stage.

    Parameters
    ----------
    presets : tuple of str
        The finished preset, and the one to try.
    scans : sequence of str
        Trained on.
    kept : KeptSlices
        Slices that need not be read again.
    """
    large: dict[str, float] = {}
    small: dict[str, float] = {}
    if state.held_out is not None:
        held_out = HeldOut(**state.held_out)
        found = yield from run_pilot(study, presets[1], scans, config, device, batch, clock, kept)
        if found is not None:
            large, small = held_out.aucs(found, study.class_names)
        aucs = tag_aucs(held_out.scores, held_out.tags, study.class_names)
        tags = held_out.tags.numpy()
        state.unpredictable = unpredictable([aucs, small], tags, study.class_names)
    choice = choose(large, small, presets)
    state.choice, state.held_out = choice.reason, None
    return choice
