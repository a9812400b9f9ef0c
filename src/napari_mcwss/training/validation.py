"""How well a network predicts tags that it was not trained on."""

from collections.abc import Sequence

import torch
from monai.metrics import compute_roc_auc

from napari_mcwss.model.devices import autocast
from napari_mcwss.model.preset import ABSENT, PRESENT, UNKNOWN, Preset
from napari_mcwss.training.slices import TaggedSlices


@torch.inference_mode()
def evaluate_tags(
    preset: Preset, slices: TaggedSlices | None, classes: Sequence[str], device: torch.device
) -> dict[str, float]:
    """Give the area under the ROC curve of each class's scores against its tags.

    Parameters
    ----------
    preset : Preset
        Is put into evaluation mode.
    slices : TaggedSlices, optional
        Held-back slices; without them the result is empty.
    classes : sequence of str
        Names of the classes.
    device : torch.device
        Where the preset is.

    Returns
    -------
    dict
        Class to area, 0..1; only classes with present and absent slices.
    """
    if slices is None:
        return {}
    preset.eval()
    scores = []
    for batch in torch.arange(len(slices)).split(32):
        images = slices.images[batch].to(device).float()
        with autocast(device):
            scores.append(preset.score(images, slices.tissue[batch].to(device)).float())
    predicted = torch.cat(scores).cpu()
    areas = {}
    for index, name in enumerate(classes):
        tags = slices.tags[:, index]
        if (tags == PRESENT).any() and (tags == ABSENT).any():
            known = tags != UNKNOWN
            areas[name] = float(compute_roc_auc(predicted[known, index], tags[known].float()))
    return areas
