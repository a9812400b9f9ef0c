"""Training as a generator of events: no thread, no screen, no printing."""

import math
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from statistics import fmean

import torch
from monai.metrics import compute_roc_auc
from torch import Tensor

from napari_mcwss import __version__
from napari_mcwss.errors import McwssError
from napari_mcwss.model.checkpoint import PRESETS, ModelInfo
from napari_mcwss.model.devices import autocast, choose_device
from napari_mcwss.model.preset import PRESENT, UNKNOWN, Preset, TaggedBatch
from napari_mcwss.project import Study
from napari_mcwss.tags.relations import parents, precedence
from napari_mcwss.training.augmentation import augment
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import (
    Batch,
    Checkpoint,
    Epoch,
    Event,
    Finished,
    Message,
    Started,
)
from napari_mcwss.training.saving import ModelFolder
from napari_mcwss.training.slices import (
    TaggedSlices,
    check_tags,
    gather,
    load_scan,
    split_scans,
    tagged_scans,
)

WARM_UP = 0.1
"""Share of a stage over which the learning rate rises."""

AUC_TOLERANCE = 0.01
"""A later epoch is preferred over an earlier one that is better by less than this."""


def train(
    study: Study, name: str, config: TrainingConfig, *, scans: Sequence[str] | None = None
) -> Generator[Event, None, None]:
    """Train a model of a study on its tags.

    Masks are out of its reach: it reads scans and tags alone. Closing the
    generator stops the run; the state so far is kept as a model.

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

    Yields
    ------
    Event
        One of those in `napari_mcwss.training.events`.

    Raises
    ------
    McwssError
        If the device is not there, or the tags are not enough to learn from.
    """
    start = time.monotonic()
    device = choose_device(config.device)
    split = split_scans(tagged_scans(study, scans), config.validation_share, config.seed)
    run = _Run(study, config, device)
    data = yield from _load(study, split.training, complete=run.preset.needs_complete_tags)
    if not len(data):
        raise McwssError(
            f"none of the tagged slices of {', '.join(split.training)} can be trained on: preset "
            f"'{config.preset}' needs slices that hold tissue"
            + (" and a tag of every class" if run.preset.needs_complete_tags else "")
        )
    check_tags(data.tags.numpy(), study.class_names, split.training)
    held_back = None
    if split.validation:
        held_back = yield from _load(study, split.validation, complete=False)
    yield Started(name, str(device), split.training, split.validation, len(data), config.last_epoch)

    run.preset.learn_relations(parents(data.tags.numpy()).tolist())
    folder = ModelFolder(study, name)
    rules = tuple(tuple(row) for row in precedence(data.tags.numpy()).tolist())
    saved, best = False, -math.inf

    def save(epoch: int) -> None:
        info = ModelInfo(
            preset=config.preset,
            classes=study.class_names,
            channels=study.channels,
            width=config.width,
            precedence=rules,
            scans=split.training,
            validation_scans=split.validation,
            epochs=epoch,
            training=config.model_dump(),
            software=__version__,
        )
        folder.save(run.preset, info)

    epoch = 0
    finished = False
    try:
        run.begin()
        while epoch == 0 or not run.over(epoch):
            epoch += 1
            losses = yield from run.epoch(data, epoch)
            validation = evaluate_tags(run.preset, held_back, study.class_names, device)
            folder.record(epoch, {**losses, **{f"auc_{k}": v for k, v in validation.items()}})
            yield Epoch(epoch, losses, validation)
            score = fmean(validation.values()) if validation else math.inf
            if run.preset.keeps_last_epoch or score >= best - AUC_TOLERANCE:
                best = max(best, score)
                save(epoch)
                saved = True
                yield Checkpoint(study.model_folder(name), epoch)
        finished = True
    finally:
        if not saved:
            save(epoch)
        place = folder.publish() if finished else folder.keep()
    yield Finished(name, place or study.model_folder(name), epoch, time.monotonic() - start)


@torch.inference_mode()
def evaluate_tags(
    preset: Preset, slices: TaggedSlices | None, classes: Sequence[str], device: torch.device
) -> dict[str, float]:
    """Give the area under the ROC curve of each class's scores against its tags.

    Parameters
    ----------
    preset : Preset
        Is put into evaluation mode.
    slices : TaggedSlices, optional
        Held-back slices; without them the result is empty.
    classes : sequence of str
        Names of the classes.
    device : torch.device
        Where the preset is.

    Returns
    -------
    dict
        Class to area, 0..1; only classes with present and absent slices.
    """
    if slices is None:
        return {}
    preset.eval()
    scores = []
    for batch in torch.arange(len(slices)).split(32):
        images = slices.images[batch].to(device).float()
        with autocast(device):
            scores.append(preset.score(images, slices.tissue[batch].to(device)).float())
    predicted = torch.cat(scores).cpu()
    areas = {}
    for index, name in enumerate(classes):
        tags = slices.tags[:, index]
        if (tags == PRESENT).any() and (tags == 0).any():
            known = tags != UNKNOWN
            areas[name] = float(compute_roc_auc(predicted[known, index], tags[known].float()))
    return areas


class _Run:
    """The moving parts of a run: network, optimiser, random numbers, clock."""

    def __init__(self, study: Study, config: TrainingConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.preset = PRESETS[config.preset](
                len(study.channels), len(study.classes), config.width
            )
        self.preset.to(device)
        self._optimiser = torch.optim.AdamW(
            self.preset.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self._random = torch.Generator().manual_seed(config.seed)
        self._start = time.monotonic()

    def begin(self) -> None:
        """Start the clock; reading the scans does not count."""
        self._start = time.monotonic()

    def over(self, epoch: int) -> bool:
        return self._progress(epoch) >= 1

    def epoch(self, data: TaggedSlices, epoch: int) -> Generator[Event, None, dict[str, float]]:
        """Train one epoch, or what the minutes leave of it; give its mean losses."""
        size, paired = self.config.batch_size, self.preset.compares_pairs
        units = max(1, len(data) // 2) if paired else len(data)
        batches = math.ceil(units / (size // 2 if paired else size))
        history: dict[str, list[float]] = defaultdict(list)
        weights = self.preset.draw_weights(data.tags, self._progress(epoch - 1))
        order = data.epoch(size, self._random, paired=paired, weights=weights)
        self.preset.train()
        for number, indices in enumerate(order, 1):
            losses = self._step(data, indices, self._progress(epoch - 1 + (number - 1) / batches))
            for term, value in losses.items():
                history[term].append(value)
            progress = self._progress(epoch - 1 + number / batches)
            elapsed = time.monotonic() - self._start
            yield Batch(epoch, number, batches, losses, progress, elapsed * (1 / progress - 1))
            if progress >= 1:
                break
        return {term: fmean(values) for term, values in history.items()}

    def _progress(self, epochs: float) -> float:
        """Share of the run that is done: by epochs or by the clock, what is further."""
        last, minutes = self.config.last_epoch, self.config.minutes
        elapsed = time.monotonic() - self._start
        return min(
            1.0,
            max(epochs / last if last else 0.0, elapsed / (60 * minutes) if minutes else 0.0),
        )

    def _step(self, data: TaggedSlices, indices: Tensor, progress: float) -> dict[str, float]:
        stage = self.preset.stage_progress(progress)
        warm = min(1.0, (stage + 1e-3) / WARM_UP)
        rate = self.config.learning_rate * warm * (1 + math.cos(math.pi * stage)) / 2
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        images, tissue = augment(
            data.images[indices].to(self.device).float(),
            data.tissue[indices].to(self.device),
            self._random,
        )
        images = images.contiguous(memory_format=torch.channels_last)
        tags = data.tags[indices].to(self.device)
        batch = TaggedBatch(images, tissue, tags, data.frequency.to(self.device), progress)
        with autocast(self.device):
            terms = self.preset.losses(batch)
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            raise McwssError(
                f"the loss became {total.item()}: train again with another seed, or tag more slices"
            )
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        self._optimiser.step()
        names = [*terms, "total"]
        values = torch.stack([*terms.values(), total]).detach().float().tolist()
        return dict(zip(names, values, strict=True))


def _load(
    study: Study, names: Sequence[str], *, complete: bool
) -> Generator[Event, None, TaggedSlices]:
    scans = []
    for index, name in enumerate(names, 1):
        yield Message(f"reading {name} ({index} of {len(names)})")
        scans.append(load_scan(study, name, complete=complete))
    return gather(scans)
