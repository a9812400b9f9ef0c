"""Adaptation of a trained network to the scan that it is applied to."""

import copy
import math
from collections.abc import Generator
from typing import Literal

import torch
from torch import nn

from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.inputs import Inputs
from napari_mcwss.model.preset import Preset

PRIOR = 48
"""Number of slices of the scan that weigh as much as the training data."""


def adapted(
    model: TrainedModel,
    inputs: Inputs,
    batch_size: int,
    look: Literal["predict", "score"] = "predict",
) -> Generator[None, None, Preset]:
    """Adapt the batch norms of a network to the features of a scan.

    Scanners and preprocessing differ, so the mean and variance of features from training do
    not fit every scan. They are mixed with those of the scan's own slices, which weigh more
    the more slices there are. Tags and masks are not used (Schneider and others, *Improving
    robustness against common corruptions by covariate shift adaptation*, NeurIPS 2020).

    The model is not changed. Yield after every batch.

    Parameters
    ----------
    look : {"predict", "score"}
        Method of the preset to call; only the norms that it uses are adapted.

    Returns
    -------
    Preset
        An adapted copy in evaluation mode, or the model's own network if its preset does not
        adapt or the scan has a single slice with foreground.
    """
    occupied = inputs.occupied
    if not model.preset.adapts_to_scan or len(occupied) < 2:
        return model.preset
    preset = copy.deepcopy(model.preset)
    norms = [norm for norm in preset.modules() if isinstance(norm, nn.BatchNorm2d)]
    learnt = [copy.deepcopy(norm.state_dict()) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        # None averages all batches equally.
        norm.momentum = None
        norm.train()
    # Batches of neighbours, since the levels of the body differ, too.
    for indices in occupied.tensor_split(math.ceil(len(occupied) / max(2, batch_size))):
        images = inputs.images[indices].to(model.device).float()
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), autocast(model.device, preset):
            getattr(preset, look)(images, inputs.foreground[indices].to(model.device))
        yield
    share = len(occupied) / (len(occupied) + PRIOR)
    for norm, before in zip(norms, learnt, strict=True):
        if not norm.num_batches_tracked:
            norm.load_state_dict(before)
            continue
        for name in ("running_mean", "running_var"):
            statistic = getattr(norm, name)
            statistic.copy_(before[name].lerp(statistic, share))
    return preset.eval()
