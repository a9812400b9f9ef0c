"""Colours of the layers of CAMs and masks."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_mcwss.study.study import ClassSpec


def class_colormap(spec: ClassSpec) -> Colormap:
    """Return a colormap from transparent to the class's colour."""
    return Colormap([f"{spec.colour}00", spec.colour], name=f"mcwss {spec.name}")


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
