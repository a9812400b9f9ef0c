"""The time and memory that a training would take, measured in some of its steps."""

import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import brief_duration, counted
from napari_mcwss.model.devices import choose_device
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import UNKNOWN
from napari_mcwss.model.presets.registry import PRESETS, tried
from napari_mcwss.study.study import Study
from napari_mcwss.tags.relations import parents
from napari_mcwss.training.config import AUTO_MINUTES, TrainingConfig
from napari_mcwss.training.data.pixels import feature_pixel, own_pixel
from napari_mcwss.training.data.slice_stack import SliceStack
from napari_mcwss.training.data.slice_store import MEMORY_SHARE
from napari_mcwss.training.data.slices import (
    LoadedScan,
    SliceDataset,
    Usable,
    load_scan,
)
from napari_mcwss.training.data.training_data import Task, volume_input_spec
from napari_mcwss.training.events import Message
from napari_mcwss.training.features.estimate import feature_cost
from napari_mcwss.training.features.pilot import PILOT_DRAWS, PILOT_MINUTES
from napari_mcwss.training.first_weights import new_network
from napari_mcwss.training.kept import unencoded_share, unread_scans
from napari_mcwss.training.memory import SMALLEST, BatchSize, available_memory, saved_memory
from napari_mcwss.training.run import Run
from napari_mcwss.training.validation import score_slices

STEPS = 5
"""Most steps timed in each phase of a preset."""

SECONDS = 2.0
"""Seconds after which no further step is timed."""

FEW = 4
"""Slices of the step whose memory is measured: few, so that it fits everywhere."""

WORKSPACE = 1.5
"""Ratio of a step's memory to what it keeps for gradients: these and workspace come on top."""

COPIES = 4
"""Copies of a network: weights, gradients, and two moments of the optimiser."""


@dataclass(frozen=True)
class Part:
    """A part of a training: its seconds, what they are for, and of which stage it is.

    A part of `epochs`, which are as configured, as the minutes allow, or the least number with
    patience, includes their validation. A part with a `condition` is left out if that is not met.
    """

    seconds: float
    purpose: str
    stage: str = ""
    epochs: int = 0
    condition: str = ""

    @property
    def use(self) -> str:
        """What its time is for."""
        if not self.epochs:
            return self.purpose
        return f"for {counted(self.epochs, 'epoch')} of {self.stage}"

    @property
    def text(self) -> str:
        """Its time, and what that is for."""
        each = brief_duration(max(1, round(self.seconds / max(1, self.epochs))))
        of_epochs = f", {each} each" if self.epochs else ""
        return f"{brief_duration(round(self.seconds))} {self.use}{of_epochs}"


@dataclass(frozen=True)
class Estimate:
    """The time and memory that a training would take.

    An `open_ended` training takes longer than its `parts` if it improves. `batch_size` is smaller
    than configured if a GPU has too little memory. Memory is in bytes: of all slices in the
    computer's, of network and step on the device, and free there. `advice` says why it does not
    fit, and what to do; then there is no time. It is empty if it fits.
    """

    device: str
    scans: int
    slices: int
    parts: tuple[Part, ...]
    open_ended: bool
    batch_size: int
    slice_memory: int
    step_memory: int
    free_memory: int
    advice: str = ""

    @property
    def seconds(self) -> float:
        """Seconds of all parts."""
        return sum(part.seconds for part in self.parts)

    @property
    def epochs(self) -> int:
        """Epochs of all stages."""
        return sum(part.epochs for part in self.parts)

    @property
    def epoch_seconds(self) -> float:
        """Mean of the seconds of an epoch with its validation; 0 without epochs."""
        return sum(part.seconds for part in self.parts if part.epochs) / max(1, self.epochs)

    @property
    def text(self) -> str:
        """The estimate in lines of text."""
        scans = counted(self.scans, "scan")
        slices = f"{counted(self.slices, 'tagged slice')} of {scans}, on {self.device}."
        steps = f", {_size(self.step_memory)} for steps of {self.batch_size}"
        memory = (
            f"Memory: about {_size(self.slice_memory)} for the slices"
            f"{steps if self.step_memory else ''}; {_size(self.free_memory)} are free."
        )
        if self.advice:
            return f"{slices}\n{memory}\nIt does not fit: {self.advice}."
        about = "At least" if self.open_ended else "About"
        whole = brief_duration(sum(round(part.seconds) for part in self.parts))
        # Parts of less than half a second would be told as nothing.
        parts = ", ".join(part.text for part in self.parts if round(part.seconds))
        uses = ", ".join(part.use for part in self.parts if part.seconds)
        time = [f"{about} {whole}: {parts}." if parts else f"{about} 1 s: {uses}."]
        time += [
            f"The {brief_duration(round(part.seconds))} for {part.stage} are needed only if "
            f"{part.condition}."
            for part in self.parts
            if part.condition
        ]
        return "\n".join([slices, *time, memory])


def estimate(
    study: Study,
    config: TrainingConfig,
    *,
    scans: Sequence[str] | None = None,
    trusted: Mapping[str, NDArray[np.uint8]] | None = None,
) -> Generator[Message, None, Estimate]:
    """Measure what a training would take; the `Estimate` is the generator's return value.

    It reads the scan with the largest slices and trains a network on it for some steps. Parameters
    are those of `napari_mcwss.training.loop.train`. A message is also a moment to stop.

    Raises
    ------
    McwssError
        As `train` does before it begins.
    """
    task = Task.of(study, config, scans, trusted or {})
    device = choose_device(config.device)
    names, stages = task.split.training, task.stages(config)
    own = own_pixel(study, names, quick=bool(PRESETS[config.preset].tries))
    input_spec = InputSpec(config.pixel or own, config.place)
    complete = PRESETS[stages[0]].preset_class.needs_complete_tags
    tags = _usable_tags(study, names, complete=complete)
    usable: Usable = "complete" if complete else "tagged"
    name, scan, reading_seconds = yield from _largest(study, names, input_spec, usable)
    data = _like(scan, tags)
    limited = not config.has_length
    config = config.with_length(len(tags))
    validation = task.split.validation
    scored = len(_usable_tags(study, validation, complete=False)) if validation else 0
    slice_memory = len(tags) * sum(maps.nbytes for maps in scan.maps) // len(scan.images)
    free = room = available_memory(device)
    if device.type == "cpu":
        room -= min(slice_memory, int(MEMORY_SHARE * free))
    batch, needed = BatchSize(config.batch_size), 0
    fitted = [stage for stage in stages if PRESETS[stage].preset_class.fits_features]
    trained = [stage for stage in stages if stage not in fitted]
    specs = dict.fromkeys(stages, input_spec)
    if fitted:
        pixel = config.pixel or feature_pixel(study, config.encoder)
        specs |= dict.fromkeys(fitted, replace(input_spec, pixel=pixel))
    every = (*names, *validation)
    read = sum(len(unread_scans(study, every, spec, usable)) for spec in set(specs.values()))
    parts = [Part(reading_seconds * read, "to read scans")]
    for stage in fitted:
        spec = specs[stage]
        few = _like(load_scan(study, name, spec, usable=usable), tags[:FEW])
        yield (message := Message(f"measuring steps of {stage}"))
        preset = new_network(stage, study, config, spec).to(device)
        complete = len(task.trusted) == len(names)
        rounds = bool(task.trusted) + (bool(task.trusted) and not complete)
        cost = yield from feature_cost(preset, few, len(tags), message, rounds)
        masks = " to tags and masks" if rounds else ""
        parts += [
            Part(
                cost.encoding * unencoded_share(study, names, config.encoder, spec, usable),
                "to encode slices",
                stage,
            ),
            Part(cost.fitting, f"to fit the heads of {stage}{masks}", stage),
        ]
        slice_memory += cost.memory
    tried_ones = [stage for stage in trained if stage in tried(config.preset)[1:]]
    for stage in trained:
        preset_class = PRESETS[stage].preset_class
        if preset_class.depth > 1:
            side = input_spec.pixel * max(scan.images.shape[-2:])
            input_spec = volume_input_spec(input_spec, side)
            scan = load_scan(study, name, input_spec, usable="all")
            data = _like(scan, tags)
        yield (message := Message(f"measuring steps of {stage}"))
        preset = new_network(stage, study, config, input_spec)
        preset.learn_relations(parents(tags).tolist())
        run = Run(preset, config, device)
        memory = _memory(run, data)
        while memory(batch.slices) > room and device.type != "cpu" and batch.slices > SMALLEST:
            batch.halve()
        needed = max(needed, memory(batch.slices))
        if needed > room:
            break  # measuring would run out of memory
        units = max(1, len(tags) // run.unit)
        steps = math.ceil(units / len(_indices(run, data, batch.slices)))
        stage_seconds = steps * (yield from _step_seconds(run, data, batch.slices, message))
        if scored:
            one = _like(scan, tags[: len(scan.images)])
            each = yield from _scoring_seconds(run, one, device, 2 * batch.slices, message)
            stage_seconds += scored * each
        length, condition = config, ""
        if stage in tried_ones:
            minutes = min(PILOT_MINUTES, config.minutes or PILOT_MINUTES)
            pilot = min(60 * minutes, stage_seconds * PILOT_DRAWS / len(tags))
            parts.append(Part(pilot, f"to compare {stage} with {fitted[0]}", stage))
            condition = f"it predicts tags as well as {fitted[0]} does"
            if limited:
                length = config.model_copy(update={"minutes": AUTO_MINUTES})
        epochs = _epochs(length, stage_seconds, len(preset.phase_starts))
        parts.append(Part(epochs * stage_seconds, "", stage, epochs, condition))
    return Estimate(
        device=str(device),
        scans=len(names),
        slices=len(tags),
        parts=tuple(parts),
        open_ended=config.patience is not None,
        batch_size=batch.slices,
        slice_memory=slice_memory,
        step_memory=needed,
        free_memory=free,
        advice=_advice(needed, room, batch.slices, input_spec.pixel),
    )


def _usable_tags(study: Study, names: Sequence[str], *, complete: bool) -> NDArray[np.int8]:
    tags = np.concatenate([study.tags.read(name).values for name in names])
    known = tags != UNKNOWN
    usable: NDArray[np.int8] = tags[known.all(1) if complete else known.any(1)]
    return usable


def _largest(
    study: Study, names: Sequence[str], input_spec: InputSpec, usable: Usable
) -> Generator[Message, None, tuple[str, LoadedScan, float]]:
    """Read the scan with the largest usable slices; return its name and the seconds, too."""

    def area(name: str) -> float:
        geometry = study.scan(name).geometry
        return math.prod(geometry.shape[1:]) * math.prod(geometry.spacing[1:])

    for name in sorted(names, key=area, reverse=True):
        yield Message(f"reading {name}")
        began = time.monotonic()
        scan = load_scan(study, name, input_spec, usable=usable)
        if len(scan.images):
            return name, scan, time.monotonic() - began
    raise McwssError(
        f"none of the tagged slices of {', '.join(names)} can be trained on: tag slices that "
        "have a foreground"
    )


def _like(scan: LoadedScan, tags: NDArray[np.int8]) -> SliceDataset:
    """Return the slices of one scan repeated, with the tags of all slices."""
    rounds, rest = divmod(len(tags), len(scan.images))

    def repeated(maps: Tensor) -> SliceStack:
        return SliceStack([*[maps] * rounds, maps[:rest]])

    return SliceDataset(
        repeated(scan.images),
        repeated(scan.foreground),
        torch.from_numpy(tags),
        torch.arange(len(tags)) // len(scan.images),
        scan.position.repeat(rounds + 1)[: len(tags)],
        (scan.stride,) * (rounds + 1),
        repeated(scan.foreground[:, 0].to(torch.uint8)),
    )


def _middles(starts: Sequence[float]) -> list[tuple[float, float]]:
    """Return the progress in the middle of each phase of a preset, and the phase's share."""
    ends = (*starts[1:], 1.0)
    return [((a + b) / 2, b - a) for a, b in zip(starts, ends, strict=True)]


def _indices(run: Run, data: SliceDataset, slices: int) -> Tensor:
    """Return indices for a step of so many slices, one per pair or slab."""
    return torch.arange(max(1, slices // run.unit)) % len(data)


def _memory(run: Run, data: SliceDataset) -> Callable[[int], int]:
    """Return a function from the slices of a step to the bytes of network and step."""
    fixed = COPIES * sum(weight.nbytes for weight in run.preset.parameters())
    kept = 0
    for progress, _ in _middles(run.preset.phase_starts):
        with saved_memory(run.preset.parameters()) as saved:
            run.learn(data, _indices(run, data, FEW), progress)
        kept = max(kept, saved.bytes)
    each = WORKSPACE * kept / len(_indices(run, data, FEW))
    return lambda slices: fixed + math.ceil(each * len(_indices(run, data, slices)))


def _step_seconds(
    run: Run, data: SliceDataset, slices: int, message: Message
) -> Generator[Message, None, float]:
    """Time steps of each phase of a preset; return their mean, weighted by the phases' shares."""
    mean = 0.0
    for progress, share in _middles(run.preset.phase_starts):
        indices = _indices(run, data, slices)
        run.learn(data, indices, progress)  # the first one takes longer
        began = time.monotonic()
        times: list[float] = []
        while not times or (len(times) < STEPS and time.monotonic() - began < SECONDS):
            yield message
            step = time.monotonic()
            run.learn(data, indices, progress)
            times.append(time.monotonic() - step)
        mean += share * median(times)
    return mean


def _scoring_seconds(
    run: Run, data: SliceDataset, device: torch.device, slices: int, message: Message
) -> Generator[Message, None, float]:
    """Time the validation of some batches; return the seconds per slice."""
    steps, done, taken = score_slices(run.preset, data, device, slices), 0, 0.0
    while done < len(data) and (not done or taken < SECONDS):
        yield message
        step = time.monotonic()
        done = next(steps, len(data))
        taken += time.monotonic() - step
    return taken / done


def _epochs(config: TrainingConfig, epoch_seconds: float, waits: int) -> int:
    if config.minutes is None:
        return (config.epochs or 1) + waits * (config.patience or 0)
    within = max(1, math.ceil(60 * config.minutes / epoch_seconds))
    return within if config.epochs is None else min(config.epochs, within)


def _advice(needed: int, room: int, slices: int, pixel: float) -> str:
    if needed <= room:
        return ""
    return (
        f"steps of {slices} slices need about {needed / 2**30:.1f} GiB, {room / 2**30:.1f} are "
        f"free: train with pixels of {math.ceil(2 * pixel):g} mm or a smaller width, or close "
        "other programs"
    )


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
