"""From a trained model and a scan to scores and CAMs."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.model.class_hierarchy import child_parent_pairs, limit_to_parents
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.fusing import with_fused_norms
from napari_mcwss.model.inputs import Inputs, prepare
from napari_mcwss.model.preset import Preset
from napari_mcwss.model.slabs import slab_stride, weighted_batches
from napari_mcwss.scans.scan import Scan
from napari_mcwss.segmentation.prediction.adaptation import adapted
from napari_mcwss.segmentation.prediction.borders import follow_image
from napari_mcwss.segmentation.prediction.levels import round_to_levels

ADAPTED_AT_ONCE = 16
"""Most slices over which norms take a statistic; of fewer they are slightly others."""

_AT_ONCE = {"cpu": 8}
"""Slices of a batch by device: few fit into a processor's caches, many keep a GPU busy."""


@dataclass(frozen=True)
class Progress:
    """Progress of a prediction: slices that are done, and all slices."""

    done: int
    total: int


@dataclass(frozen=True)
class Prediction:
    """Scores and CAMs of one scan.

    Attributes
    ----------
    scores : (slices, classes) array of float32
        Probability that the slice holds the class.
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1, in the size of the scan, in the steps of 1/255 that files hold.
    unknown : tuple of str
        Classes that the model was not trained on: their scores are NaN and their CAMs 0.
    """

    scan: str
    classes: tuple[str, ...]
    scores: NDArray[np.float32]
    cams: NDArray[np.float32]
    unknown: tuple[str, ...] = ()


def predict(
    model: TrainedModel, scan: Scan, *, batch_size: int | None = None
) -> Generator[Progress, None, Prediction]:
    """Predict all slices of a scan.

    The network is adapted to the scan first. Its single branch runs on slices with foreground,
    cropped to it. Results are averaged over a slice and its mirror image, and over the slabs
    with that slice if the network reads slabs. Batches have by default a size that suits the
    device; smaller ones than `ADAPTED_AT_ONCE`, where memory is short, also adapt to fewer at a
    time.

    Yields
    ------
    Progress
        After every batch; closing the generator cancels.

    Raises
    ------
    McwssError
        If the channels of scan and model differ, or the network returns values that are not finite.
    """
    model.info.check(scan.channels, model.info.classes)
    inputs = prepare(scan.volume(), scan.geometry.spacing, model.info.input_spec)
    slices, classes = len(inputs.images), len(model.info.classes)
    scores = np.zeros((slices, classes), np.float32)
    cams = np.zeros((classes, slices, *inputs.size), np.float32)
    done = float(slices - len(inputs.occupied))
    yield Progress(round(done), slices)
    adapted_at_once = min(batch_size or ADAPTED_AT_ONCE, ADAPTED_AT_ONCE)
    preset = yield from _adapted(model, inputs, adapted_at_once, Progress(round(done), slices))
    at_once = batch_size or _AT_ONCE.get(model.device.type, 32)
    for indices, weights in _windows(model, inputs, scan, at_once):
        batch_scores, batch_cams = _mirror_mean(preset, model.device, inputs, indices)
        refuse_not_finite(scan.name, batch_scores, batch_cams)
        where = indices.numpy()
        scores[where] += (batch_scores * weights[:, None]).numpy()
        weighted = batch_cams.transpose(0, 1) * weights[:, None, None]
        cams[(slice(None), where, *inputs.window)] += weighted.numpy()
        done += float(weights.sum())
        yield Progress(round(done), slices)
    _finish(cams, scores, inputs, model, scan)
    return Prediction(scan.name, model.info.classes, scores, cams)


def predict_scores(
    model: TrainedModel, scan: Scan, *, batch_size: int = 32
) -> Generator[Progress, None, NDArray[np.float32]]:
    """Predict only the scores of all slices, ``(slices, classes)``, 0 without foreground.

    Parameters, yields and errors are those of `predict`. The scores are not averaged over the
    mirror image.
    """
    model.info.check(scan.channels, model.info.classes)
    inputs = prepare(scan.volume(), scan.geometry.spacing, model.info.input_spec)
    scores = np.zeros((len(inputs.images), len(model.info.classes)), np.float32)
    done = float(len(scores) - len(inputs.occupied))
    begun = Progress(round(done), len(scores))
    preset = yield from _adapted(model, inputs, min(batch_size, ADAPTED_AT_ONCE), begun, "score")
    for indices, weights in _windows(model, inputs, scan, batch_size):
        images = inputs.images[indices].to(model.device).float()
        foreground = inputs.foreground[indices].to(model.device)
        with torch.inference_mode(), autocast(model.device, preset):
            found = preset.score(images, foreground)
        refuse_not_finite(scan.name, found)
        scores[indices.numpy()] += (found.float().cpu() * weights[:, None]).numpy()
        done += float(weights.sum())
        yield Progress(round(done), len(scores))
    return scores


def refuse_not_finite(scan: str, *outputs: Tensor) -> None:
    """Raise a `McwssError` if a network has returned values that are not finite for a scan."""
    if not all(bool(output.isfinite().all()) for output in outputs):
        raise McwssError(
            f"scan {scan}: the network returns values that are not finite: its training has "
            "failed, or its weights are damaged: train the model again"
        )


def _adapted(
    model: TrainedModel,
    inputs: Inputs,
    at_once: int,
    progress: Progress,
    look: Literal["predict", "score"] = "predict",
) -> Generator[Progress, None, Preset]:
    """Adapt the network to the scan and fuse its norms; yield after every batch."""
    steps = Returning(adapted(model, inputs, at_once, look))
    for _ in steps:
        yield progress
    return with_fused_norms(steps.value)


def _windows(
    model: TrainedModel, inputs: Inputs, scan: Scan, batch_size: int
) -> list[tuple[Tensor, Tensor]]:
    stride = slab_stride(scan.geometry.spacing[0], model.info.pixel)
    return weighted_batches(inputs.occupied, model.preset.depth, stride, batch_size)


def _finish(
    cams: NDArray[np.float32],
    scores: NDArray[np.float32],
    inputs: Inputs,
    model: TrainedModel,
    scan: Scan,
) -> None:
    """Turn CAMs of slices into CAMs of the scan, in place: smooth, follow borders, nest, round."""
    window = (slice(None), slice(None), *inputs.window)
    preset, spacing = model.preset, scan.geometry.spacing
    foreground = inputs.restore(inputs.foreground.float())[:, 0].numpy() > 0.5
    if any(preset.smoothing):
        _smooth(cams[window], foreground, np.divide(preset.smoothing, spacing))
    if preset.follows_image:
        follow_image(
            cams[window], scores, scan.volume()[window], foreground, spacing, preset.nesting
        )
    limit_to_parents(cams, child_parent_pairs(preset.nesting))
    for cam in cams:
        round_to_levels(cam)


def _smooth(
    cams: NDArray[np.float32], foreground: NDArray[np.bool_], sigma: NDArray[np.float64]
) -> None:
    """Smooth CAMs ``(classes, z, y, x)`` in place, inside foreground."""
    # Average foreground alone, or CAMs would fade at its borders.
    share = gaussian_filter(foreground.astype(np.float32), sigma, truncate=3)
    weights = foreground / np.maximum(share, np.float32(1e-3))
    for cam in cams:
        gaussian_filter(cam, sigma, output=cam, truncate=3)
        cam *= weights


@torch.inference_mode()
def _mirror_mean(
    preset: Preset, device: torch.device, inputs: Inputs, indices: Tensor
) -> tuple[Tensor, Tensor]:
    images = inputs.images[indices].to(device).float()
    images = images.contiguous(memory_format=torch.channels_last)
    foreground = inputs.foreground[indices].to(device)
    with autocast(device, preset):
        plain = preset.predict(images, foreground)
        mirrored = preset.predict(images.flip(-1), foreground.flip(-1))
        # Once, as fitting is linear up to rounding and the limits of a CAM.
        cams = preset.fit_to_image((plain.cams + mirrored.cams.flip(-1)) / 2, images, foreground)
    scores = (plain.scores + mirrored.scores) / 2
    cams = inputs.restore(cams)
    return scores.float().cpu(), cams.float().cpu()
