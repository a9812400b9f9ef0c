"""Slices for training: reading them, drawing references and slabs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.inputs import InputSpec, resample_labels
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN
from napari_mcwss.model.slabs import slab_stride
from napari_mcwss.study.study import Study
from napari_mcwss.tags.advice import lacking
from napari_mcwss.training.data.kept_slices import KeptSlices, PreparedSlices
from napari_mcwss.training.data.slice_stack import SliceStack

Usable = Literal["complete", "tagged", "all"]
"""Which slices with a foreground are read: those with known tags of all classes, of any, or all."""


class Taken(NamedTuple):
    """Fields of `SliceDataset`, of some slices."""

    images: Tensor
    foreground: Tensor
    tags: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class SliceDataset:
    """All usable slices of some scans, scan after scan.

    Images are float16 ``(slices, channels, h, w)``, normalised; h and w fit the largest scan. The
    foreground is bool ``(slices, 1, h, w)``, tags are int8 ``(slices, classes)``, labels uint8
    ``(slices, h, w)``, as in `TaggedBatch`. `scan` is the index of each slice's scan, `position`
    that of the slice in its scan, `strides` the step within a slab for each scan, see
    `slab_stride`. An epoch draws `draws` slices, by default as many as there are, by their
    `weights` ``(slices,)``; by default each is drawn once.
    """

    images: Tensor | SliceStack
    foreground: Tensor | SliceStack
    tags: Tensor
    scan: Tensor
    position: Tensor
    strides: tuple[int, ...]
    labels: Tensor | SliceStack | None = None
    weights: Tensor | None = None
    draws: int | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def drawn(self) -> int:
        """Slices that an epoch draws."""
        return len(self) if self.draws is None else self.draws

    @property
    def frequency(self) -> Tensor:
        """Share of present among the known tags of each class, 0..1."""
        present = (self.tags == PRESENT).sum(0)
        return present / (self.tags != UNKNOWN).sum(0).clamp_min(1)

    def of_scan(self, index: int) -> tuple[Tensor, Tensor]:
        """Return images and foreground of the slices of one scan, in its own size."""
        if isinstance(self.images, SliceStack) and isinstance(self.foreground, SliceStack):
            return self.images.scans[index], self.foreground.scans[index]
        own = (self.scan == index).nonzero().squeeze(1)
        return self.images[own], self.foreground[own]

    def draw_references(self, anchors: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the indices of a reference slice for each slice; the generator is on the CPU.

        It shares a present class and comes from another scan if there is such a slice, else from
        the same scan. A slice that shares no class with any gets a random one: the decomposed
        branch has to learn pairs without a common class, too.
        """
        present = (self.tags == PRESENT).float()
        shares = present[anchors] @ present.T > 0
        elsewhere = self.scan[anchors, None] != self.scan
        other = anchors[:, None] != torch.arange(len(self))
        eligible = shares & elsewhere
        for fallback in (shares & other, elsewhere, other, torch.ones_like(other)):
            without = ~eligible.any(1)
            eligible[without] = fallback[without]
        return torch.multinomial(eligible.float(), 1, generator=generator).squeeze(1)

    def order(self, generator: torch.Generator) -> Tensor:
        """Return the shuffled indices ``(drawn,)`` of an epoch, in rounds of all slices."""
        rounds = math.ceil(self.drawn / len(self))
        passes = [torch.randperm(len(self), generator=generator) for _ in range(rounds)]
        return torch.cat(passes)[: self.drawn]

    def slabs(self, anchors: Tensor, depth: int, generator: torch.Generator) -> Tensor:
        """Return the slab around each slice, one after another; half of them upside down.

        The indices are ``(n * depth,)``, -1 beyond the ends of a scan; the generator is on the CPU.
        """
        index = torch.full((len(self.strides), int(self.position.max()) + 1), -1)
        index[self.scan, self.position] = torch.arange(len(self))
        scan = self.scan[anchors, None]
        steps = (torch.arange(depth) - depth // 2) * torch.tensor(self.strides)[scan]
        upside_down = torch.rand(len(anchors), 1, generator=generator) < 0.5
        position = self.position[anchors, None] + torch.where(upside_down, -steps, steps)
        inside = (position >= 0) & (position < index.shape[1])
        return torch.where(inside, index[scan, position.clamp(0, index.shape[1] - 1)], -1).flatten()

    def take(self, indices: Tensor) -> Taken:
        """Return some slices; -1 is an empty one with unknown tags."""
        empty = indices < 0
        images = self.images[indices].masked_fill(empty[:, None, None, None], 0)
        foreground = self.foreground[indices].masked_fill(empty[:, None, None, None], False)
        tags = self.tags[indices].masked_fill(empty[:, None], UNKNOWN)
        labels = None
        if self.labels is not None:
            labels = self.labels[indices].masked_fill(empty[:, None, None], 0)
        return Taken(images, foreground, tags, labels)


def tagged_scans(study: Study, scans: Sequence[str] | None) -> tuple[str, ...]:
    """Return the scans to train on: those named, or all that have a tag.

    Raises
    ------
    McwssError
        If a named scan has no tag, none has, or a class has no present or no absent tag at all.
    """
    names = study.scan_names if scans is None else tuple(dict.fromkeys(scans))
    tables = {name: study.tags.read(name).values for name in names}
    tagged = tuple(name for name, values in tables.items() if (values != UNKNOWN).any())
    untagged = [name for name in names if name not in tagged]
    if untagged and (scans is not None or not tagged):
        raise McwssError(f"no slice of {', '.join(untagged)} is tagged: tag slices, then train")
    check_tags(np.concatenate([tables[name] for name in tagged]), study.class_names, tagged)
    return tagged


def count_tags(tags: NDArray[np.int8], classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the slices tagged present, absent and unknown, for each class."""
    words = {"present": PRESENT, "absent": ABSENT, "unknown": UNKNOWN}
    return {
        name: {word: int((tags[:, index] == tag).sum()) for word, tag in words.items()}
        for index, name in enumerate(classes)
    }


def check_tags(tags: NDArray[np.int8], classes: Sequence[str], scans: Sequence[str]) -> None:
    """Refuse tags ``(slices, classes)`` without a present and an absent slice of each class."""
    if found := lacking(tags, classes, scans):
        raise McwssError(found)


@dataclass(frozen=True)
class LoadedScan:
    """Fields of `SliceDataset` for the usable slices of one scan, in its own size."""

    images: Tensor
    foreground: Tensor
    tags: Tensor
    position: Tensor
    stride: int
    labels: Tensor | None = None
    mapped: bool = False
    """Whether images and foreground lie in a file that is mapped into memory."""
    digest: str = ""
    """That of the scan's voxels, see `Scan.digest`, if slices are kept."""

    @property
    def maps(self) -> tuple[Tensor, ...]:
        """Images, foreground and, if there are any, labels."""
        labels = () if self.labels is None else (self.labels,)
        return (self.images, self.foreground, *labels)


def usable_slices(tags: Tensor, usable: Usable) -> Tensor:
    """Return the indices of slices to read, with foreground or not, by tags ``(z, classes)``."""
    if usable == "all":
        return torch.arange(len(tags))
    known = tags != UNKNOWN
    return (known.all(1) if usable == "complete" else known.any(1)).nonzero().squeeze(1)


def load_scan(
    study: Study,
    name: str,
    input_spec: InputSpec,
    *,
    usable: Usable,
    labels: NDArray[np.uint8] | None = None,
    kept: KeptSlices | None = None,
) -> LoadedScan:
    """Read a scan's usable slices and their tags, and crop its labels ``(z, y, x)`` with it.

    Slices that are kept are not read again, others are kept.
    """
    scan = study.scan(name)
    tags = torch.from_numpy(study.tags.read(name).values)
    slices = usable_slices(tags, usable)
    digest = scan.digest() if kept else ""
    found = kept.get(scan, input_spec, slices) if kept else None
    if found is None:
        found = PreparedSlices.of(scan, input_spec, slices)
        if kept:
            digest = scan.digest()  # of what was read, whatever it was before
            kept.keep(scan, input_spec, found)
    scan.release()
    position = found.position
    cropped = None
    if labels is not None:
        rows, columns = found.window
        cropped = torch.from_numpy(labels[position.numpy(), rows, columns])
        height, width = found.images.shape[-2:]
        cropped = resample_labels(cropped, (height, width))
    stride = slab_stride(scan.geometry.spacing[0], input_spec.pixel)
    return LoadedScan(
        found.images,
        found.foreground,
        tags[position],
        position,
        stride,
        cropped,
        mapped=found.mapped,
        digest=digest,
    )


def gather(scans: Sequence[LoadedScan]) -> SliceDataset:
    """Join scans into one dataset, in the size of the largest scan."""
    labels = [scan.labels for scan in scans if scan.labels is not None]
    return SliceDataset(
        SliceStack([scan.images for scan in scans]),
        SliceStack([scan.foreground for scan in scans]),
        torch.cat([scan.tags for scan in scans]),
        torch.cat([torch.full((len(scan.tags),), index) for index, scan in enumerate(scans)]),
        torch.cat([scan.position for scan in scans]),
        tuple(scan.stride for scan in scans),
        SliceStack(labels) if labels else None,
    )
