"""Layers of scans, CAMs and masks, in the geometry of the scan."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_mcwss.plugin.shared.colormaps import class_colormap, contrast, mask_colormap
from napari_mcwss.plugin.shared.layer_kinds import EMPTY as EMPTY
from napari_mcwss.plugin.shared.layer_kinds import KEY as KEY
from napari_mcwss.plugin.shared.layer_kinds import OWN
from napari_mcwss.plugin.shared.layer_kinds import RESULTS as RESULTS
from napari_mcwss.plugin.shared.layer_kinds import study_layers as study_layers
from napari_mcwss.plugin.shared.newest_maps import hide, keep_order, note_made, show_newest_maps
from napari_mcwss.plugin.shared.removal import remove_layers
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import COLOURS, Scan
from napari_mcwss.study.study import ClassSpec

SAMPLE = ("napari-mcwss", "phantom")
"""Plugin and key of the sample data in napari's menu."""

_RANKS = {"scan": 0, "cam": 1, "map": 1, "preview": 1, "live": 1, "mask": 2, "corrected": 3}
"""Kinds of layers, to their place: a layer lies above those of lower ranks."""


def placement(geometry: Geometry, kind: str) -> dict[str, Any]:
    """Return the layer arguments that put an array (z, y, x) where the scan lies.

    Oblique affines break napari's 2-D view, so layers get the spacing alone; the true affine is
    kept in the metadata. `kind` is ``scan``, ``corrected``, or one of `RESULTS`; ``file`` for
    layers of the user.
    """
    return {
        "scale": geometry.spacing,
        "translate": (0.0, 0.0, 0.0),
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("z", "y", "x"),
        "metadata": {KEY: kind, "affine": geometry.affine, "geometry": geometry},
    }


def _layers_by_class(viewer: Viewer, kind: str) -> dict[str, Layer]:
    """Return the layers of a kind that has one for each class, by name of the class."""
    return {layer.metadata["class"]: layer for layer in study_layers(viewer, kind)}


def _claim(viewer: Viewer, layer: Layer) -> None:
    """Mark a new layer as one of the study, and put it below those that belong above it."""
    layer.metadata[OWN] = layer.unique_id
    kinds = [kind for kind, rank in _RANKS.items() if rank > _RANKS[layer.metadata[KEY]]]
    above = [viewer.layers.index(other) for other in study_layers(viewer, *kinds)]
    if above:
        viewer.layers.move(viewer.layers.index(layer), min(above))


def select_shown(viewer: Viewer) -> None:
    """Select the highest visible layer of the study, unless the user has selected their own."""
    active = viewer.layers.selection.active
    ours = study_layers(viewer, *_RANKS)
    if active is not None and active not in ours:
        return
    for kind in ("corrected", "mask", "scan"):
        for layer in ours:
            if layer.metadata[KEY] == kind and layer.visible and not layer.metadata.get(EMPTY):
                viewer.layers.selection.active = layer
                return


def remove_study_layers(viewer: Viewer) -> None:
    """Remove the study's layers; layers of the user stay."""
    remove_layers(viewer, study_layers(viewer, "scan", *RESULTS, "corrected"))


def sample_layers(viewer: Viewer) -> list[Layer]:
    """List the layers of the sample data, without copies of them."""
    return [
        layer
        for layer in viewer.layers
        if layer.source.sample == SAMPLE and layer.source.parent is None
    ]


def empty_layers(viewer: Viewer, *kinds: str) -> None:
    """Leave nothing to see in the study's layers of these kinds.

    They are not removed: when layers were removed while a single one of the scan stayed visible,
    Mesa's software OpenGL crashed two pictures later, unless they were hidden in a picture before.
    """
    for layer in study_layers(viewer, *kinds):
        layer.metadata[EMPTY] = True
        layer.data = np.broadcast_to(layer.data.dtype.type(0), layer.data.shape)
        layer.editable = False  # new data makes a layer editable
    show_newest_maps(viewer)


def show_scan_layers(viewer: Viewer, scan: Scan) -> None:
    """Show one image layer for each channel; at first, only the last one is visible.

    A coloured picture is one layer.

    After a scan with the same channels, the layers keep the look that the user has given them,
    except contrast: scans differ in intensities. Layers of results are emptied.
    """
    old = {layer.metadata["channel"]: layer for layer in study_layers(viewer, "scan")}
    # New layers take long to make; and none may be removed while others stay: see `empty_layers`.
    images = _images(scan)
    if old.keys() == images.keys() and not study_layers(viewer, "corrected"):
        _move_layers(viewer, scan.geometry, images, old)
    else:
        looks = {channel: _look(layer) for channel, layer in old.items()}
        remove_study_layers(viewer)
        _add_scan_layers(viewer, scan.geometry, images, looks)
    select_shown(viewer)
    viewer.reset_view()


def _images(scan: Scan) -> dict[str, NDArray[np.generic]]:
    """Return what the scan's layers show: their channels by name, or colours ``(z, y, x, 3)``."""
    volume = scan.volume()
    if scan.channels == COLOURS:
        colours = volume.clip(0, 255).astype(np.uint8)
        # Other values need contrast limits, which napari has for single channels alone.
        if np.array_equal(colours, volume):
            return {"colours": np.moveaxis(colours, 0, -1)}
    return dict(zip(scan.channels, volume, strict=True))


def _look(layer: Layer) -> dict[str, Any]:
    """Return how the user has made a channel look."""
    names = ("visible", "colormap", "opacity", "gamma", "blending")
    return {name: getattr(layer, name) for name in names}


def _add_scan_layers(
    viewer: Viewer,
    geometry: Geometry,
    images: Mapping[str, NDArray[np.generic]],
    looks: Mapping[str, dict[str, Any]],
) -> None:
    for channel, voxels in images.items():
        look = {"visible": channel == list(images)[-1], "colormap": "gray"}
        layer = viewer.add_image(
            voxels,
            name=channel,
            rgb=voxels.ndim == 4,
            contrast_limits=contrast(voxels),
            **looks.get(channel, look),
            **placement(geometry, "scan"),
        )
        layer.metadata["channel"] = channel
        _claim(viewer, layer)


def _move_layers(
    viewer: Viewer,
    geometry: Geometry,
    images: Mapping[str, NDArray[np.generic]],
    layers: Mapping[str, Layer],
) -> None:
    """Show a scan in the layers of another one, and empty the layers of results."""
    for layer in study_layers(viewer, *RESULTS):
        layer.metadata[EMPTY] = True
        keep_order(layer)
        _move(layer, np.zeros(geometry.shape, layer.data.dtype), geometry)
        layer.editable = False  # new data makes a layer editable
    for channel, voxels in images.items():
        layer = layers[channel]
        _move(layer, voxels, geometry)
        layer.contrast_limits_range = layer.contrast_limits = contrast(voxels)


def _move(layer: Layer, values: NDArray[np.generic], geometry: Geometry) -> None:
    layer.data = values
    layer.affine = np.eye(layer.ndim + 1)  # the user may have dragged the other scan
    for name, value in placement(geometry, layer.metadata[KEY]).items():
        setattr(layer, name, layer.metadata | value if name == "metadata" else value)


def _refill(layer: Layer, values: NDArray[np.generic]) -> None:
    note_made(layer)
    layer.data = values


def show_prediction_layers(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    cams: Mapping[str, NDArray[np.float32]],
    mask: NDArray[np.uint8],
) -> None:
    """Show a layer for each class's CAM ``(z, y, x)`` in 0..1, and one for the uint8 mask.

    Classes without a CAM get no layer, or an empty one. Layers that are there get the new data,
    and keep the look that the user has given them.
    """
    old = _layers_by_class(viewer, "cam")
    for spec in classes:
        if spec.name in old:
            _refill(old[spec.name], cams.get(spec.name, np.zeros(geometry.shape, np.float32)))
        elif spec.name in cams:
            _add_cam(viewer, geometry, spec, cams[spec.name], f"CAM {spec.name}", 1, "cam")
    show_newest_maps(viewer)
    for layer in study_layers(viewer, "mask"):
        _refill(layer, mask)
        layer.editable = False
        return
    before = viewer.layers.selection.active
    layer = _add_labels(viewer, geometry, classes, mask, "mask", "mask")
    # The mask follows the settings: painted voxels would be lost.
    layer.editable = False
    viewer.layers.selection.active = before
    select_shown(viewer)


def show_corrected_layer(
    viewer: Viewer, geometry: Geometry, classes: Sequence[ClassSpec], labels: NDArray[np.uint8]
) -> Labels:
    """Add the layer of a corrected mask, and select it; painting changes the array."""
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
    _claim(viewer, layer)
    return layer


def show_preview_layers(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    slice_index: int,
    cams: NDArray[np.uint8],
) -> None:
    """Show the CAMs of one slice from a network in training; other slices keep theirs.

    `cams` are uint8 ``(classes, y, x)``, 255 for a CAM of 1.
    """
    old = _layers_by_class(viewer, "preview")
    for spec, cam in zip(classes, cams, strict=True):
        if spec.name in old:
            if old[spec.name].metadata.get(EMPTY):
                note_made(old[spec.name])
            old[spec.name].data[slice_index] = cam
            old[spec.name].refresh()
        else:
            volume = _on_slices(geometry, [slice_index], cam)
            _add_cam(viewer, geometry, spec, volume, f"{spec.name}, learning", 255, "preview")
    show_newest_maps(viewer)


def hide_preview_layers(viewer: Viewer) -> None:
    """Hide the maps of a network in training, which are out of date."""
    for layer in study_layers(viewer, "preview"):
        layer.metadata[EMPTY] = True
        hide(layer)
    show_newest_maps(viewer)


def show_live_layers(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    slice_index: int,
    maps: NDArray[np.uint8],
    *,
    made: bool = True,
) -> None:
    """Show the maps of one slice that follow its tags; other slices, out of date, are emptied.

    `maps` are uint8 ``(classes, y, x)``, 255 for 1; `made` is False if they are those of another
    slice of maps that were shown before.
    """
    old = _layers_by_class(viewer, "live")
    for name in old.keys() - {spec.name for spec in classes}:
        old[name].metadata[EMPTY] = True
        hide(old[name])
    shown = [old.get(spec.name) for spec in classes]
    made = made or any(layer is None or layer.metadata.get(EMPTY) for layer in shown)
    for spec, values in zip(classes, maps, strict=True):
        layer = old.get(spec.name)
        if layer is not None and layer.data.flags.writeable:
            layer.data[layer.metadata["slice"]] = 0
            layer.data[slice_index] = values
            if made:
                note_made(layer)
            layer.refresh()
        elif layer is not None:
            _refill(layer, _on_slices(geometry, [slice_index], values))
        else:
            volume = _on_slices(geometry, [slice_index], values)
            layer = _add_cam(viewer, geometry, spec, volume, f"live: {spec.name}", 255, "live")
        layer.metadata["slice"] = slice_index
    if made:
        show_newest_maps(viewer)


def hide_live_layers(viewer: Viewer) -> None:
    """Hide the live maps, and free their memory."""
    empty_layers(viewer, "live")
    for layer in study_layers(viewer, "live"):
        hide(layer)


def remove_live_layers(viewer: Viewer) -> None:
    """Remove live maps that were hidden; only after that was drawn, as `empty_layers` says."""
    live = study_layers(viewer, "live")
    remove_layers(viewer, [layer for layer in live if layer.metadata.get(EMPTY)])


def show_map_layers(
    viewer: Viewer,
    geometry: Geometry,
    classes: Sequence[ClassSpec],
    name: str,
    slices: Sequence[int],
    maps: NDArray[np.uint8],
) -> None:
    """Show maps other than the CAMs on some slices, one layer for each class.

    `maps` are uint8 ``(classes, slices, y, x)``, 255 for 1.
    """
    old = _layers_by_class(viewer, "map")
    for spec, values in zip(classes, maps, strict=True):
        volume = _on_slices(geometry, slices, values)
        if spec.name in old:
            _refill(old[spec.name], volume)
            old[spec.name].name = f"{spec.name}, {name}"
        else:
            _add_cam(viewer, geometry, spec, volume, f"{spec.name}, {name}", 255, "map")
    show_newest_maps(viewer)


def _on_slices(
    geometry: Geometry, slices: Sequence[int], values: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return a volume of the scan's shape with values on some slices, 0 on the others."""
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
) -> Layer:
    """Add the layer of a class's CAM ``(z, y, x)`` in 0..highest; what is selected stays so."""
    before = viewer.layers.selection.active
    layer = viewer.add_image(
        cam,
        name=name,
        colormap=class_colormap(spec),
        contrast_limits=(0, highest),
        # Additive blending would make every colour white on a bright scan.
        blending="translucent_no_depth",
        opacity=0.6,
        **placement(geometry, kind),
    )
    layer.metadata["class"] = spec.name
    note_made(layer)
    _claim(viewer, layer)
    viewer.layers.selection.active = before
    return layer
