"""The losses of the ``mcwss`` preset (paper, sections 3.1 to 3.4, corrected).

All take evidence (log-odds, any real value) rather than scaled maps, so that
no extreme of a slice enters a gradient, and tags of which -1, unknown, never
counts. Each returns the mean over what it applies to; 0 where it applies to
nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.counts import count
from napari_mcwss.model.maps import mean_within, smooth_maximum
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN

EXTENT_PRIOR = 0.05
"""Weight of present slices in `extent_loss`.

Evidence is 0 where a pixel's looks are 1 / 0.05 = 20 times as frequent in
present slices as in absent ones.
"""

OUTSIDE, INSIDE, OVERLAP = 0.2, 1.0, 0.05
"""Weights of the parts of `mutual_exclusion_loss`."""


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


def extent_loss(
    evidence: Tensor,
    foreground: Tensor,
    tags: Tensor,
    frequency: Tensor,
    prior: float = EXTENT_PRIOR,
) -> Tensor:
    """Let evidence cover what only present slices hold.

    Takes the place of the paper's CAM loss, which pushes the map of a present
    slice to 1 everywhere. Here all foreground of an absent slice is certainly
    negative, and that of a present slice is positive with a small weight only:
    what absent slices hold too stays at 0, the rest is free to reach 1.

    Parameters
    ----------
    evidence : Tensor
        ``(slices, classes, h, w)``.
    foreground : Tensor
        ``(slices, 1, h, w)`` in 0..1.
    tags, frequency : Tensor
        As in `tag_weights`.
    prior : float
        Weight of present slices.
    """
    present = (tags == PRESENT).to(evidence.dtype)
    weights = tag_weights(tags, frequency) * (present * prior + (1 - present))
    target = present[..., None, None].expand_as(evidence)
    pixels = F.binary_cross_entropy_with_logits(evidence, target, reduction="none")
    return _mean(mean_within(pixels, foreground) * weights, tags != UNKNOWN)


def cross_guidance_loss(
    single: Tensor, decomposed: Tensor, foreground: Tensor, joint: Tensor
) -> Tensor:
    """One minus the correlation of the single and the decomposed CAM of a class.

    The paper rewards the minimum of both maps, which all-ones maps win. The
    correlation asks that both vary together, and a constant map has none.

    Parameters
    ----------
    single, decomposed : Tensor
        CAMs ``(slices, classes, h, w)`` in 0..1.
    foreground : Tensor
        ``(slices, 1, h, w)`` in 0..1; correlation is taken over foreground.
    joint : Tensor
        Tags of the decomposed branch; only jointly present classes count.
    """
    first = (single - mean_within(single, foreground)[..., None, None]) * foreground
    second = (decomposed - mean_within(decomposed, foreground)[..., None, None]) * foreground
    covariance = (first * second).sum((-2, -1))
    variances = first.square().sum((-2, -1)) * second.square().sum((-2, -1))
    correlation = covariance / (variances + 1e-6).sqrt()
    return _mean(1 - correlation, joint == PRESENT)


def mutual_exclusion_loss(
    evidence: Tensor, foreground: Tensor, tags: Tensor, frequency: Tensor
) -> Tensor:
    """Keep neighbouring classes apart, for every pair of classes.

    The mean over slices of three parts, each summed over its pairs:

    - outside: where j is present and not the more frequent of the two, the
      evidence of k, pooled over what j's map (detached) leaves free, must
      still explain k's tag;
    - inside: where j is present and k absent, j's map (detached) holds pixels
      that are certainly not k, the ones mistaken most easily;
    - overlap: where both are present, what their maps have in common, as a
      share of their union.

    Parameters
    ----------
    evidence : Tensor
        ``(slices, classes, h, w)``.
    foreground : Tensor
        ``(slices, 1, h, w)`` in 0..1.
    tags, frequency : Tensor
        As in `tag_weights`.
    """
    classes = evidence.shape[1]
    first, second = torch.triu_indices(classes, classes, 1, device=tags.device)
    k, j = torch.cat([first, second]), torch.cat([second, first])
    present = tags == PRESENT
    maps = evidence.sigmoid() * foreground
    other = maps[:, j].detach()

    pooled = smooth_maximum(evidence[:, k], (1 - other) * foreground)
    target = present[:, k].to(pooled.dtype)
    outside = F.binary_cross_entropy_with_logits(pooled, target, reduction="none")
    # Unknown tags of k weigh 0.
    outside = outside * tag_weights(tags, frequency)[:, k]
    outside = outside * (present[:, j] & (frequency[k] >= frequency[j]))

    inside = mean_within(F.softplus(evidence[:, k]), other)
    inside = inside * ((tags[:, k] == ABSENT) & present[:, j])

    common = (maps[:, first] * maps[:, second]).sum((-2, -1))
    union = (maps[:, first] + maps[:, second]).sum((-2, -1)) - common
    overlap = common / union.clamp_min(1e-6) * (present[:, first] & present[:, second])

    parts = OUTSIDE * outside.sum(1) + INSIDE * inside.sum(1) + OVERLAP * overlap.sum(1)
    return parts.mean()


def _mean(losses: Tensor, applies: Tensor) -> Tensor:
    return (losses * applies).sum() / count(applies)
