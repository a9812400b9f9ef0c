"""The losses of the paper (sections 3.1 to 3.4), corrected; several presets use them.

All take evidence (log-odds, any real value) rather than scaled maps, so that the
extremes of a slice do not enter the gradient. Tags that are -1, unknown, never
count. Each loss is the mean over the slices and classes that it applies to, or 0
if there are none.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.counts import count
from napari_mcwss.model.maps import mean_within, smooth_maximum
from napari_mcwss.model.preset import PRESENT, UNKNOWN

EXTENT_PRIOR = 0.05
"""Weight of present slices in `extent_loss`.

Evidence is 0 for pixels of a kind that is 1 / 0.05 = 20 times as frequent on
present slices as on absent ones.
"""

OUTSIDE, INSIDE, OVERLAP = 0.2, 1.0, 0.05
"""Weights of the terms of `mutual_exclusion_loss`."""


def tag_weights(tags: Tensor, frequency: Tensor) -> Tensor:
    """Weight tags by their rarity: 2 (1 - f) if present, 2 f if absent, 0 if unknown.

    Parameters
    ----------
    tags : Tensor
        ``(slices, classes)``.
    frequency : Tensor
        Share f of present among the known tags of each class, ``(classes,)``.
    """
    weights = torch.where(tags == PRESENT, 2 * (1 - frequency), 2 * frequency)
    return weights.masked_fill(tags == UNKNOWN, 0.0)


def weighted_cross_entropy(scores: Tensor, tags: Tensor, frequency: Tensor) -> Tensor:
    """Compute the cross-entropy of pooled evidence, weighted by the rarity of the tags.

    With two outputs per head, the cross-entropy of (absent, present) is the binary
    cross-entropy of their difference, the evidence.

    Parameters
    ----------
    scores : Tensor
        Pooled evidence ``(slices, classes)``.
    tags, frequency : Tensor
        As in `tag_weights`.

    Returns
    -------
    Tensor
        ``(slices, classes)``, 0 where the tag is unknown.
    """
    target = (tags == PRESENT).to(scores.dtype)
    losses = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
    return losses * tag_weights(tags, frequency)


def classification_loss(scores: Tensor, tags: Tensor, frequency: Tensor) -> Tensor:
    """Compute the mean of `weighted_cross_entropy` over known tags."""
    return _mean(weighted_cross_entropy(scores, tags, frequency), tags != UNKNOWN)


def extent_loss(
    evidence: Tensor,
    foreground: Tensor,
    tags: Tensor,
    frequency: Tensor,
    prior: float = EXTENT_PRIOR,
) -> Tensor:
    """Let evidence cover what only present slices hold.

    This replaces the paper's CAM loss, which pushes the map of a present slice to 1
    everywhere. Here all foreground of an absent slice is negative, and that of a
    present slice is positive with a small weight: what absent slices also hold stays
    at 0, while the rest can reach 1.

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
    """Compute 1 minus the correlation of the single and the decomposed CAM of each class.

    The paper rewards the minimum of both maps, which is highest for maps of all ones.
    The correlation requires that both vary together, and a constant map has none.

    Parameters
    ----------
    single, decomposed : Tensor
        CAMs ``(slices, classes, h, w)`` in 0..1.
    foreground : Tensor
        ``(slices, 1, h, w)`` in 0..1, over which the correlation is taken.
    joint : Tensor
        Tags of the decomposed branch; only classes present on both slices count.
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
    """Keep the maps of different classes apart.

    The loss is the mean over slices of three terms, each summed over pairs of classes:

    - outside: where j is present and not the more frequent of the two, the evidence
      of k, pooled outside the map of j (detached), must still explain the tag of k;
    - inside: where j is present and the more frequent of the two, the evidence of k,
      pooled within the map of j (detached), must explain the tag of k: pixels of j
      are the most easily mistaken for k. Both tags count, because negatives alone
      drive k out of the map of j before k is found;
    - overlap: where both are present, the share of the union of their maps that they
      have in common.

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

    rarer = frequency[k] < frequency[j]
    where = torch.where(rarer[:, None, None], other, 1 - other) * foreground
    pooled = smooth_maximum(evidence[:, k], where)
    explained = weighted_cross_entropy(pooled, tags[:, k], frequency[k]) * present[:, j]
    weights = torch.where(rarer, INSIDE, OUTSIDE)

    common = (maps[:, first] * maps[:, second]).sum((-2, -1))
    union = (maps[:, first] + maps[:, second]).sum((-2, -1)) - common
    overlap = common / union.clamp_min(1e-6) * (present[:, first] & present[:, second])

    return ((weights * explained).sum(1) + OVERLAP * overlap.sum(1)).mean()


def _mean(losses: Tensor, applies: Tensor) -> Tensor:
    return (losses * applies).sum() / count(applies)
