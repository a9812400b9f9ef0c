"""A pilot: a short training of another preset, judged on the same held-back slices."""

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mcwss.base.generators import Returning
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.scans.scan import Scan
from napari_mcwss.study.study import Study
from napari_mcwss.tags.relations import parents
from napari_mcwss.training.clock import Clock
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.kept_slices import KeptSlices
from napari_mcwss.training.data.pixels import own_pixel
from napari_mcwss.training.data.slices import LoadedScan, SliceDataset, gather, load_scan
from napari_mcwss.training.data.split import MIN_SCANS_TO_VALIDATE, Split, split_scans
from napari_mcwss.training.data.work_ahead import work_ahead
from napari_mcwss.training.events import Event, Message
from napari_mcwss.training.first_weights import new_network
from napari_mcwss.training.memory import BatchSize, within_memory
from napari_mcwss.training.run import Run
from napari_mcwss.training.validation import score_slices, tag_aucs

PILOT_DRAWS, PILOT_MINUTES = 2500, 2.0
"""Slices that a pilot draws, about a minute of two cores, and its longest time.

A count makes the choice repeatable, and the same on a busy machine.
"""

FEWEST_JUDGED = 20
"""Slices of which fewer cannot tell two presets apart."""

FEW_HELD_BACK = 0.25
"""Share of the scans that are held back if they are too few for validation scans."""


@dataclass(frozen=True)
class HeldOut:
    """Scores of slices by heads that have not learnt from their scans.

    `scores` are ``(slices, classes)``, `tags` int8 of that shape, `position` the index of each
    slice in its scan, whose name is in `scan`.
    """

    scores: Tensor
    tags: Tensor
    scan: Sequence[str]
    position: Sequence[int]

    @classmethod
    def of(cls, scores: Tensor, data: SliceDataset, names: Sequence[str]) -> "HeldOut":
        """Return the scores of all slices of a dataset with scans of these names."""
        scan = [names[index] for index in data.scan.tolist()]
        return cls(scores, data.tags, scan, data.position.tolist())

    def state(self) -> dict[str, Any]:
        """Return plain values and tensors to make it of again."""
        return vars(self).copy()

    def aucs(self, other: "HeldOut", classes: Sequence[str]) -> list[dict[str, float]]:
        """Return the AUCs of both on the slices that both have, by class; none of too few."""
        mine, theirs = (
            {key: row for row, key in enumerate(zip(found.scan, found.position, strict=True))}
            for found in (self, other)
        )
        both = [key for key in mine if key in theirs]
        if len(both) < FEWEST_JUDGED:
            return [{}, {}]
        return [
            tag_aucs(
                found.scores[[rows[key] for key in both]],
                found.tags[[rows[key] for key in both]],
                classes,
            )
            for found, rows in ((self, mine), (other, theirs))
        ]


def hold_back(tags: Mapping[str, NDArray[np.int8]], config: TrainingConfig) -> Split:
    """Choose the scans of the pilot, and those that it holds back; none of a single one."""
    few = len(tags) < MIN_SCANS_TO_VALIDATE
    share = FEW_HELD_BACK if few else config.validation_share
    return split_scans(tags, share, config.seed, least=2)


def run_pilot(
    study: Study,
    preset: str,
    scans: Sequence[str],
    config: TrainingConfig,
    device: torch.device,
    batch: BatchSize,
    clock: Clock,
    kept: KeptSlices,
) -> Generator[Event, None, HeldOut | None]:
    """Train a preset briefly, and score the slices of scans that are held back.

    Slices that are `kept` need not be read again. Every event is also a moment to stop. Without a
    scan to hold back, return None.
    """
    split = hold_back({scan: study.tags.read(scan).values for scan in scans}, config)
    if not split.validation:
        return None
    spec = InputSpec(config.pixel or own_pixel(study, scans, quick=True), config.place)
    data = yield from _read(study, split.training, spec, preset, kept)
    held = yield from _read(study, split.validation, spec, preset, kept)
    if not len(data) or not len(held):
        return None
    config = config.model_copy(update=_length(config, len(data)) | {"patience": None})
    network = new_network(preset, study, config, spec)
    network.learn_relations(parents(data.tags.numpy()).tolist())
    run = Run(network, config, device, clock, batch)
    epoch = 0
    while not run.over(epoch):
        epoch += 1
        steps = partial(run.epoch, data, epoch)
        for _ in within_memory(steps, batch):
            yield Message(f"trying {preset} ({run.progress:.0%})")
    scores = Returning(score_slices(run.preset, held, device, 2 * batch.slices))
    for done in scores:
        yield Message(f"trying {preset}: scoring ({done} of {len(held)} slices)")
    return HeldOut.of(scores.value, held, split.validation)


def _length(config: TrainingConfig, slices: int) -> dict[str, float]:
    """Return the epochs and minutes of a pilot: at most those that the user has set."""
    epochs = math.ceil(PILOT_DRAWS / slices)
    return {
        "epochs": min(epochs, config.epochs or epochs),
        "minutes": min(PILOT_MINUTES, config.minutes or PILOT_MINUTES),
    }


def _read(
    study: Study, names: Sequence[str], spec: InputSpec, preset: str, kept: KeptSlices
) -> Generator[Message, None, SliceDataset]:
    scans = []
    load = partial(_load, study, spec, kept)
    with closing(work_ahead(study, names, load)) as loaded:
        for index, name in enumerate(names, 1):
            yield Message(f"reading {name} to try {preset} ({index} of {len(names)})")
            scans.append(next(loaded))
    return gather(scans)


def _load(study: Study, spec: InputSpec, kept: KeptSlices, scan: Scan) -> LoadedScan:
    return load_scan(study, scan.name, spec, usable="tagged", kept=kept)
