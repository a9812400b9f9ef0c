"""The ``features`` preset: small heads on the features of an encoder that has seen the world.

Some hundred tags cannot teach a network from nothing what most findings look like. Here a
frozen encoder, trained on photographs, supplies the features, and heads learn to combine them.
Large features locate a finding, but smear it; the details, which see little, sharpen it. Where
masks are given, a further head learns what the pixels of each class have in common.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.encoder import Encoder
from napari_mcwss.model.encoders.packing import groups
from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER, load_encoder
from napari_mcwss.model.encoders.slices import MULTIPLE, encode_slices, feature_strides
from napari_mcwss.model.guided_filter import guided_filter
from napari_mcwss.model.heads import FeatureHeads, MaskHead, PixelHead, join_levels
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.maps import smooth_maximum
from napari_mcwss.model.preset import Maps, Preset, TaggedBatch

JUDGED, HEADS = 4, 6
"""Heads that hold scans back, on whose tags they are judged, and all heads of the regions."""

REGION_HIDDEN, DETAIL_HIDDEN, MASK_HIDDEN = 32, 64, 64
"""Features of the hidden layer of a head of each kind."""

SHARPNESS = 8.0
"""Sharpness of the smooth maximum: gentler than for images, as heads begin with no evidence."""

REGION_STRIDE, DETAIL_STRIDE = 8, 4
"""Pixels of the slice per pixel of the evidence of regions, and of details."""

POSITION_STRIDE = 4
"""Pixels of the slice per pixel of the position."""

SMALL_REACH = 8
"""Largest stride of the levels that see little."""

EDGE_RADIUS = 6
"""Radius in pixels of the guided filter, which fits maps to the image."""

MASK_SMOOTHING = (1.0, 1.0, 1.0)
"""`Preset.smoothing` of maps that were learnt from masks, pixel by pixel."""

MASKS = "masks."
"""What the names of weights begin with that only a preset has which learnt from masks."""


Read = TypeVar("Read", Tensor, int)
"""A level, or the number of its features."""


class Features(Preset):
    """Heads that find regions, and a head of a small reach for the details of regions.

    Parameters
    ----------
    channels : int
        Of scans, without the position.
    encoder : str
        Name of the encoder, see `ENCODERS`.
    place : bool
        Whether the input has three further channels with the position, for heads alone.

    Attributes
    ----------
    heads : FeatureHeads
        `HEADS` heads of the large reach, which learn regions from tags.
    details : PixelHead
        A head of the small reach, which learns what the pixels of regions have in common.
    masks : MaskHead, optional
        A head that reads all levels and the regions, if masks are given: it makes the maps.
    share : Tensor
        ``(classes,)``: log-odds of the share of pixels in regions, which details start from.
    """

    compares_pairs: ClassVar[bool] = False
    keeps_last_epoch: ClassVar[bool] = True
    fits_features: ClassVar[bool] = True
    no_other_maps: ClassVar[str] = "its encoder is frozen, so no gradient leads through it"

    share: Tensor
    digest: Tensor

    def __init__(
        self,
        channels: int,
        classes: int,
        width: int,
        pixel: float = 1.0,
        encoder: str = DEFAULT_ENCODER,
        *,
        place: bool = False,
    ) -> None:
        super().__init__(channels, classes, width, pixel)
        self.encoder_name, self.place = encoder, place
        network = load_encoder(encoder)
        self.strides = feature_strides(network)
        widths = [groups(channels) * width for width in network.widths]
        self.large_levels, self.small_levels = _reaches(self.strides)
        if place:
            self.large_levels.append(len(widths))
            self.strides.append(POSITION_STRIDE)
            widths.append(3)
        self._widths = widths
        large, small = (
            [widths[k] for k in some] for some in (self.large_levels, self.small_levels)
        )
        self.heads = FeatureHeads(large, classes, HEADS, REGION_HIDDEN)
        self.details = PixelHead(small, classes, DETAIL_HIDDEN)
        self.masks: MaskHead | None = None
        self.register_buffer("share", torch.zeros(classes))
        self.register_buffer("digest", torch.tensor(list(bytes.fromhex(network.digest))))
        self.register_load_state_dict_post_hook(_check_digest)  # type: ignore[no-untyped-call]

    @classmethod
    def build(
        cls, channels: int, classes: int, width: int, input_spec: InputSpec, encoder: str
    ) -> Self:
        """Make a preset with an encoder."""
        place = input_spec.coordinates
        return cls(channels, classes, width, input_spec.pixel, encoder, place=place)

    # Public hooks before loading are newer than the oldest PyTorch that is supported.
    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load weights, with those of the head that learns from masks if they are among them."""
        if any(name.startswith(MASKS) for name in state_dict):
            self.begin_masks()
        return super().load_state_dict(state_dict, strict, assign)

    def begin_masks(self) -> MaskHead:
        """Make a head that learns from masks."""
        widths = self.mask_levels(self._widths, self.classes)
        head = MaskHead(widths, int(self.place), self.classes, MASK_HIDDEN)
        self.masks = head.to(self.share.device)
        self.smoothing = MASK_SMOOTHING
        return self.masks

    def mask_levels(self, levels: Sequence[Read], region: Read) -> list[Read]:
        """Return what the head reads that learns from masks: levels, regions, and position."""
        read = list(levels)
        read.insert(len(read) - int(self.place), region)
        return read

    @property
    def encoder(self) -> Encoder:
        """The encoder, on the device of the heads; its weights are no part of the model."""
        return load_encoder(self.encoder_name, str(self.share.device))

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return the features of slices ``(slices, channels, h, w)``, see `encode_slices`.

        The position, if it is read, is a last level.
        """
        levels = encode_slices(self.encoder, images[:, : self.channels])
        if self.place:
            levels.append(mean_at_stride(images[:, self.channels :], POSITION_STRIDE))
        return levels

    def regions(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the evidence of all heads for the regions.

        Parameters
        ----------
        levels : sequence of Tensor
            From `encode`.

        Returns
        -------
        Tensor
            ``(slices, heads, classes, h, w)``, one pixel for `REGION_STRIDE` pixels.
        """
        evidence: Tensor = self.heads(
            [levels[k] for k in self.large_levels], self._grid(levels, REGION_STRIDE)
        )
        return evidence

    def detail(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the evidence of details ``(slices, classes, h, w)`` at `DETAIL_STRIDE`."""
        evidence: Tensor = self.details(self.pixel_features(levels))
        return evidence

    def pixel_features(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the features ``(slices, features, h, w)`` that details are made of."""
        size = self._grid(levels, DETAIL_STRIDE)
        return join_levels([levels[k] for k in self.small_levels], size)

    def evidence(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the pooled evidence ``(slices, classes)`` and that of pixels, at `DETAIL_STRIDE`.

        Regions are the prior of the details, whose own log-odds are taken relative to their
        mean share. Masks teach single pixels, and the evidence is what was learnt from them.
        """
        region = self.regions(levels).mean(1)
        if self.masks is not None:
            return region, _against_others(self.mask_evidence(levels, region))
        fine = F.interpolate(region, self._grid(levels, DETAIL_STRIDE), mode="bilinear")
        return region, fine + self.detail(levels) - self.share[:, None, None]

    def mask_evidence(self, levels: Sequence[Tensor], region: Tensor) -> Tensor:
        """Return the log-odds ``(slices, classes + 1, h, w)`` of `masks`, at `DETAIL_STRIDE`."""
        assert self.masks is not None
        read, size = self.mask_levels(levels, region), self._grid(levels, DETAIL_STRIDE)
        components = self.masks.project(read, size)
        evidence: Tensor = self.masks(components.movedim(1, -1)).movedim(-1, 1)
        return evidence

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Refuse: its heads learn from the features of all slices at once, see `fit_heads`."""
        raise NotImplementedError

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Return scores and CAMs of slices."""
        height, width = images.shape[-2:]
        region, fine = self.evidence(self.encode(images))
        cams = F.interpolate(fine, scale_factor=DETAIL_STRIDE, mode="bilinear")
        cams = cams[..., :height, :width].sigmoid() * foreground
        return Maps(self._scores(region, foreground), cams)

    def fit_to_image(self, cams: Tensor, images: Tensor, foreground: Tensor) -> Tensor:
        """Fit the borders of all classes to the image."""
        fitted = guided_filter(cams, images[:, : self.channels], EDGE_RADIUS)
        return fitted.clamp(0, 1) * foreground

    def score(self, images: Tensor, foreground: Tensor) -> Tensor:
        """Return the scores of regions alone."""
        return self._scores(self.regions(self.encode(images)).mean(1), foreground)

    @property
    def inspected(self) -> nn.Module:
        """The heads of the regions."""
        return self.heads

    def _scores(self, region: Tensor, foreground: Tensor) -> Tensor:
        weights = foreground_at_stride(foreground, REGION_STRIDE)
        return smooth_maximum(region, weights, SHARPNESS).sigmoid()

    def _grid(self, levels: Sequence[Tensor], stride: int) -> tuple[int, int]:
        height, width = levels[0].shape[-2:]
        return height * self.strides[0] // stride, width * self.strides[0] // stride


def mean_at_stride(maps: Tensor, stride: int) -> Tensor:
    """Reduce maps ``(slices, channels, h, w)`` to their mean in the pixels of a stride.

    They are first padded to a multiple of `MULTIPLE` with their last rows and columns.
    """
    height, width = maps.shape[-2:]
    pad = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
    return F.avg_pool2d(F.pad(maps, pad, mode="replicate"), stride)


def foreground_at_stride(foreground: Tensor, stride: int) -> Tensor:
    """Reduce a foreground ``(slices, 1, h, w)`` to its share in the pixels of a stride, 0..1."""
    height, width = foreground.shape[-2:]
    padded = F.pad(foreground.float(), (0, -width % MULTIPLE, 0, -height % MULTIPLE))
    return F.avg_pool2d(padded, stride)


def _reaches(strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the levels that the large and the small reach read."""
    # The finest level of several says little of what a pixel shows.
    large = list(range(len(strides)))[1 if len(strides) > 2 else 0 :]
    small = [k for k, stride in enumerate(strides) if stride <= SMALL_REACH] or large
    return large, small


def _against_others(evidence: Tensor) -> Tensor:
    """Return the log-odds of each class against the most probable other output.

    So at most one class of a pixel is above 0, as in masks, whichever may cover which.
    """
    best = evidence.topk(2, 1).values
    others = torch.where(evidence == best[:, :1], best[:, 1:], best[:, :1])
    return (evidence - others)[:, 1:]


def _check_digest(preset: nn.Module, _incompatible: object) -> None:
    assert isinstance(preset, Features)
    found = load_encoder(preset.encoder_name).digest
    needed = bytes(preset.digest.tolist()).hex()
    if found != needed:
        raise McwssError(
            f"the model was trained with other weights of the encoder {preset.encoder_name!r} "
            f"({needed}, found {found}): train it again, or restore those weights"
        )
