"""A trained network, adapted to the scan that it is to look at."""

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
"""Slices of the scan that count as much as all that the network was trained on."""


def adapted(
    model: TrainedModel,
    inputs: Inputs,
    batch_size: int,
    look: Literal["predict", "score"] = "predict",
) -> Generator[None, None, Preset]:
    """Let the batch norms of a network know what its features look like in a scan.

    Scanners and preparation differ, so the mean and variance of features that
    training has seen do not fit the next scan. Those of its own slices take their
    place, the more the more slices there are; tags and masks have no part in it
    (Schneider and others, *Improving robustness against common corruptions by
    covariate shift adaptation*, NeurIPS 2020).

    Parameters
    ----------
    model : TrainedModel
        The model; is left as it is.
    inputs : Inputs
        The scan's slices.
    batch_size : int
        Slices at a time.
    look : str
        The method of the preset that is to be called; only what takes part in it
        is adapted.

    Yields
    ------
    None
        After every batch.

    Returns
    -------
    Preset
        An adapted copy in evaluation mode; the model's own network if its preset is
        not to be adapted, or the scan is a single slice.
    """
    occupied = inputs.occupied
    if not model.preset.adapts_to_scan or len(occupied) < 2:
        return model.preset
    preset = copy.deepcopy(model.preset)
    norms = [norm for norm in preset.modules() if isinstance(norm, nn.BatchNorm2d)]
    learnt = [copy.deepcopy(norm.state_dict()) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        # None is the mean of all batches rather than one that forgets.
        norm.momentum = None
        norm.train()
    # Batches of neighbours: how levels of the body differ says nothing about the scanner.
    for indices in occupied.tensor_split(math.ceil(len(occupied) / max(2, batch_size))):
        images = inputs.images[indices].to(model.device).float()
        with torch.no_grad(), autocast(model.device):
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
