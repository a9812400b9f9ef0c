"""Suggested tags: what a model thinks of slices that nobody has tagged yet."""

from collections.abc import Generator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.inputs import prepare
from napari_mcwss.scans.scan import Scan
from napari_mcwss.segmentation.predict import Progress
from napari_mcwss.tags.table import Tag, TagTable

Probabilities = NDArray[np.float32]
"""That a class is on a slice, ``(slices, classes)`` in 0..1; NaN where nothing is suggested."""


def predict_tags(
    model: TrainedModel, scan: Scan, *, batch_size: int = 32
) -> Generator[Progress, None, Probabilities]:
    """Give the scores of all slices, without their maps; 0 on slices without tissue.

    Parameters
    ----------
    model : TrainedModel
        The model.
    scan : Scan
        With the model's channels, in its order.
    batch_size : int
        Slices at a time.

    Yields
    ------
    Progress
        After every batch; the return value are the probabilities.

    Raises
    ------
    McwssError
        If the scan has other channels than the model.
    """
    model.info.check(scan.channels, model.info.classes)
    inputs = prepare(scan.volume(), scan.geometry.spacing, model.info.reading)
    scores = np.zeros((len(inputs.images), len(model.info.classes)), np.float32)
    done = len(scores) - len(inputs.occupied)
    for indices in inputs.occupied.split(batch_size):
        images = inputs.images[indices].to(model.device).float()
        tissue = inputs.tissue[indices].to(model.device)
        with torch.inference_mode(), autocast(model.device):
            found = model.preset.score(images, tissue)
        scores[indices] = found.float().cpu().numpy()
        done += len(indices)
        yield Progress(done, len(scores))
    return scores


def open_suggestions(probabilities: Probabilities, table: TagTable) -> Probabilities:
    """Leave out what is tagged: a suggestion ends where a tag is known."""
    return np.where(table.values == Tag.UNKNOWN, probabilities, np.float32(np.nan))


def accepted(
    table: TagTable,
    probabilities: Probabilities,
    confidence: float = 0.5,
    slice_index: int | None = None,
) -> TagTable:
    """Take suggestions over as tags; known tags stay.

    Parameters
    ----------
    table : TagTable
        Is left as it is.
    probabilities : ndarray
        ``(slices, classes)``.
    confidence : float
        Probability that the suggested tag needs, 0.5 to 1.
    slice_index : int, optional
        Of the only slice to be tagged; all if not given.
    """
    found = table.copy()
    suggested = open_suggestions(probabilities, table)
    chosen = np.fmax(suggested, 1 - suggested) >= confidence
    if slice_index is not None:
        chosen[np.arange(len(chosen)) != slice_index] = False
    found.values[chosen] = (suggested[chosen] >= 0.5).astype(np.int8)
    return found


def most_doubtful(
    suggestions: Mapping[str, Probabilities], tables: Mapping[str, TagTable]
) -> list[tuple[str, int]]:
    """List scans and slices with suggestions, those nearest to even odds first.

    Parameters
    ----------
    suggestions : mapping
        Scan to the probabilities of its slices.
    tables : mapping
        Scan to its tags; scans without are left out.
    """
    doubts = []
    for scan, probabilities in suggestions.items():
        if scan in tables:
            suggested = open_suggestions(probabilities, tables[scan])
            distance = np.fmin.reduce(np.abs(suggested - 0.5), axis=1)
            places = np.flatnonzero(~np.isnan(distance)).tolist()
            doubts += [(float(distance[index]), scan, index) for index in places]
    return [(scan, index) for _, scan, index in sorted(doubts)]
