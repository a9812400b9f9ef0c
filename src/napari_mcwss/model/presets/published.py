"""The ``published`` preset: the published network and its losses, for comparison only.

It computes what the published code computes, including its flaws: two classes, maps of
240x240, an affinity with two softmaxes, maps scaled by the extremes of the slice and
used as logits. The published code cannot process batches of several slices; here
their loss is the mean over slices.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.layer_cam import layer_cam
from napari_mcwss.model.network import MultiLevelNetwork
from napari_mcwss.model.preset import Maps, Preset, TaggedBatch

SIZE = 240


class DoubleSoftmaxAffinity(nn.Module):
    """The published affinity: a softmax over the positions of the slice, then of the reference."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Linear(features, features, bias=False)

    def forward(self, slices: Tensor, references: Tensor) -> Tensor:
        """Return rewritten features ``(pairs, features, h, w)`` of the slices only."""
        first, second = slices.flatten(2), references.flatten(2)
        affinity: Tensor = self.weight(first.transpose(1, 2)) @ second
        attention = affinity.softmax(1).transpose(1, 2).softmax(1)
        return (second @ attention).reshape_as(slices)


def scaled_maps(logits: Tensor) -> Tensor:
    """Scale the maps of a level, ``(slices, classes, 2, h, w)``, by their joint extremes.

    The extremes are those of absent and present; maps become 120x120, in 0..1.
    """
    maps: Tensor = _resized(logits.flatten(1, 2), SIZE // 2).unflatten(1, logits.shape[1:3])
    maps = maps - maps.amin((2, 3, 4), keepdim=True)
    return maps / (maps.amax((2, 3, 4), keepdim=True) + 1e-9)


def fused_maps(shallow: Tensor, deep: Tensor) -> Tensor:
    """Return the product ``(slices, classes, 2, 240, 240)`` of the scaled maps of both levels."""
    product = scaled_maps(shallow) * scaled_maps(deep)
    full: Tensor = _resized(product.flatten(1, 2)).unflatten(1, product.shape[1:3])
    return full


def pooled_entropy(levels: Sequence[Tensor], tags: Tensor, frequency: Tensor) -> Tensor:
    """Sum the cross-entropy of the mean logits over levels and classes.

    Logits are ``(slices, classes, 2, h, w)``. With f the share of present tags of a class, absent
    has weight f, present 1 - f.
    """
    weights = torch.stack([frequency, 1 - frequency], 1)
    terms = [
        F.cross_entropy(level[:, k].mean((-2, -1)), tags[:, k], weight=weights[k])
        for level in levels
        for k in range(tags.shape[1])
    ]
    return torch.stack(terms).sum()


def cam_loss(cams: Tensor, tags: Tensor) -> Tensor:
    """Compute the published CAM loss of one class, from CAMs ``(slices, 2, h, w)`` in 0..1."""
    absent, present = cams.mean((-2, -1)).unbind(1)
    overlap = cams.amin(1).mean((-2, -1))
    return (overlap + tags * absent + (1 - tags) * present).mean()


def exclusive_loss(first: Tensor, second: Tensor, tags: Tensor, other_tags: Tensor) -> Tensor:
    """Compute the published mutual exclusion loss of two classes, the mean over slices.

    Maps are ``(slices, 2, h, w)`` in 0..1; tags are ``(slices,)`` of 0 and 1.
    """
    present, other = first[:, 1:], second[:, 1:]
    second_outside = (second * (1 - present.detach())).mean((-2, -1))
    first_outside = (first * (1 - other.detach())).mean((-2, -1))
    overlap = torch.minimum(present, other).mean((1, 2, 3))
    union = torch.maximum(present, other).mean((1, 2, 3))
    return (
        F.cross_entropy(second_outside, other_tags)
        + 0.1 * F.cross_entropy(first_outside, tags)
        + 0.1 * (other_tags * (overlap - 0.1 * union)).mean()
    )


def align_loss(single: Tensor, decomposed: Tensor, tags: Tensor) -> Tensor:
    """Compute the published cross-guidance loss of one class; shapes as in `cam_loss`."""
    common = torch.minimum(single[:, 1], decomposed[:, 1]).mean((-2, -1))
    return -(tags * common).mean()


class Published(Preset):
    """The published network with its losses, on slices padded or scaled to 240x240.

    Raises
    ------
    McwssError
        If there are not exactly two classes.
    """

    needs_complete_tags: ClassVar[bool] = True
    trains_in_parts: ClassVar[bool] = False

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        if classes != 2:
            raise McwssError(
                f"the preset 'published' needs exactly 2 classes, this study has {classes}: "
                "use the preset 'mcwss'"
            )
        super().__init__(channels, classes, width, pixel)
        self.network = MultiLevelNetwork(
            channels, classes, width, affinity=DoubleSoftmaxAffinity, head_bias=False
        )

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Return the published terms, summed over both classes."""
        features = self.network.encode(_framed(batch.images))
        single = self.network.single_heads(features)
        shared = self.network.decompose(features)
        tags = batch.tags.long()
        joint = batch.joint_tags.long()[: len(tags) // 2]
        cams, shared_cams = fused_maps(*single), fused_maps(*shared)
        pairs, classes = len(joint), range(2)
        guidance = [align_loss(cams[:pairs, k], shared_cams[:, k], joint[:, k]) for k in classes]
        return {
            "classification": pooled_entropy(single, tags, batch.frequency),
            "decomposed": pooled_entropy(shared, joint, batch.frequency),
            "cam": cam_loss(cams[:, 0], tags[:, 0]) + cam_loss(cams[:, 1], tags[:, 1]),
            "exclusion": exclusive_loss(cams[:, 0], cams[:, 1], tags[:, 0], tags[:, 1]),
            "guidance": guidance[0] + guidance[1],
        }

    def predict(self, images: Tensor, foreground: Tensor) -> Maps:  # noqa: ARG002
        """Return scores and present maps of the single branch, at the size of the slices."""
        shallow, deep = self.network(_framed(images))
        logits = (shallow.mean((-2, -1)) + deep.mean((-2, -1))) / 2
        cams = _unframed(fused_maps(shallow, deep)[:, :, 1], images.shape[-2], images.shape[-1])
        return Maps(logits.softmax(-1)[..., 1], cams)

    @property
    def inspected(self) -> nn.Module:
        """The block below the shallow heads."""
        return self.network.encoder.blocks[2]

    def other_maps(
        self, images: Tensor, foreground: Tensor, references: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the present maps of each level and of the decomposed branch."""
        height, width = images.shape[-2:]
        levels = self.network(_framed(images))
        maps = {
            name: _unframed(_resized(scaled_maps(level)[:, :, 1]), height, width)
            for name, level in zip(("shallow", "deep"), levels, strict=True)
        }
        if references is not None:
            pairs = self.network.encode(_framed(torch.cat([images, references])))
            shared = fused_maps(*self.network.decompose(pairs))
            maps["decomposed"] = _unframed(shared[:, :, 1], height, width)
        explained = layer_cam(
            self.score, self.inspected, _framed(images), _framed(foreground.float())
        )
        return maps | {"LayerCAM": _unframed(explained, height, width)}


def _resized(maps: Tensor, side: int = SIZE) -> Tensor:
    return maps if maps.shape[-1] == side else F.interpolate(maps, (side, side), mode="bilinear")


def _framed(images: Tensor) -> Tensor:
    """Centre slices in a square of 240 pixels, or in a larger one that is scaled down."""
    height, width = images.shape[-2:]
    side = max(SIZE, height, width)
    rows, columns = side - height, side - width
    padding = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    return _resized(F.pad(images, padding))


def _unframed(maps: Tensor, height: int, width: int) -> Tensor:
    """Undo `_framed` for maps: scale them back and cut out the pixels of the slices."""
    side = max(SIZE, height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return _resized(maps, side)[..., top : top + height, left : left + width]
