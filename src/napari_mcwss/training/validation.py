"""How well a network predicts the tags of validation scans."""

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN, Preset
from napari_mcwss.model.slabs import weighted_batches
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.events import Message
from napari_mcwss.training.memory import BatchSize


def score_slices(
    preset: Preset, slices: SliceDataset, device: torch.device, batch_size: int
) -> Generator[int, None, Tensor]:
    """Score slices; the scores ``(slices, classes)``, on the CPU, are the return value.

    It switches the network to evaluation mode, and yields before every batch about the number of
    slices that are done. Scores that are not finite are a `McwssError`.
    """
    preset.eval()
    scores = torch.zeros(slices.tags.shape)
    done = 0.0
    for scan, stride in enumerate(slices.strides):
        own = (slices.scan == scan).nonzero().squeeze(1)
        for batch, weights in weighted_batches(own, preset.depth, stride, batch_size):
            yield round(done)
            images = slices.images[batch].to(device).float()
            with torch.inference_mode(), autocast(device, preset):
                found = preset.score(images, slices.foreground[batch].to(device))
            if not found.isfinite().all():
                raise McwssError(
                    "the training has failed: the network returns scores that are not finite: "
                    "train again with another seed, or tag more slices"
                )
            scores[batch] += found.float().cpu() * weights[:, None]
            done += float(weights.sum())
    return scores


def validate(
    preset: Preset, slices: SliceDataset, device: torch.device, batch: BatchSize
) -> Generator[Message, None, Tensor]:
    """Score slices as `score_slices` does, and say how many are done."""
    # Without gradients, twice as many slices fit into memory.
    steps = Returning(score_slices(preset, slices, device, 2 * batch.slices))
    for done in steps:
        yield Message(f"validating ({done} of {len(slices)} slices)")
    return steps.value


def evaluate_tags(
    scores: Tensor | None, slices: SliceDataset | None, classes: Sequence[str]
) -> dict[str, float]:
    """Return the area under the ROC curve, 0..1, of each class with present and absent slices.

    `scores` are ``(slices, classes)``; without validation slices the result is empty.
    """
    if scores is None or slices is None:
        return {}
    return tag_aucs(scores, slices.tags, classes)


def tag_aucs(scores: Tensor, known_tags: Tensor, classes: Sequence[str]) -> dict[str, float]:
    """Return the area under the ROC curve as `evaluate_tags`, of tags ``(slices, classes)``."""
    # MONAI takes seconds to load; trainings without validation do not need it.
    from monai.metrics import compute_roc_auc

    aucs = {}
    for index, name in enumerate(classes):
        tags = known_tags[:, index]
        if (tags == PRESENT).any() and (tags == ABSENT).any():
            known = tags != UNKNOWN
            aucs[name] = float(compute_roc_auc(scores[known, index], tags[known].float()))
    return aucs
