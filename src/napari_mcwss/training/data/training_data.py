"""What a training learns from: which scans, their slices and labels."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.model.checkpoint import TrainedModel, load_model
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import Preset
from napari_mcwss.model.presets.registry import PRESETS, second_stage, tried
from napari_mcwss.scans.scan import Scan
from napari_mcwss.study.study import Study
from napari_mcwss.tags.advice import PREDICTIVE_AUC, level_area
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.digests import (
    mask_digest,
    refuse_changes,
    study_digests,
)
from napari_mcwss.training.data.kept_slices import KeptSlices
from napari_mcwss.training.data.pixels import feature_pixel, own_pixel
from napari_mcwss.training.data.pseudo_labels import (
    GOOD_ENOUGH,
    label_agreement,
    label_scan,
    read_labels,
    write_labels,
)
from napari_mcwss.training.data.slice_store import SliceStore
from napari_mcwss.training.data.slices import (
    LoadedScan,
    SliceDataset,
    Usable,
    check_tags,
    gather,
    load_scan,
    tagged_scans,
)
from napari_mcwss.training.data.split import Split, split_scans
from napari_mcwss.training.data.work_ahead import work_ahead
from napari_mcwss.training.events import Advice, Event, Message
from napari_mcwss.training.memory import BatchSize, within_memory

TRUSTED, LABELS = "trusted", "labels"
"""Subfolders of a training: masks that were given, and labels that the first stage made."""

SHALLOWEST = 16
"""Slices that a scan needs for a second stage in 3-D."""

THICKEST = 3.0
"""Largest distance between slices for it, in pixels."""

VOLUME_SIDE = 96
"""Pixels along the larger side of the volumes that it reads; more take too long."""


def refuse_flat(study: Study, scans: Sequence[str]) -> None:
    """Refuse scans with too few or too distant slices for a second stage in 3-D."""
    for name in scans:
        geometry = study.scan(name).geometry
        slices, spacing = geometry.shape[0], geometry.spacing
        if slices < SHALLOWEST or spacing[0] > THICKEST * min(spacing[1:]):
            raise McwssError(
                f"scan {name} has {slices} slices, {spacing[0]:g} mm apart, a second stage in 3-D "
                f"needs {SHALLOWEST}, at most {THICKEST:g} pixels apart: train without volumetric"
            )


def volume_input_spec(input_spec: InputSpec, side: float) -> InputSpec:
    """Return how volumes are read whose larger side is so long, in mm."""
    return replace(input_spec, pixel=max(input_spec.pixel, side / VOLUME_SIDE))


@dataclass(frozen=True)
class Task:
    """Scans and masks that a training learns from.

    `trusted` has given label images by scan, for heads on features and the second stage; `unused`
    are scans with label images that are not trained on.
    """

    split: Split
    trusted: Mapping[str, NDArray[np.uint8]]
    unused: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        study: Study,
        config: TrainingConfig,
        scans: Sequence[str] | None,
        trusted: Mapping[str, NDArray[np.uint8]],
    ) -> "Task":
        """Choose the scans; refuse tags that do not suffice, and label images that do not fit."""
        first = PRESETS[tried(config.preset)[0]].preset_class
        if trusted and not (config.refine or first.fits_features):
            raise McwssError(
                "only the method 'features' and second stages learn from masks: train with refine, "
                "or without masks"
            )
        if config.volumetric and not config.refine:
            raise McwssError("only a second stage can be in 3-D: train with refine, too")
        tagged = tagged_scans(study, scans)
        if config.volumetric:
            refuse_flat(study, tagged)
        # A corrected mask is worth more than a validation scan.
        keep = [scan for scan in tagged if scan in trusted]
        for scan in keep:
            shape = study.scan(scan).geometry.shape
            if trusted[scan].shape != shape:
                raise McwssError(
                    f"the mask of scan {scan} has shape {trusted[scan].shape}, the scan {shape}: "
                    "give a mask of the scan's own voxels"
                )
        tags = {scan: study.tags.read(scan).values for scan in tagged}
        # Heads on features hold parts of the scans back themselves.
        share = 0.0 if first.fits_features else config.validation_share
        split = split_scans(tags, share, config.seed, keep=keep)
        unused = tuple(scan for scan in trusted if scan not in tagged)
        return cls(split, {scan: trusted[scan] for scan in keep}, unused)

    @property
    def advice(self) -> list[str]:
        """Problems of the scans and masks, and what to do."""
        scans = ", ".join(self.unused)
        text = (
            f"the masks of {scans} are not used, since their scans have no tags: tag slices of them"
        )
        return [text] if scans else []

    def stages(self, config: TrainingConfig) -> list[str]:
        """Return the presets of the stages, in their order."""
        first = list(tried(config.preset))
        if config.refine:
            second = second_stage(volumetric=config.volumetric)
            complete = len(self.trusted) == len(self.split.training)
            return [second] if complete else [*first, second]
        # The others would learn nothing from the masks.
        return first[:1] if self.trusted else first

    def beside_minutes(self, config: TrainingConfig) -> list[str]:
        """Say which stages take time beside the minutes that the user has set."""
        (first, *later), minutes = self.stages(config), config.minutes
        if minutes is None or not PRESETS[first].preset_class.fits_features:
            return []
        length = f"a length of {minutes:g} minute{'' if minutes == 1 else 's'}"
        if not later:
            return [f"{length} has no effect: {first} takes as long as it needs"]
        compares = later[0] in tried(config.preset)
        compared = f", with its comparison with {later[0]}," if compares else ""
        return [f"{length} applies to {later[0]} only: {first}{compared} takes more time before it"]

    @classmethod
    def resumed(cls, split: Split, trusted: Sequence[str], folder: Path) -> "Task":
        """Return what a training began with, with the masks in its folder."""
        labels = {scan: read_labels(_labels_file(folder / TRUSTED, scan)) for scan in trusted}
        found = {scan: image for scan, image in labels.items() if image is not None}
        missing = [scan for scan in trusted if scan not in found]
        if missing:
            raise McwssError(
                f"cannot read the masks of {', '.join(missing)} that were given to this training: "
                "start over with --restart"
            )
        return cls(split, found)

    def keep_masks(self, folder: Path) -> None:
        """Write the given masks to a training's folder, for `resumed`."""
        for scan, labels in self.trusted.items():
            write_labels(_labels_file(folder / TRUSTED, scan), labels)


class TrainingData:
    """Reads the slices of a training and their labels, in steps between which it can be stopped.

    `known` are digests of the data that a resumed training began with, `digests` those of what was
    read so far: if they differ, here or while reading, it is a McwssError. `input_spec` is how the
    network of the current stage reads scans, `kept` has the slices that need not be read again.
    """

    def __init__(
        self, study: Study, task: Task, config: TrainingConfig, known: Mapping[str, str]
    ) -> None:
        self.study, self.task, self.config = study, task, config
        scans = (*task.split.training, *task.split.validation)
        self._own_pixel = own_pixel(study, scans, quick=bool(PRESETS[config.preset].tries))
        self.input_spec = InputSpec(config.pixel or self._own_pixel, config.place)
        self._told_of_pixel = 0.0
        self._known = known
        self._side = 0.0
        self._told_of_disk = False
        self.kept = KeptSlices()
        self.digests: dict[str, str] = {}
        self._note(study_digests(study, scans))
        for scan, labels in task.trusted.items():
            self._note(mask_digest(scan, labels))

    def close(self) -> None:
        """Stop keeping slices for later trainings."""
        self.kept.close()

    def tagged(self, preset: str) -> Generator[Event, None, SliceDataset]:
        """Read the slices that a preset trains on, and from now on as it reads scans."""
        names = self.task.split.training
        made = PRESETS[preset].preset_class
        complete = made.needs_complete_tags
        yield from self._read_for(made)
        data = yield from self._load(names, "complete" if complete else "tagged")
        self._side = self.input_spec.pixel * max(data.images.shape[-2:])
        if not len(data):
            raise McwssError(
                f"none of the tagged slices of {', '.join(names)} can be trained on: preset "
                f"'{self.config.preset}' needs slices that have a foreground"
                + (" and a tag of every class" if complete else "")
            )
        check_tags(data.tags.numpy(), self.study.class_names, names)
        return data

    def validation(self) -> Generator[Event, None, SliceDataset | None]:
        """Read the validation slices, if there are any."""
        names = self.task.split.validation
        return (yield from self._load(names, "tagged")) if names else None

    def labelled(
        self, folder: Path, draws: int, batch: BatchSize
    ) -> Generator[Event, None, SliceDataset]:
        """Read the slices of the second stage with labels: given ones or the first stage's.

        For 3-D all slices with a foreground are read, tagged or not, with coarser pixels. The
        folder of the training has the first stage's model; an epoch draws as many slices as there.
        """
        names: Sequence[str] = self.task.split.training
        labels = dict(self.task.trusted)
        if len(labels) < len(names):
            made = yield from self._made_labels(folder, batch)
            if self._worth_learning(made):
                labels = made | labels
            else:
                names = list(self.task.trusted)
                yield Advice(
                    "the masks of the first stage differ much from those given: the second stage "
                    f"learns from the masks of {', '.join(names)} alone"
                )
        second = second_stage(volumetric=self.config.volumetric)
        yield from self._read_for(PRESETS[second].preset_class)
        if self.config.volumetric:
            self.input_spec = volume_input_spec(self.input_spec, self._side)
        usable: Usable = "all" if self.config.volumetric else "tagged"
        data = yield from self._load(names, usable, labels)
        return replace(self._balanced(data, names), draws=draws)

    def _read_for(self, preset: type[Preset]) -> Generator[Event, None, None]:
        pixel = self.config.pixel or self._pixel(preset)
        place = self.config.place or (preset.fits_features and self._masks_have_place)
        self.input_spec = replace(self.input_spec, pixel=pixel, coordinates=place)
        if self.config.pixel is None and pixel != self._told_of_pixel:
            self._told_of_pixel = pixel
            yield Message(f"slices are read with pixels of {pixel:.2g} mm")

    def _pixel(self, preset: type[Preset]) -> float:
        return self._feature_pixel if preset.fits_features else self._own_pixel

    @cached_property
    def _masks_have_place(self) -> bool:
        """Whether masks are given of scans that are cut alike, as their tags tell."""
        tags = {scan: self.study.tags.read(scan).values for scan in self.task.split.training}
        return bool(self.task.trusted) and any(
            level_area(tags, index) >= PREDICTIVE_AUC for index in range(len(self.study.classes))
        )

    @cached_property
    def _feature_pixel(self) -> float:
        return feature_pixel(self.study, self.config.encoder)

    def _load(
        self,
        names: Sequence[str],
        usable: Usable,
        labels: Mapping[str, NDArray[np.uint8]] | None = None,
    ) -> Generator[Event, None, SliceDataset]:
        study, scans, store = self.study, [], SliceStore()

        def load(scan: Scan) -> LoadedScan:
            given = None if labels is None else labels[scan.name]
            spec, kept = self.input_spec, self.kept
            return load_scan(study, scan.name, spec, usable=usable, labels=given, kept=kept)

        with closing(work_ahead(study, names, load)) as loaded:
            for index, name in enumerate(names, 1):
                yield Message(f"reading {name} ({index} of {len(names)})")
                scan = next(loaded)
                self._note({f"scan {name}": scan.digest})
                scans.append(store.keep(scan))
                if store.on_disk and not self._told_of_disk:
                    self._told_of_disk = True
                    yield Advice(
                        "the slices do not fit in memory: some are read from disk again and again, "
                        "which may be slower"
                    )
        self.kept.begin()
        return gather(scans)

    def _note(self, digests: Mapping[str, str]) -> None:
        refuse_changes(self._known, digests)
        self.digests |= digests

    def _made_labels(
        self, folder: Path, batch: BatchSize
    ) -> Generator[Event, None, dict[str, NDArray[np.uint8]]]:
        """Label all scans with the first stage, those with given masks to compare."""
        names = self.task.split.training
        teacher = load_model(folder, device=self.config.device)
        made = {}
        for index, name in enumerate(names, 1):
            message = Message(f"labelling {name} ({index} of {len(names)})")
            yield message
            path = _labels_file(folder / LABELS, name)
            found = read_labels(path)
            if found is None:
                found = yield from self._made(teacher, name, batch, message)
                # If it cannot be written, a resumed training makes it again.
                with suppress(McwssError):
                    write_labels(path, found)
            made[name] = found
        return made

    def _made(
        self, teacher: TrainedModel, name: str, batch: BatchSize, message: Message
    ) -> Generator[Event, None, NDArray[np.uint8]]:
        def label() -> Generator[Message, None, NDArray[np.uint8]]:
            steps = Returning(label_scan(self.study, teacher, name, batch_size=batch.slices))
            for _ in steps:
                yield message  # a moment to stop
            return steps.value

        labels = yield from within_memory(label, batch)
        self.study.scan(name).release()
        return labels

    def _worth_learning(self, made: Mapping[str, NDArray[np.uint8]]) -> bool:
        """Return whether made labels agree with those that were given, if there are any."""
        classes = len(self.study.classes)
        agreements = [
            label_agreement(made[name], labels, classes)
            for name, labels in self.task.trusted.items()
        ]
        return not agreements or fmean(agreements) >= GOOD_ENOUGH

    def _balanced(self, data: SliceDataset, names: Sequence[str]) -> SliceDataset:
        """Draw slices with given masks as often as all others together."""
        trusted = torch.tensor([name in self.task.trusted for name in names])[data.scan]
        if trusted.all() or not trusted.any():
            return data
        weights = torch.where(trusted, 1 / trusted.sum(), 1 / (~trusted).sum())
        return replace(data, weights=weights)


def _labels_file(folder: Path, scan: str) -> Path:
    return folder / f"{scan}.npz"
