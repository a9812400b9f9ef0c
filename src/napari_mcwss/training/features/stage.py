"""The stage of a training whose preset learns from features: slices are encoded, heads fitted.

It takes seconds to minutes. There are no epochs, and no state within it: after an interruption it
starts again.
"""

from collections.abc import Generator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from napari_mcwss.base.generators import Returning
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import Preset
from napari_mcwss.study.study import Study
from napari_mcwss.training.clock import Clock, Pace
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.data.training_data import Task
from napari_mcwss.training.events import Batch, Event, Message
from napari_mcwss.training.features.choice import unpredictable
from napari_mcwss.training.features.encode import encode_scans
from napari_mcwss.training.features.fit import fit_heads
from napari_mcwss.training.features.pilot import HeldOut
from napari_mcwss.training.validation import tag_aucs

if TYPE_CHECKING:
    from napari_mcwss.model.presets.features import Features


@dataclass(frozen=True)
class FeatureStage:
    """What the stage has learnt, beside the heads.

    Attributes
    ----------
    losses : dict of str to float
        Means of each term and of ``total`` over the steps that have it.
    aucs : dict of str to float
        AUC of the tags of each class, of scans from which the heads that are judged have not
        learnt; empty if there is a single scan.
    unpredictable : tuple of str
        Classes whose tags are not predicted.
    held_out : dict, optional
        `HeldOut.state` of the scores.
    steps : int
        Number of steps.
    """

    losses: dict[str, float]
    aucs: dict[str, float]
    unpredictable: tuple[str, ...]
    held_out: dict[str, Any] | None
    steps: int


class Place(NamedTuple):
    """Where the stage is in the training: its epoch, from 1, and its number of all, from 0."""

    epoch: int
    stage: int
    stages: int


def run_stage(
    preset: Preset,
    data: SliceDataset,
    study: Study,
    task: Task,
    input_spec: InputSpec,
    seed: int,
    place: Place,
    clock: Clock,
) -> Generator[Event, None, FeatureStage]:
    """Encode the slices of a task, and fit the heads of a preset with `fits_features`.

    The preset is on the device to train on; `input_spec` is how the data were read.
    """
    heads, names = cast("Features", preset), task.split.training
    features = yield from encode_scans(heads, data, study, names, task.trusted, input_spec)
    pace, last, before = Pace(), clock.seconds, 0.0
    last_stage = place.stage + 1 == place.stages
    steps = Returning(fit_heads(heads, features, seed=seed))
    losses: dict[str, list[float]] = {}
    count = 0
    for step in steps:
        if not step.losses:
            yield Message("looking at details")  # a moment to stop
            continue
        count += 1
        terms = step.losses | {"total": sum(step.losses.values())}
        for name, value in terms.items():
            losses.setdefault(name, []).append(value)
        pace.add(clock.seconds - last, step.progress - before, 0)
        last, before = clock.seconds, step.progress
        yield Batch(
            place.epoch,
            count,
            round(count / step.progress),
            terms,
            (place.stage + step.progress) / place.stages,
            pace.seconds_left(step.progress) if last_stage else None,
        )
    means = {name: fmean(values) for name, values in losses.items()}
    if len(features.scans) == 1:
        return FeatureStage(means, {}, (), None, count)
    scores = steps.value
    aucs = tag_aucs(scores, data.tags, study.class_names)
    failed = unpredictable([aucs], data.tags.numpy(), study.class_names)
    if task.trusted:
        failed = ()  # Whether tags are predicted says nothing of maps that masks have taught.
    return FeatureStage(means, aucs, failed, HeldOut.of(scores, data, names).state(), count)
