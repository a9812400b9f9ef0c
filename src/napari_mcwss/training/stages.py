"""The stages of a training, epoch by epoch, and what is written after each."""

import math
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from statistics import fmean
from typing import Literal

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.model.checkpoint import means_nothing, read_info
from napari_mcwss.model.devices import choose_device
from napari_mcwss.model.preset import Preset
from napari_mcwss.model.presets.registry import PRESETS, tried
from napari_mcwss.study.study import Study
from napari_mcwss.tags.advice import advise
from napari_mcwss.tags.relations import parents
from napari_mcwss.training.checkpoints.state import TrainingState
from napari_mcwss.training.checkpoints.training_folder import TrainingFolder
from napari_mcwss.training.checkpoints.unfinished import Unfinished
from napari_mcwss.training.clock import Cadence, Clock, Pace
from napari_mcwss.training.config import AUTO_MINUTES, training_config
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.data.training_data import Task, TrainingData
from napari_mcwss.training.description import describe
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
from napari_mcwss.training.features.auto import try_smaller
from napari_mcwss.training.features.stage import FeatureStage, Place, run_stage
from napari_mcwss.training.first_weights import new_network
from napari_mcwss.training.memory import BatchSize, peak_memory, within_memory
from napari_mcwss.training.preview import Previewer, Watched
from napari_mcwss.training.run import Run
from napari_mcwss.training.validation import evaluate_tags, validate

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

    @cached_property
    def tries(self) -> tuple[str, ...]:
        """Presets of the first stages, of which one is kept."""
        return tuple(name for name in tried(self.config.preset) if name in self.stages)

    @property
    def current(self) -> str:
        """Preset of the current stage."""
        return self.stages[self.state.stage]

    def work(self) -> Generator[Event, None, None]:
        """Train all remaining stages; closing the generator keeps what was learnt."""
        new = not self.state.digests
        data = yield from self.data.tagged(self.stages[0])
        validation = yield from self.data.validation()
        draws = len(data)
        if new:
            self.state.limited = not self.config.has_length
        self.config = self.config.with_length(draws)
        self.state.config = self.config.model_dump()
        self.state.digests = self.data.digests
        yield self._started(draws)
        split = self.task.split
        used = {scan: self.study.tags.read(scan).values for scan in split.training}
        for text in advise(used, self.study.class_names):
            yield Advice(text)
        yield from map(Advice, (*self.task.advice, *self.task.beside_minutes(self.config)))
        self.tags = data.tags.numpy()
        if new:
            self.folder.clear()
            self.task.keep_masks(self.folder.working)
        else:
            yield Message(f"continuing after {self.state.epochs} epochs")
        try:
            while self.state.stage < len(self.stages):
                preset = self.current
                if preset in self.tries[1:]:
                    if not (yield from self._choose(preset)):
                        continue
                    data, validation = (yield from self.data.tagged(preset)), None
                elif PRESETS[preset].second_stage:
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
        fitted = sum(PRESETS[stage].preset_class.fits_features for stage in self.stages)
        rest = len(self.stages) - fitted
        if rest and (known is None or len(self.tries) > 1):
            return None
        return fitted + rest * (known or 0)

    def _stage(
        self, data: SliceDataset, validation: SliceDataset | None
    ) -> Generator[Event, None, None]:
        if PRESETS[self.current].preset_class.fits_features:
            yield from self._feature_stage(data)
            return
        run = self._begin(data)
        over = False
        while not over:
            losses = yield from within_memory(lambda: self._epoch(run, data), self.batch)
            scores = None
            if validation is not None:
                scoring = partial(validate, run.preset, validation, self.device, self.batch)
                scores = yield from within_memory(scoring, self.batch)
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
        preset = new_network(self.current, self.study, self.config, self.data.input_spec)
        yield from self._written(self._write_state, "state")
        place = Place(self.state.epochs + 1, self.state.stage, len(self.stages))
        study, task, seed = self.study, self.task, self.config.seed
        preset.to(self.device)

        def work() -> Generator[Event, None, FeatureStage]:
            spec = self.data.input_spec
            return run_stage(preset, data, study, task, spec, seed, place, self.clock)

        steps = Returning(within_memory(work, self.batch))
        for event in steps:
            if isinstance(event, Batch):
                self.state.progress = event.progress
            yield event
        found = steps.value
        self.state.held_out, self.state.unpredictable = found.held_out, found.unpredictable
        written = list(self._ended(preset, found.steps, found.losses, found.aucs, over=True))
        memory = peak_memory(self.device)
        yield Epoch(self.state.epochs, found.losses, found.aucs, str(self.device), memory)
        if len(self.tries) == 1:
            yield from (Advice(means_nothing(name)) for name in found.unpredictable)
        yield from written

    def _choose(self, preset: str) -> Generator[Event, None, bool]:
        """Try the preset of the next stage, unless that is done; leave it out if it is worse."""
        state = self.state
        if state.choice:
            return True
        presets, scans = (self.stages[state.stage - 1], preset), self.task.split.training
        data, device, batch, clock = self.data, self.device, self.batch, self.clock
        choice = yield from try_smaller(
            self.study, state, presets, scans, self.config, device, batch, clock, data.kept
        )
        if not choice.smaller:
            self.folder.amend_model(choice=state.choice, unpredictable=state.unpredictable)
            state.stage += 1
            state.progress = state.stage / len(self.stages)
        yield from self._written(self._write_state, "state")
        yield Advice(choice.reason)
        yield from (Advice(means_nothing(name)) for name in state.unpredictable)
        return choice.smaller

    def _warnings(self, aucs: Mapping[str, float]) -> Iterator[Advice]:
        """Warn once of each class that is not learnt."""
        found = poorly_learnt(
            aucs, self.tags, self.study.class_names, self.state.epochs, told=self.told_of
        )
        self.told_of.update(found)
        yield from map(Advice, found.values())

    def _begin(self, data: SliceDataset) -> Run:
        """Make the network of the stage and its run, in the state that is resumed."""
        preset = new_network(self.current, self.study, self.config, self.data.input_spec)
        preset.learn_relations(parents(self.tags).tolist())
        self.previewer = Previewer(self.study, self.data.input_spec, self.device, self.watched)
        config = self.config
        if self.state.limited and self.current in self.tries[1:]:
            config = config.model_copy(update={"minutes": AUTO_MINUTES})
        begin(self.ranks, Stage(preset, config, self.device.type, self.state.run), data)
        run = Run(preset, config, self.device, self.clock, self.batch, self.ranks)
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
        info = describe(
            self.study,
            self.task,
            self.config,
            self.state,
            self.current,
            preset,
            self.tags,
            self.data.input_spec,
            self.device,
            epochs=self._position()[0],
            seconds=self.clock.seconds,
            processes=self.ranks.size,
            backend=self.ranks.backend(self.device),
            over=over,
        )
        self.folder.write_model(preset, info, self.state.history)
