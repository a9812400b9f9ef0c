"""Training as a generator of events: no thread, no screen, no printing."""

import math
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mcwss import __version__
from napari_mcwss.errors import McwssError
from napari_mcwss.model.checkpoint import PRESETS, ModelInfo, PresetName, load_model
from napari_mcwss.model.devices import choose_device
from napari_mcwss.model.inputs import Reading
from napari_mcwss.model.preset import Preset
from napari_mcwss.project import Study
from napari_mcwss.tags.advice import advise
from napari_mcwss.tags.relations import parents, precedence
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import (
    Advice,
    Batch,
    Checkpoint,
    Epoch,
    Event,
    Finished,
    Message,
    Started,
)
from napari_mcwss.training.pseudo_labels import GOOD_ENOUGH, label_agreement, label_scan
from napari_mcwss.training.run import Run
from napari_mcwss.training.saving import ModelFolder
from napari_mcwss.training.slices import (
    TaggedSlices,
    check_tags,
    gather,
    load_scan,
    own_pixel,
    tagged_scans,
)
from napari_mcwss.training.split import split_scans
from napari_mcwss.training.validation import evaluate_tags

T = TypeVar("T")

AUC_TOLERANCE = 0.01
"""A later epoch is preferred over an earlier one that is better by less than this."""

SECOND_STAGE: PresetName = "refined"
"""The preset of `TrainingConfig.refine`."""


def train(
    study: Study,
    name: str,
    config: TrainingConfig,
    *,
    scans: Sequence[str] | None = None,
    trusted: Mapping[str, NDArray[np.uint8]] | None = None,
) -> Generator[Event, None, None]:
    """Train a model of a study on its tags.

    Reference masks are out of its reach: it reads scans, tags and the labels
    that it is given. Closing the generator stops the run; the state so far is
    kept as a model.

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

    Yields
    ------
    Event
        One of those in `napari_mcwss.training.events`.

    Raises
    ------
    McwssError
        If the device is not there, the tags are not enough to learn from, or
        labels are given to a training without a second stage or do not fit
        their scan.
    """
    yield from _Training(study, name, config, scans, trusted or {}).events()


class _Training:
    """One training: what it reads, its stages, and where it writes."""

    def __init__(
        self,
        study: Study,
        name: str,
        config: TrainingConfig,
        scans: Sequence[str] | None,
        trusted: Mapping[str, NDArray[np.uint8]],
    ) -> None:
        if trusted and not config.refine:
            raise McwssError(
                "masks are for the second stage alone: train with refine, or without masks"
            )
        self.study, self.name, self.config = study, name, config
        self.device = choose_device(config.device)
        tagged = tagged_scans(study, scans)
        self.reading = Reading(config.pixel or own_pixel(study, tagged), config.place)
        # A mask that a user corrected is worth more than a scan to validate on.
        keep = [scan for scan in tagged if scan in trusted]
        tags = {scan: study.tags(scan).values for scan in tagged}
        self.split = split_scans(tags, config.validation_share, config.seed, keep=keep)
        self.trusted = {scan: trusted[scan] for scan in keep}
        for scan, labels in self.trusted.items():
            shape = study.scan(scan).geometry.shape
            if labels.shape != shape:
                raise McwssError(
                    f"labels of scan {scan} have shape {labels.shape}, the scan {shape}: they "
                    "must be of its own voxels"
                )
        self.folder = ModelFolder(study, name)
        self.tags: NDArray[np.int8] = np.empty((0, len(study.classes)), np.int8)
        self.epochs = 0
        self.saved = False
        self.began = 0.0

    @property
    def stages(self) -> list[PresetName]:
        """Presets in their order."""
        if len(self.trusted) == len(self.split.training):
            return [SECOND_STAGE]
        return [self.config.preset, SECOND_STAGE] if self.config.refine else [self.config.preset]

    def events(self) -> Generator[Event, None, None]:
        """Train all stages."""
        start = time.monotonic()
        data = yield from self._tagged(self.split.training)
        held_back = None
        if self.split.validation:
            held_back = yield from self._load(self.split.validation, complete=False)
        self.config = self.config.with_length(len(data))
        epochs = self.config.epochs
        yield Started(
            self.name,
            str(self.device),
            self.split.training,
            self.split.validation,
            len(data),
            None if epochs is None else epochs * len(self.stages),
        )
        used = {scan: self.study.tags(scan).values for scan in self.split.training}
        for text in advise(used, self.study.class_names):
            yield Advice(text)
        self.tags = data.tags.numpy()
        self.began = time.monotonic()
        finished = False
        try:
            for number, preset in enumerate(self.stages):
                if preset == SECOND_STAGE:
                    data = yield from self._labelled(len(data))
                yield from self._stage(number, data, held_back)
            finished = True
        finally:
            place = self.folder.publish() if finished else self.folder.keep()
        model = place or self.study.model_folder(self.name)
        yield Finished(self.name, model, self.epochs, time.monotonic() - start)

    def _stage(
        self, number: int, data: TaggedSlices, held_back: TaggedSlices | None
    ) -> Generator[Event, None, None]:
        """Train one stage and save its best state."""
        preset = self._network(self.stages[number])
        preset.learn_relations(parents(self.tags).tolist())
        before, best = self.epochs, -math.inf
        try:
            run = Run(preset, self.config, self.device)
            over = False
            while not over:
                self.epochs += 1
                losses = yield from self._epoch(run, number, data, before)
                validation = evaluate_tags(preset, held_back, self.study.class_names, self.device)
                self.folder.record(
                    self.epochs, {**losses, **{f"auc_{k}": v for k, v in validation.items()}}
                )
                yield Epoch(self.epochs, losses, validation)
                over = run.over(self.epochs - before)
                score = fmean(validation.values()) if validation else math.inf
                good = preset.keeps_last_epoch or score >= best - AUC_TOLERANCE
                # An unfinished second stage is worth less than the first.
                if over if number else good:
                    best = max(best, score)
                    self._save(self.stages[number], preset)
                    yield Checkpoint(self.study.model_folder(self.name), self.epochs)
        finally:
            if not self.saved:
                self._save(self.stages[number], preset)

    def _epoch(
        self, run: Run, number: int, data: TaggedSlices, before: int
    ) -> Generator[Event, None, dict[str, float]]:
        """Train an epoch, its progress seen as that of all stages."""
        steps = run.epoch(data, self.epochs - before)
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                losses: dict[str, float] = end.value
                return losses
            done = (number + step.progress) / len(self.stages)
            left = (time.monotonic() - self.began) * (1 / done - 1)
            yield Batch(self.epochs, step.batch, step.batches, step.losses, done, left)

    def _network(self, preset: PresetName) -> Preset:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            channels = self.reading.channels(len(self.study.channels))
            classes, config = len(self.study.classes), self.config
            return PRESETS[preset](channels, classes, config.width, self.reading.pixel)

    def _tagged(self, names: Sequence[str]) -> Generator[Event, None, TaggedSlices]:
        """Read the slices to train on."""
        complete = PRESETS[self.stages[0]].needs_complete_tags
        data = yield from self._load(names, complete=complete)
        if not len(data):
            raise McwssError(
                f"none of the tagged slices of {', '.join(names)} can be trained on: preset "
                f"'{self.config.preset}' needs slices that hold tissue"
                + (" and a tag of every class" if complete else "")
            )
        check_tags(data.tags.numpy(), self.study.class_names, names)
        return data

    def _load(
        self, names: Sequence[str], *, complete: bool
    ) -> Generator[Event, None, TaggedSlices]:
        scans = []
        for index, name in enumerate(names, 1):
            yield Message(f"reading {name} ({index} of {len(names)})")
            scans.append(load_scan(self.study, name, self.reading, complete=complete))
        return gather(scans)

    def _labelled(self, draws: int) -> Generator[Event, None, TaggedSlices]:
        """Read the slices to train on again, with labels: trusted ones or the first stage's.

        Few scans are drawn more often: an epoch stays as long as it was.
        """
        names: Sequence[str] = self.split.training
        labels = dict(self.trusted)
        if len(labels) < len(names):
            made = yield from self._made_labels(names)
            if self._worth_learning(made):
                labels = made | labels
            else:
                names = list(self.trusted)
                yield Advice(
                    "the first stage does not find the classes where the masks given say that they "
                    f"are: the second stage learns from the masks of {', '.join(names)} alone"
                )
        loaded = [
            load_scan(self.study, name, self.reading, complete=False, labels=labels[name])
            for name in names
        ]
        return replace(self._balanced(gather(loaded), names), draws=draws)

    def _made_labels(
        self, names: Sequence[str]
    ) -> Generator[Event, None, dict[str, NDArray[np.uint8]]]:
        """Label scans with the first stage, the trusted ones as well, to compare."""
        teacher = load_model(self.folder.working, device=self.config.device)
        made = {}
        for index, name in enumerate(names, 1):
            message = Message(f"labelling {name} ({index} of {len(names)})")
            yield message
            made[name] = yield from _saying(message, label_scan(self.study, teacher, name))
            self.study.scan(name).release()
        return made

    def _worth_learning(self, made: Mapping[str, NDArray[np.uint8]]) -> bool:
        """Tell whether made labels are like those that are trusted, if there are any."""
        classes = len(self.study.classes)
        agreements = [
            label_agreement(made[name], labels, classes) for name, labels in self.trusted.items()
        ]
        return not agreements or fmean(agreements) >= GOOD_ENOUGH

    def _balanced(self, data: TaggedSlices, names: Sequence[str]) -> TaggedSlices:
        """Draw slices of trusted scans as often as all others together."""
        trusted = torch.tensor([name in self.trusted for name in names])[data.scan]
        if trusted.all() or not trusted.any():
            return data
        weights = torch.where(trusted, 1 / trusted.sum(), 1 / (~trusted).sum())
        return replace(data, weights=weights)

    def _save(self, stage: PresetName, preset: Preset) -> None:
        rules = tuple(tuple(row) for row in precedence(self.tags).tolist())
        info = ModelInfo(
            preset=stage,
            classes=self.study.class_names,
            channels=self.study.channels,
            width=self.config.width,
            pixel=self.reading.pixel,
            place=self.reading.place,
            precedence=rules,
            scans=self.split.training,
            validation_scans=self.split.validation,
            trusted_scans=tuple(self.trusted),
            epochs=self.epochs,
            training=self.config.model_dump(),
            software=__version__,
        )
        self.folder.save(preset, info)
        self.saved = True


def _saying(message: Message, steps: Generator[object, None, T]) -> Generator[Message, None, T]:
    """Repeat a message at every step, where a run can be stopped; give the steps' value."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
        yield message
