"""The stages of a training, epoch by epoch, and what is written after each."""

import math
import platform
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from statistics import fmean
from typing import Literal

import numpy as np
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.base.version import __version__
from napari_mcwss.model.checkpoint import ModelInfo, read_info
from napari_mcwss.model.devices import choose_device, describe_device
from napari_mcwss.model.preset import Preset
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.study.study import Study
from napari_mcwss.tags.advice import advise
from napari_mcwss.tags.relations import parents, precedence
from napari_mcwss.training.checkpoints.state import TrainingState
from napari_mcwss.training.checkpoints.training_folder import TrainingFolder
from napari_mcwss.training.checkpoints.unfinished import Unfinished
from napari_mcwss.training.clock import Cadence, Clock, Pace
from napari_mcwss.training.config import training_config
from napari_mcwss.training.data.slices import SliceDataset, count_tags
from napari_mcwss.training.data.training_data import Task, TrainingData
from napari_mcwss.training.diagnostics import poorly_learnt
from napari_mcwss.training.distributed.following import Stage, begin
from napari_mcwss.training.distributed.ranks import Ranks
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
from napari_mcwss.training.features.stage import FeatureStage, Place, run_stage
from napari_mcwss.training.memory import BatchSize, peak_memory, within_memory
from napari_mcwss.training.preview import Previewer, Watched
from napari_mcwss.training.run import Run
from napari_mcwss.training.validation import evaluate_tags, score_slices

AUC_TOLERANCE = 0.01
"""A later epoch replaces an earlier one that is better by less than this."""


class Training:
    """A training with all its stages; its driver pauses the clock while it waits.

    `folder` is an entered context.
    """

    def __init__(
        self,
        study: Study,
        folder: TrainingFolder,
        task: Task,
        state: TrainingState,
        watched: Watched,
        ranks: Ranks,
    ) -> None:
        self.study, self.folder, self.task, self.state = study, folder, task, state
        self.config, self.ranks = training_config(**state.config), ranks
        self.device = ranks.device(choose_device(self.config.device))
        self.clock = Clock(state.seconds)
        ranks.refuse_smaller(state.batch_size)
        self.batch = BatchSize(state.batch_size)
        self.cadence = Cadence(self.clock)
        self.pace = Pace()
        self.data = TrainingData(study, task, self.config, state.digests)
        self.watched = watched
        self.told_of: set[str] = set()
        self.tags = np.empty((0, len(study.classes)), np.int8)
        self.run: Run | None = None
        self.can_write = True

    @cached_property
    def stages(self) -> list[str]:
        """Presets of the stages, in their order."""
        return self.task.stages(self.config)

    def work(self) -> Generator[Event, None, None]:
        """Train all remaining stages; closing the generator keeps what was learnt."""
        new = not self.state.digests
        data = yield from self.data.tagged(self.stages[0])
        validation = yield from self.data.validation()
        draws = len(data)
        self.config = self.config.with_length(draws)
        self.state.config = self.config.model_dump()
        self.state.digests = self.data.digests
        yield self._started(draws)
        split = self.task.split
        used = {scan: self.study.tags.read(scan).values for scan in split.training}
        for text in advise(used, self.study.class_names):
            yield Advice(text)
        if self.task.unused:
            yield Advice(
                f"the masks of {', '.join(self.task.unused)} are not used, since their scans have "
                "no tags: tag slices of them"
            )
        self.tags = data.tags.numpy()
        if new:
            self.folder.clear()
            self.task.keep_masks(self.folder.working)
        else:
            yield Message(f"continuing after {self.state.epochs} epochs")
        try:
            while self.state.stage < len(self.stages):
                if PRESETS[self.stages[self.state.stage]].second_stage:
                    del data, validation
                    data = yield from self.data.labelled(self.folder.working, draws, self.batch)
                    validation = yield from self.data.validation()
                yield from self._stage(data, validation)
        except GeneratorExit:
            self._stop()
            raise
        except BaseException:
            # Not `_stop`: it may have failed within a step.
            with suppress(McwssError):
                self.folder.keep(self.state.key)
            raise
        folder = self.folder.finish(self.state.key)
        yield Finished(self.folder.name, folder, self.state.epochs, self.clock.seconds)

    def _started(self, slices: int) -> Started:
        split, ranks = self.task.split, self.ranks.size
        return Started(
            self.folder.name,
            str(self.device) if ranks == 1 else f"{self.device} and {ranks - 1} more like it",
            split.training,
            split.validation,
            slices,
            self._epochs,
        )

    @property
    def _epochs(self) -> int | None:
        """Epochs of all stages; None if minutes or patience decide."""
        known = self.config.known_epochs
        epochs = [
            1 if PRESETS[stage].preset_class.fits_features else known for stage in self.stages
        ]
        return None if None in epochs else sum(filter(None, epochs))

    def _stage(
        self, data: SliceDataset, validation: SliceDataset | None
    ) -> Generator[Event, None, None]:
        if PRESETS[self.stages[self.state.stage]].preset_class.fits_features:
            yield from self._feature_stage(data)
            return
        run = self._begin(data)
        over = False
        while not over:
            losses = yield from within_memory(lambda: self._epoch(run, data), self.batch)
            scores = None
            if validation is not None:
                scores = yield from within_memory(
                    lambda: self._scores(run.preset, validation), self.batch
                )
            aucs = evaluate_tags(scores, validation, self.study.class_names)
            epoch = self.state.epochs + 1 - self.state.before
            run.length.judge(epoch, losses, aucs)
            over = run.over(epoch)
            # Written first: a training that is stopped at one of these events has all on disk.
            written = list(self._ended(run.preset, run.batches, losses, aucs, over=over))
            yield Epoch(self.state.epochs, losses, aucs, str(self.device), peak_memory(self.device))
            yield from self._warnings(aucs)
            yield from written

    def _feature_stage(self, data: SliceDataset) -> Generator[Event, None, None]:
        """Fit the heads of the stage; other processes have nothing to do meanwhile."""
        preset = self._network(self.stages[self.state.stage])
        yield from self._written(self._write_state, "state")
        place = Place(self.state.epochs + 1, self.state.stage, len(self.stages))
        names, seed = self.task.split.training, self.config.seed
        preset.to(self.device)

        def work() -> Generator[Event, None, FeatureStage]:
            return run_stage(preset, data, names, self.batch, seed, place, self.clock)

        steps = Returning(within_memory(work, self.batch))
        for event in steps:
            if isinstance(event, Batch):
                self.state.progress = event.progress
            yield event
        found = steps.value
        aucs = evaluate_tags(found.scores, data, self.study.class_names)
        written = list(self._ended(preset, found.steps, found.losses, aucs, over=True))
        memory = peak_memory(self.device)
        yield Epoch(self.state.epochs, found.losses, aucs, str(self.device), memory)
        yield from written

    def _warnings(self, aucs: Mapping[str, float]) -> Iterator[Advice]:
        """Warn once of each class that is not learnt."""
        found = poorly_learnt(
            aucs, self.tags, self.study.class_names, self.state.epochs, told=self.told_of
        )
        self.told_of.update(found)
        yield from map(Advice, found.values())

    def _begin(self, data: SliceDataset) -> Run:
        """Make the network of the stage and its run, in the state that is resumed."""
        preset = self._network(self.stages[self.state.stage])
        preset.learn_relations(parents(self.tags).tolist())
        self.previewer = Previewer(self.study, self.data.input_spec, self.device, self.watched)
        begin(self.ranks, Stage(preset, self.config, self.device.type, self.state.run), data)
        run = Run(preset, self.config, self.device, self.clock, self.batch, self.ranks)
        if self.state.run is not None:
            run.restore(self.state.run)
        self.run, self.state.run = run, None
        self.state.progress = (self.state.stage + run.progress) / len(self.stages)
        self.pace = Pace()
        return run

    def _epoch(self, run: Run, data: SliceDataset) -> Generator[Event, None, dict[str, float]]:
        """Train an epoch; its events have the progress of all stages."""
        steps = Returning(run.epoch(data, self.state.epochs + 1 - self.state.before))
        last = self.clock.seconds
        for step in steps:
            done = (self.state.stage + step.progress) / len(self.stages)
            now = self.clock.seconds
            moved = done - self.state.progress
            if run.length.waits and self.config.epochs:
                # The share stands still while the training waits: predict from what follows.
                moved = step.share / self.config.epochs / len(self.stages)
            self.pace.add(now - last, moved, step.slices)
            last, self.state.progress = now, done
            yield Batch(
                self.state.epochs + 1,
                step.batch,
                step.batches,
                step.losses,
                done,
                self.pace.seconds_left(done),
                self.pace.slices_per_second,
                run.length.waits,
            )
            if (preview := self.previewer.look(run.preset)) is not None:
                yield preview
            if self.cadence.due(epoch_done=False):
                yield from self._written(self._write_state, "state")
        return steps.value

    def _scores(
        self, preset: Preset, validation: SliceDataset
    ) -> Generator[Event, None, torch.Tensor]:
        # Without gradients, twice as many slices fit into memory.
        steps = Returning(score_slices(preset, validation, self.device, 2 * self.batch.slices))
        for done in steps:
            yield Message(f"validating ({done} of {len(validation)} slices)")
        return steps.value

    def _ended(
        self,
        preset: Preset,
        batches: int,
        losses: Mapping[str, float],
        aucs: Mapping[str, float],
        *,
        over: bool,
    ) -> Iterator[Event]:
        """Write the model of an epoch, if it is good, and the state."""
        state = self.state
        state.epochs, state.batches = state.epochs + 1, batches
        state.history.append(
            {"epoch": state.epochs, **losses, **{f"auc_{k}": v for k, v in aucs.items()}}
        )
        score = fmean(aucs.values()) if aucs else math.inf
        good = preset.keeps_last_epoch or score >= state.best - AUC_TOLERANCE
        # An unfinished second stage is worth less than the first.
        if over if state.stage else good:
            state.best = max(state.best, score)
            for event in self._written(
                lambda: self._write_model(preset, over=over), "model", needed=over
            ):
                state.saved = state.saved or isinstance(event, Checkpoint)
                yield event
        if over:
            state.stage, state.before, state.best = state.stage + 1, state.epochs, -math.inf
            self.run = None
        if over or self.cadence.due(epoch_done=True):
            yield from self._written(self._write_state, "state")

    def _written(
        self, write: Callable[[], None], kind: Literal["model", "state"], *, needed: bool = False
    ) -> Iterator[Event]:
        """Write; of repeated failures, which may be for lack of space, tell the first."""
        try:
            write()
        except McwssError as error:
            if needed:
                raise
            if self.can_write:
                yield Advice(f"{error}; the training goes on and tries again")
            self.can_write = False
            return
        self.can_write = True
        epoch, batch = self._position()
        folder = self.study.model_folder(self.folder.name)
        yield Checkpoint(folder, epoch, kind, batch)

    def _position(self) -> tuple[int, int]:
        """Return the current or last epoch, and its finished batches."""
        if self.run is None or not self.run.epochs:
            return self.state.epochs, self.state.batches
        return self.state.before + self.run.epochs, self.run.batches

    def _stop(self) -> None:
        """Keep what was learnt, if anything, as a state and as a model."""
        state, run = self.state, self.run
        if not (state.epochs or state.run or (run and run.batches)):
            self.folder.keep(state.key)
            return
        last_counts = run and (run.preset.keeps_last_epoch or not self.task.split.validation)
        if run and not (state.saved and (state.stage or not last_counts)):
            self._write_model(run.preset, over=False)
        self._write_state()
        folder = self.folder.keep(state.key)
        if folder is not None and (shortcoming := read_info(folder).shortcoming):
            # A closed generator cannot yield an event.
            warnings.warn(f"model {folder.name}: {shortcoming}", stacklevel=2)

    def _write_state(self) -> None:
        epoch, batch = self._position()
        run = self.state.run if self.run is None else self.run.state()
        state = replace(
            self.state, run=run, seconds=self.clock.seconds, batch_size=self.batch.slices
        )
        summary = Unfinished(
            name=self.folder.name,
            epoch=epoch,
            batch=batch,
            epochs=self._epochs,
            progress=state.progress,
            seconds=state.seconds,
            saved=datetime.now().astimezone(),
            config=state.config,
        )
        with self.cadence.writing():
            self.folder.write_state(state, summary)

    def _write_model(self, preset: Preset, *, over: bool) -> None:
        classes, stage = self.study.class_names, self.stages[self.state.stage]
        late = [] if over else preset.divided_last
        rules = tuple(tuple(row) for row in precedence(self.tags).tolist())
        info = ModelInfo(
            preset=stage,
            encoder=self.config.encoder if PRESETS[stage].preset_class.fits_features else "",
            classes=classes,
            channels=self.study.channels,
            width=self.config.width,
            pixel=self.data.input_spec.pixel,
            place=self.data.input_spec.coordinates,
            precedence=rules,
            scans=self.task.split.training,
            validation_scans=self.task.split.validation,
            trusted_scans=tuple(self.task.trusted),
            undivided=tuple((classes[inner], classes[outer]) for inner, outer in late),
            epochs=self._position()[0],
            training=self.config.model_dump(),
            slices=len(self.tags),
            tags=count_tags(self.tags, self.study.class_names),
            seconds=round(self.clock.seconds, 1),
            device=describe_device(self.device),
            processes=self.ranks.size,
            backend=self.ranks.backend(self.device),
            finished=datetime.now().astimezone().isoformat(timespec="seconds"),
            versions={
                "napari-mcwss": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            software=__version__,
            key=self.state.key,
        )
        self.folder.write_model(preset, info, self.state.history)

    def _network(self, preset: str) -> Preset:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            channels = self.data.input_spec.channels(len(self.study.channels))
            classes, config = len(self.study.classes), self.config
            made = PRESETS[preset].preset_class
            pixel = self.data.input_spec.pixel
            return made.build(channels, classes, config.width, pixel, config.encoder)
