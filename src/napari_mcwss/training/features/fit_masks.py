"""Fitting the head that learns from masks: of few scans, with the tags of the others, or of all."""

from collections.abc import Generator, Mapping, Sequence

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.heads import MaskHead
from napari_mcwss.model.preset import ABSENT
from napari_mcwss.model.presets.features import Features
from napari_mcwss.training.features.feature_set import FeatureSet
from napari_mcwss.training.features.steps import (
    BATCH,
    PIXELS,
    FitProgress,
    batch_on,
    held_out_regions,
    set_rate,
    take_step,
)

RATE, DECAY = 3e-3, 1e-2

MOST_PIXELS = 200_000
"""Pixels sampled from scans whose masks are given, and from the others."""

GIVEN_SHARE = 0.25
"""Share of a step's pixels that are of given masks, beside labels made by the head itself."""

JITTER = 0.2
"""Noise of the position, in standard deviations: no two scans are aligned exactly."""

SOME_SLICES = 64
"""Slices on which components are found."""

SMOOTHING = 1.0
"""Standard deviation, in pixels of details, of the filter of labels that the head makes."""


def mask_rounds(data: FeatureSet) -> int:
    """Return how often the head is fitted: to masks, if any, then to its own labels of the rest."""
    given = [scan.mask is not None for scan in data.scans]
    return int(any(given)) + int(any(given) and not all(given))


def fit_masks(
    preset: Features,
    data: FeatureSet,
    held: Tensor,
    generator: torch.Generator,
    steps: int,
    begun: float,
) -> Generator[FitProgress, None, None]:
    """Fit the head to the masks, then to these and to its own labels of the other scans.

    Own labels obey the tags: a class is nowhere on slices that are tagged absent. So the tags of
    all scans teach where a class ends, and the few masks what it looks like.

    Parameters
    ----------
    preset, data
        As for `fit_heads`; the regions are fitted.
    held : Tensor
        Which heads of the regions hold each slice back, ``(slices, heads)``.
    steps : int
        Of a round, see `mask_rounds`.
    begun : float
        Progress of the whole fit so far, 0..1.
    """
    preset.eval()
    given = {k: scan.mask for k, scan in enumerate(data.scans) if scan.mask is not None}
    pixels = _Pixels(preset, preset.begin_masks(), data, held, generator)
    pixels.find_components()
    sets = [(yield from pixels.sample(given, begun))]
    rounds = mask_rounds(data)
    end = begun + (1 - begun) / rounds
    yield from _fit(preset, pixels.head, sets, generator, steps, begun, end)
    if rounds > 1:
        made = yield from pixels.label([k for k in range(len(data.scans)) if k not in given], end)
        sets.append((yield from pixels.sample(made, end)))
        yield from _fit(preset, pixels.head, sets, generator, steps, end, 1)


def _fit(
    preset: Features,
    head: MaskHead,
    sets: Sequence[tuple[Tensor, Tensor]],
    generator: torch.Generator,
    steps: int,
    begun: float,
    end: float,
) -> Generator[FitProgress, None, None]:
    """Fit a head anew to pixels of given masks, and of labels made by an earlier one."""
    head.begin()
    optimiser = torch.optim.AdamW(head.layers.parameters(), RATE, weight_decay=DECAY)
    counts = [PIXELS]
    if len(sets) > 1:
        counts = [round(PIXELS * GIVEN_SHARE), round(PIXELS * (1 - GIVEN_SHARE))]
    # The position is read last.
    place = slice(-head.components[-1] if preset.place else sum(head.components), None)
    head.train()
    for step in range(steps):
        set_rate(optimiser, RATE, step, steps)
        parts = []
        for (features, targets), count in zip(sets, counts, strict=True):
            rows = torch.randint(0, len(features), (count,), generator=generator)
            parts.append((features[rows], targets[rows]))
        features, targets = (torch.cat(part).float() for part in zip(*parts, strict=True))
        noise = torch.randn(features[:, place].shape, generator=generator) * JITTER
        features[:, place] += noise.to(features.device)
        loss = _loss(head(features), targets)
        take_step(optimiser, loss)
        done = begun + (end - begun) * (step + 1) / steps
        yield FitProgress({"masks": float(loss.detach())}, done)
    head.eval()


def _loss(evidence: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy and the soft Dice loss of pixels ``(pixels, classes + 1)``."""
    entropy = -(targets * evidence.log_softmax(1)).sum(1).mean()
    shares, targets = evidence.softmax(1)[:, 1:], targets[:, 1:]
    overlap = 2 * (shares * targets).sum(0) + 1
    return entropy + (1 - overlap / (shares.sum(0) + targets.sum(0) + 1)).mean()


class _Pixels:
    """Pixels of the scans of a set, as a head reads them."""

    def __init__(
        self,
        preset: Features,
        head: MaskHead,
        data: FeatureSet,
        held: Tensor,
        generator: torch.Generator,
    ) -> None:
        self.preset, self.head, self.data, self.held = preset, head, data, held
        self.generator, self.scan = generator, data.scan

    @torch.no_grad()
    def find_components(self) -> None:
        """Find the components of all levels on some slices."""
        levels: list[list[Tensor]] = []
        for row in torch.randperm(len(self.data), generator=self.generator)[:SOME_SLICES]:
            maps, _ = self._levels(row[None])  # one by one: padding is no sample of anything
            levels.append([level[0].flatten(1).T for level in maps])
        self.head.find_components([torch.cat(parts) for parts in zip(*levels, strict=True)])

    def sample(
        self, masks: Mapping[int, Tensor], progress: float
    ) -> Generator[FitProgress, None, tuple[Tensor, Tensor]]:
        """Return components ``(pixels, components)`` and targets of some pixels.

        `masks` are those of scans, by their index, see `ScanFeatures.mask`.
        """
        few = max(1, MOST_PIXELS // sum(len(mask) for mask in masks.values()))
        parts = []
        for index, mask in masks.items():
            for rows, targets in self._batches(index, mask):
                with torch.no_grad():
                    parts.append(self._some(rows, targets, few * len(rows)))
                yield FitProgress({}, progress)
        return torch.cat([features for features, _ in parts]), torch.cat(
            [known for _, known in parts]
        )

    def label(
        self, scans: Sequence[int], progress: float
    ) -> Generator[FitProgress, None, dict[int, Tensor]]:
        """Return the labels that the head makes of scans, as far as the tags allow."""
        made = {}
        for index in scans:
            parts, allowed = [], []
            for rows, _ in self._batches(index):
                with torch.no_grad():
                    parts.append(self._found(rows))
                allowed.append(self.data.tags[rows] != ABSENT)
                yield FitProgress({}, progress)
            depth = self.data.scans[index].depth
            made[index] = _own_labels(torch.cat(parts), torch.cat(allowed), depth)
        return made

    def _batches(self, index: int, mask: Tensor | None = None) -> list[tuple[Tensor, Tensor]]:
        """Divide the slices of a scan, and its mask."""
        rows = (self.scan == index).nonzero().squeeze(1)
        parts = rows.split(BATCH)
        return list(zip(parts, parts if mask is None else mask.split(BATCH), strict=True))

    def _levels(self, rows: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what the head reads of slices, and their foreground."""
        batch = batch_on(self.preset.share.device, self.data.take(rows))
        # Of the regions, the head shall learn what they are worth on scans without masks.
        region = held_out_regions(self.preset, batch, self.held[rows])
        return self.preset.mask_levels(batch.levels, region), batch.foreground

    def _some(self, rows: Tensor, targets: Tensor, few: int) -> tuple[Tensor, Tensor]:
        levels, foreground = self._levels(rows)
        height, width = targets.shape[-2:]
        features = self.head.project(levels, (height, width)).movedim(1, -1).flatten(0, 2)
        inside = F.adaptive_avg_pool2d(foreground, (height, width)) > 0.5
        pixels = inside.flatten().nonzero().squeeze(1)
        order = torch.randperm(len(pixels), generator=self.generator)
        chosen = pixels[order[:few].to(pixels.device)]
        known = targets.to(features.device).movedim(1, -1).flatten(0, 2)
        return features[chosen].half(), known[chosen].half()

    def _found(self, rows: Tensor) -> Tensor:
        batch = batch_on(self.preset.share.device, self.data.take(rows))
        region = held_out_regions(self.preset, batch, self.held[rows])
        return self.preset.mask_evidence(batch.levels, region).softmax(1).cpu()


def _own_labels(found: Tensor, allowed: Tensor, depth: Tensor | None) -> Tensor:
    """Smooth the shares ``(slices, classes + 1, h, w)`` of a scan, within what is allowed."""
    gate = torch.cat([torch.ones(len(allowed), 1), allowed.float()], 1)[..., None, None]
    smooth = torch.from_numpy(gaussian_filter((found * gate).numpy(), (0, 0, SMOOTHING, SMOOTHING)))
    if depth is not None:
        near = torch.exp(-((depth[:, None] - depth) / SMOOTHING).square() / 2)
        smooth = torch.einsum("st,tchw->schw", near / near.sum(1, keepdim=True), smooth)
    smooth = smooth * gate
    return (smooth / smooth.sum(1, keepdim=True).clamp_min(1e-6)).half()
