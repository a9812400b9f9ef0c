"""The losses of the ``mcwss`` preset (paper, sections 3.1 to 3.4, corrected).

All take evidence (log-odds, any real value) rather than scaled maps, so that
no extreme of a slice enters a gradient, and tags of which -1, unknown, never
counts. Each returns the mean over what it applies to; 0 where it applies to
nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.maps import smooth_maximum
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN

EXTENT_PRIOR = 0.1
"""Weight of present pixels in `extent_loss`: the likelihood ratio at which evidence is 0 is its inverse."""


def tag_weights(tags: Tensor, frequency: Tensor) -> Tensor:
    """Weigh each tag by how rare it is: 2 (1 - f) if present, 2 f if absent, 0 if unknown.

    Parameters
    ----------
    tags : Tensor
        ``(slices, classes)``.
    frequency : Tensor
        Share f of present among known tags, ``(classes,)``.
    """
    weights = torch.where(tags == PRESENT, 2 * (1 - frequency), 2 * frequency)
    return weights.masked_fill(tags == UNKNOWN, 0.0)


def classification_loss(scores: Tensor, tags: Tensor, frequency: Tensor) -> Tensor:
    """Class-weighted cross-entropy of pooled evidence.

    With two outputs per head, the cross-entropy of (absent, present) is the
    binary one of their difference, the evidence.

    Parameters
    ----------
    scores : Tensor
        Pooled evidence ``(slices, classes)``.
    tags, frequency : Tensor
        As in `tag_weights`.
    """
    target = (tags == PRESENT).to(scores.dtype)
    losses = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
    return _mean(losses * tag_weights(tags, frequency), tags != UNKNOWN)


def extent_loss(evidence: Tensor, tissue: Tensor, tags: Tensor, frequency: Tensor) -> Tensor:
    """Let evidence cover what only present slices hold.

    Takes the place of the paper's CAM loss, which pushes the map of a present
    slice to 1 everywhere. Here all tissue of an absent slice is certainly
    negative, and that of a present slice is positive with a small weight only:
    what absent slices hold too stays at 0, the rest is free to reach 1.

    Parameters
    ----------
    evidence : Tensor
        ``(slices, classes, h, w)``.
    tissue : Tensor
        ``(slices, 1, h, w)`` in 0..1.
    tags, frequency : Tensor
        As in `tag_weights`.
    """
    present = (tags == PRESENT).to(evidence.dtype)
    weights = tag_weights(tags, frequency) * (present * EXTENT_PRIOR + (1 - present))
    target = present[..., None, None].expand_as(evidence)
    pixels = F.binary_cross_entropy_with_logits(evidence, target, reduction="none")
    return _mean(_pixel_mean(pixels, tissue) * weights, tags != UNKNOWN)


def cross_guidance_loss(single: Tensor, decomposed: Tensor, tissue: Tensor, joint: Tensor) -> Tensor:
    """One minus the correlation of the single and the decomposed CAM of a class.

    The paper rewards the minimum of both maps, which all-ones maps win. The
    correlation asks that both vary together, and a constant map has none.

    Parameters
    ----------
    single, decomposed : Tensor
        CAMs ``(slices, classes, h, w)`` in 0..1.
    tissue : Tensor
        ``(slices, 1, h, w)`` in 0..1; correlation is taken over tissue.
    joint : Tensor
        Tags of the decomposed branch; only jointly present classes count.
    """
    first = (single - _pixel_mean(single, tissue)[..., None, None]) * tissue
    second = (decomposed - _pixel_mean(decomposed, tissue)[..., None, None]) * tissue
    covariance = (first * second).sum((-2, -1))
    variances = first.square().sum((-2, -1)) * second.square().sum((-2, -1))
    correlation = covariance / (variances + 1e-6).sqrt()
    return _mean(1 - correlation, joint == PRESENT)


def mutual_exclusion_loss(
    evidence: Tensor, tissue: Tensor, tags: Tensor, frequency: Tensor
) -> Tensor:
    """Keep neighbouring classes apart, for every ordered pair of classes.

    Three parts, each a mean over the slices and pairs (k, j) it applies to:

    - outside: pooled over what j's map (detached) leaves free, the evidence of
      k must still explain k's tag;
    - inside: where j is present and k absent, j's map (detached) holds pixels
      that are certainly not k, and they are the ones mistaken most easily;
    - overlap: where both are present, the share of their union that the two
      maps have in common.

    Parameters
    ----------
    evidence : Tensor
        ``(slices, classes, h, w)``.
    tissue : Tensor
        ``(slices, 1, h, w)`` in 0..1.
    tags, frequency : Tensor
        As in `tag_weights`.
    """
    classes = evidence.shape[1]
    if classes == 1:
        return evidence.sum() * 0
    maps = evidence.sigmoid() * tissue
    known = tags != UNKNOWN
    first, second = torch.triu_indices(classes, classes, 1, device=tags.device)
    k, j = torch.cat([first, second]), torch.cat([second, first])

    other = maps[:, j].detach()
    pooled = smooth_maximum(evidence[:, k], (1 - other) * tissue)
    target = (tags == PRESENT).to(evidence.dtype)[:, k]
    outside = F.binary_cross_entropy_with_logits(pooled, target, reduction="none")
    outside = _mean(
        outside * tag_weights(tags, frequency)[:, k], known[:, k] & (tags[:, j] == PRESENT)
    )

    inside = _pixel_mean(F.softplus(evidence[:, k]), other)
    inside = _mean(inside, (tags[:, k] == ABSENT) & (tags[:, j] == PRESENT))

    common = (maps[:, first] * maps[:, second]).sum((-2, -1))
    union = (maps[:, first] + maps[:, second]).sum((-2, -1)) - common
    both = (tags[:, first] == PRESENT) & (tags[:, second] == PRESENT)
    overlap = _mean(common / (union + 1e-6), both)
    return outside + inside + overlap


def _pixel_mean(pixels: Tensor, weights: Tensor) -> Tensor:
    weighted = (pixels * weights).sum((-2, -1))
    return weighted / weights.sum((-2, -1)).clamp_min(1e-6)


def _mean(losses: Tensor, applies: Tensor) -> Tensor:
    return (losses * applies).sum() / applies.sum().clamp_min(1)
