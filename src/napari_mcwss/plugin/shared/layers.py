"""Layers of scans, CAMs and masks, all in the scan's own geometry."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import Colormap, DirectLabelColormap
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.study.study import ClassSpec

KEY = "napari_mcwss"
"""Metadata key by which a layer is known to be of the study, and of which kind."""

OWN = "napari_mcwss_layer"
"""Metadata key of the layer's own id, which a copy of it does not have."""

EMPTY = "napari_mcwss_empty"
"""Metadata key by which a layer is known to wait for values: what it shows was never found."""

FOUND = ("cam", "mask", "map", "preview")
"""Kinds of layers that show what a model finds in the scan on screen."""


def placement(geometry: Geometry, kind: str) -> dict[str, Any]:
    """Give the layer arguments that put an array (z, y, x) where the scan lies.

    Parameters
    ----------
    geometry : Geometry
        Of the scan.
    kind : str
        ``scan``, ``corrected``, or one of `FOUND`.

    Notes
    -----
    Oblique affines break napari's 2-D view, so layers get spacing alone; the
    true affine is kept in the metadata.
    """
    return {
        "scale": geometry.spacing,
        "translate": (0.0, 0.0, 0.0),
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("z", "y", "x"),
        "metadata": {KEY: kind, "affine": geometry.affine, "geometry": geometry},
    }


def study_layers(viewer: Viewer, *kinds: str) -> list[Layer]:
    """List the layers of these kinds that were made here.

    napari copies metadata with a layer: what a user has duplicated, converted
    or projected is the user's.
    """
    return [
        layer
        for layer in viewer.layers
        if layer.metadata.get(KEY) in kinds and layer.metadata.get(OWN) == layer.unique_id
    ]


def _layers_by_class(viewer: Viewer, kind: str) -> dict[str, Layer]:
    """Give the layers of a kind that has one for each class, by its name."""
    return {layer.metadata["class"]: layer for layer in study_layers(viewer, kind)}


def _claim(layer: Layer) -> None:
    layer.metadata[OWN] = layer.unique_id


def remove_study_layers(viewer: Viewer) -> None:
    """Remove the study's layers; what a user opened or drew stays."""
    for layer in study_layers(viewer, "scan", *FOUND, "corrected"):
        viewer.layers.remove(layer)


def empty_layers(viewer: Viewer, *kinds: str) -> None:
    """Leave nothing to see in the study's layers of these kinds, which stay.

    Layers that went while a single one of the scan stayed visible made Mesa's
    software OpenGL crash, at the second picture after.
    """
    for layer in study_layers(viewer, *kinds):
        layer.metadata[EMPTY] = True
        layer.data = np.broadcast_to(layer.data.dtype.type(0), layer.data.shape)
        layer.editable = False  # new data makes a layer editable


def show_scan_layers(viewer: Viewer, scan: Scan) -> None:
    """Show one image layer a channel; at first, only the last one is visible.

    In place of a scan with the same channels, they look as the user has made
    those look, but for contrast: intensities of one scan say nothing of the
    next. Layers of what was found in that scan stay with nothing to see.
    """
    old = {layer.metadata["channel"]: layer for layer in study_layers(viewer, "scan")}
    # To make layers takes long; but none may go while others stay: see `empty_layers`.
    if old.keys() == set(scan.channels) and not study_layers(viewer, "corrected"):
        _move_layers(viewer, scan, old)
    else:
        looks = {channel: _look(layer) for channel, layer in old.items()}
        remove_study_layers(viewer)
        _add_scan_layers(viewer, scan, looks)
    viewer.reset_view()


def _look(layer: Layer) -> dict[str, Any]:
    """Tell how the user wants a channel to look, whichever scan it is of."""
    names = ("visible", "colormap", "opacity", "gamma", "blending")
    return {name: getattr(layer, name) for name in names}


def _add_scan_layers(viewer: Viewer, scan: Scan, looks: Mapping[str, dict[str, Any]]) -> None:
    for channel, voxels in zip(scan.channels, scan.volume(), strict=True):
        look = {"visible": channel == scan.channels[-1], "colormap": "gray"}
        layer = viewer.add_image(
            voxels,
            name=channel,
            contrast_limits=contrast(voxels),
            **looks.get(channel, look),
            **placement(scan.geometry, "scan"),
        )
        layer.metadata["channel"] = channel
        _claim(layer)


def _move_layers(viewer: Viewer, scan: Scan, channels: Mapping[str, Layer]) -> None:
    """Have the layers of another scan show this one, and nothing of what was found in that."""
    for layer in study_layers(viewer, *FOUND):
        layer.metadata[EMPTY] = True
        _move(layer, np.zeros(scan.geometry.shape, layer.data.dtype), scan.geometry)
        layer.editable = False  # new data makes a layer editable
    for channel, voxels in zip(scan.channels, scan.volume(), strict=True):
        layer = channels[channel]
        _move(layer, voxels, scan.geometry)
        layer.contrast_limits_range = layer.contrast_limits = contrast(voxels)


def _move(layer: Layer, values: NDArray[np.generic], geometry: Geometry) -> None:
    layer.data = values
    layer.affine = np.eye(values.ndim + 1)  # what a user has dragged is of the other scan
    for name, value in placement(geometry, layer.metadata[KEY]).items():
        setattr(layer, name, layer.metadata | value if name == "metadata" else value)


def _refill(layer: Layer, values: NDArray[np.generic]) -> None:
    layer.metadata[EMPTY] = False
    layer.data = values


def contrast(voxels: NDArray[np.float32]) -> tuple[float, float]:
    """Choose contrast limits, the 1st and 99.5th percentile of a sample off the minimum."""
    sample = voxels[::4, ::4, ::4]
    sample = sample[sample > sample.min()]
    if not sample.size:
        return float(voxels.min()), float(voxels.min()) + 1
    low, high = np.percentile(sample, (1, 99.5))
    return float(low), float(high) if high > low else float(low) + 1


def show_prediction_layers(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    cams: Mapping[str, NDArray[np.float32]],
    mask: NDArray[np.uint8],
) -> None:
    """Show one CAM layer a class and one mask layer.

    Layers of an older prediction of the scan are kept and get the new data,
    with what the user has made of them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to.
    geometry : Geometry
        Of the scan.
    classes : sequence of ClassSpec
        In the order of the mask's labels, from 1 on.
    cams : mapping
        Class name to CAM ``(z, y, x)`` in 0..1.
    mask : ndarray
        Uint8 ``(z, y, x)``.
    """
    old = _layers_by_class(viewer, "cam")
    for spec in classes:
        if spec.name in old:
            _refill(old[spec.name], cams[spec.name])
            continue
        _add_cam(viewer, geometry, spec, cams[spec.name], f"CAM {spec.name}", 1, "cam")
    for layer in study_layers(viewer, "mask"):
        _refill(layer, mask)
        layer.editable = False
        return
    layer = _add_labels(viewer, geometry, classes, mask, "mask", "mask")
    # The mask follows the threshold: what was painted into it would be lost.
    layer.editable = False


def show_corrected_layer(
    viewer: Viewer, geometry: Geometry, classes: Sequence[ClassSpec], labels: NDArray[np.uint8]
) -> Labels:
    """Add the layer of a corrected mask, to be painted, and select it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to.
    geometry : Geometry
        Of the scan.
    classes : sequence of ClassSpec
        In the order of the labels, from 1 on.
    labels : ndarray
        Uint8 ``(z, y, x)``; painting changes it.

    Returns
    -------
    Labels
        The layer.
    """
    return _add_labels(viewer, geometry, classes, labels, "corrected mask", "corrected")


def _add_labels(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    labels: NDArray[np.uint8],
    name: str,
    kind: str,
) -> Labels:
    layer = viewer.add_labels(
        labels,
        name=name,
        colormap=mask_colormap(classes),
        features={"index": range(len(classes) + 1), "class": ["", *(c.name for c in classes)]},
        opacity=0.5,
        **placement(geometry, kind),
    )
    _claim(layer)
    return layer


def show_preview_layers(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    slice_index: int,
    cams: NDArray[np.uint8],
) -> None:
    """Show the CAMs of a slice from a network in training; other slices keep what they had.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to.
    geometry : Geometry
        Of the scan.
    classes : sequence of ClassSpec
        In the order of the CAMs.
    slice_index : int
        The slice.
    cams : ndarray
        Uint8 ``(classes, y, x)``, 255 for a CAM of 1.
    """
    old = _layers_by_class(viewer, "preview")
    for spec, cam in zip(classes, cams, strict=True):
        if spec.name in old:
            old[spec.name].metadata[EMPTY] = False
            old[spec.name].data[slice_index] = cam
            old[spec.name].visible = True
            old[spec.name].refresh()
        else:
            volume = _on_slices(geometry, [slice_index], cam)
            _add_cam(viewer, geometry, spec, volume, f"{spec.name}, learning", 255, "preview")


def show_map_layers(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    name: str,
    slices: Sequence[int],
    maps: NDArray[np.uint8],
) -> None:
    """Show other maps than the CAMs, one layer a class; it is empty on slices without.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to.
    geometry : Geometry
        Of the scan.
    classes : sequence of ClassSpec
        In the order of the maps.
    name : str
        Of the maps.
    slices : sequence of int
        Which slices they are of.
    maps : ndarray
        Uint8 ``(classes, slices, y, x)``, 255 for 1.
    """
    old = _layers_by_class(viewer, "map")
    for spec, values in zip(classes, maps, strict=True):
        volume = _on_slices(geometry, slices, values)
        if spec.name in old:
            _refill(old[spec.name], volume)
            old[spec.name].name = f"{spec.name}, {name}"
        else:
            _add_cam(viewer, geometry, spec, volume, f"{spec.name}, {name}", 255, "map")


def _on_slices(
    geometry: Geometry, slices: Sequence[int], values: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Make a volume of the scan's shape that is empty but on some slices."""
    volume = np.zeros(geometry.shape, np.uint8)
    volume[list(slices)] = values
    return volume


def _add_cam(
    viewer: Viewer,
    geometry: Geometry,
    spec: ClassSpec,
    cam: NDArray[np.generic],
    name: str,
    highest: float,
    kind: str,
) -> None:
    """Add the layer of a class's CAM ``(z, y, x)``, from 0 to its highest value."""
    layer = viewer.add_image(
        cam,
        name=name,
        colormap=class_colormap(spec),
        contrast_limits=(0, highest),
        # Added to a bright scan, every colour would be white.
        blending="translucent_no_depth",
        opacity=0.6,
        **placement(geometry, kind),
    )
    layer.metadata["class"] = spec.name
    _claim(layer)


def class_colormap(spec: ClassSpec) -> Colormap:
    """Make a colormap from nothing to the class's colour: 0 is clear, what is doubtful pale."""
    return Colormap([f"{spec.colour}00", spec.colour], name=f"mcwss {spec.name}")


@cache
def prepare_labels() -> None:
    """Do in any thread what napari does before a session's first mask, which takes seconds.

    It loads pandas for the features and, where numba is there, compiles how labels get their
    colours.
    """
    import_module("pandas")
    mask_colormap([]).map(np.zeros(1, np.uint8))


def mask_colormap(classes: Sequence[ClassSpec]) -> DirectLabelColormap:
    """Make the colours of a mask: background clear, label k + 1 the colour of class k."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours.update((label, spec.colour) for label, spec in enumerate(classes, 1))
    return DirectLabelColormap(color_dict=colours)
