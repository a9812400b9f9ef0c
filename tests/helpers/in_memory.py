"""Evaluations of masks in memory, without a study on disk."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import numpy as np

from napari_mcwss.measurement.class_masks import class_masks
from napari_mcwss.measurement.compare_masks import compare_masks
from napari_mcwss.measurement.evaluation import Evaluation
from napari_mcwss.measurement.sources import MaskSource


def evaluation_of(
    masks: Mapping[str, np.ndarray],
    references: np.ndarray,
    classes: Sequence[str],
    spacing: tuple[float, float, float],
    *,
    unions: Mapping[str, Sequence[str]] | None = None,
    prior_scans: Sequence[str] = (),
) -> Evaluation:
    """Evaluate label images of scans that all have the same references."""
    scan = SimpleNamespace(geometry=SimpleNamespace(spacing=spacing, in_mm=True))
    study = SimpleNamespace(class_names=tuple(classes), scan=lambda _: scan)
    source = MaskSource("m", masks.__contains__, lambda name: class_masks(masks[name], classes))
    reference = MaskSource("seg", lambda _: True, lambda _: references)
    found = list(
        compare_masks(
            study, list(masks), [source], reference, unions=unions, prior_scans=prior_scans
        )
    )
    assert not any(scan.problem for scan in found)
    return Evaluation(tuple(row for scan in found for row in scan.rows))
