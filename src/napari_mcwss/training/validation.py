"""How well a network predicts the tags of validation scans."""

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from napari_mcwss.model.devices import autocast
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN, Preset
from napari_mcwss.model.slabs import weighted_batches
from napari_mcwss.training.data.slices import SliceDataset


def score_slices(
    preset: Preset, slices: SliceDataset, device: torch.device, batch_size: int
) -> Generator[int, None, Tensor]:
    """Score slices; the scores ``(slices, classes)``, on the CPU, are the return value.

    It switches the network to evaluation mode, and yields before every batch about the number of
    slices that are done.
    """
    preset.eval()
    scores = torch.zeros(slices.tags.shape)
    done = 0.0
    for scan, stride in enumerate(slices.strides):
        own = (slices.scan == scan).nonzero().squeeze(1)
        for batch, weights in weighted_batches(own, preset.depth, stride, batch_size):
            yield round(done)
            images = slices.images[batch].to(device).float()
            with torch.inference_mode(), autocast(device):
                found = preset.score(images, slices.foreground[batch].to(device))
            scores[batch] += found.float().cpu() * weights[:, None]
            done += float(weights.sum())
    return scores


def evaluate_tags(
    scores: Tensor | None, slices: SliceDataset | None, classes: Sequence[str]
) -> dict[str, float]:
    """Return the area under the ROC curve, 0..1, of each class with present and absent slices.

    `scores` are ``(slices, classes)``; without validation slices the result is empty.
    """
    if scores is None or slices is None:
        return {}
    # MONAI takes seconds to load; trainings without validation do not need it.
    from monai.metrics import compute_roc_auc

    aucs = {}
    for index, name in enumerate(classes):
        tags = slices.tags[:, index]
        if (tags == PRESENT).any() and (tags == ABSENT).any():
            known = tags != UNKNOWN
            aucs[name] = float(compute_roc_auc(scores[known, index], tags[known].float()))
    return aucs
