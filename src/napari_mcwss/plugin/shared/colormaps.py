"""Colours of the layers of CAMs and masks, and the contrast of those of scans."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import NDArray

from napari_mcwss.study.study import ClassSpec


def class_colormap(spec: ClassSpec) -> Colormap:
    """Return a colormap from transparent to the class's colour."""
    return Colormap([f"{spec.colour}00", spec.colour], name=f"mcwss {spec.name}")


def contrast(voxels: NDArray[np.generic]) -> tuple[float, float]:
    """Return contrast limits: 1st and 99.5th percentile of a sample of voxels of the patient.

    As in reports, what equals the first corner voxel is outside: in z-scored scans, the background
    lies among the values of tissue. The lowest value is outside, too. Colours ``(z, y, x, 3)`` are
    shown as they are.
    """
    if voxels.ndim == 4:
        return 0.0, 255.0
    sample = voxels[::4, ::4, ::4]
    sample = sample[(sample != voxels[0, 0, 0]) & (sample > sample.min())]
    if not sample.size:
        return float(voxels.min()), float(voxels.min()) + 1
    low, high = np.percentile(sample, (1, 99.5))
    return float(low), float(high) if high > low else float(low) + 1


@cache
def prepare_labels() -> None:
    """Do in any thread what napari does for the first labels layer, which takes seconds.

    It loads pandas for the features and, if numba is there, compiles the colouring of labels.
    """
    import_module("pandas")
    mask_colormap([]).map(np.zeros(1, np.uint8))


def mask_colormap(classes: Sequence[ClassSpec]) -> DirectLabelColormap:
    """Return the colours of a mask: 0 transparent, label k + 1 in the colour of class k."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours.update((label, spec.colour) for label, spec in enumerate(classes, 1))
    return DirectLabelColormap(color_dict=colours)
