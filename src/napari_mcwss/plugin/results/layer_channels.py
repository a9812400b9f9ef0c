"""Segmenting image layers that the user has opened."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import NDArray
from pydantic import TypeAdapter
from qtpy.QtWidgets import QComboBox, QDialog, QFormLayout, QLabel, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.base.text import size_text
from napari_mcwss.plugin.shared.colormaps import class_colormap, mask_colormap, prepare_labels
from napari_mcwss.plugin.shared.layer_geometry import attributes_of, channels_of, geometry_of
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.plugin.shared.rows import ok_cancel, stack
from napari_mcwss.plugin.shared.user_files import preferences_file
from napari_mcwss.scans.scan import Scan
from napari_mcwss.segmentation.masks.exclusive import precedence_of
from napari_mcwss.segmentation.masks.make_masks import make_masks
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.study.description import class_specs

if TYPE_CHECKING:
    from napari_mcwss.model.checkpoint import ModelInfo
    from napari_mcwss.scans.geometry import Geometry
    from napari_mcwss.segmentation.prediction.predict import Prediction

_NAMES = TypeAdapter(dict[str, str])


@dataclass(frozen=True, eq=False)
class OpenScan:
    """Layers that are the channels of one scan, in a form that another thread can read.

    `data` has one array a channel, ``(z, y, x)`` or ``(y, x)``, all of one shape. `name` is that of
    the first layer; the layer arguments in `place` put a result where it lies.
    """

    name: str
    data: tuple[Any, ...]
    geometry: "Geometry"
    place: dict[str, Any]

    @classmethod
    def of(cls, first: Image, data: Sequence[Any]) -> "OpenScan":
        """Take the arrays of layers as channels; they need one shape, of 2 or 3 axes."""
        shape = tuple(data[0].shape)
        shapes = {tuple(array.shape) for array in data}
        if len(shapes) != 1 or len(shape) not in (2, 3):
            raise McwssError(
                f"the layers have the shapes {', '.join(map(size_text, sorted(shapes)))}: channels "
                "of one scan must have one shape with 2 or 3 axes"
            )
        geometry = geometry_of(shape if len(shape) == 3 else (1, *shape), attributes_of(first))
        names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
        place = {name: getattr(first, name) for name in names}
        place["metadata"] = {"geometry": geometry, "affine": geometry.affine}
        return cls(first.name, tuple(data), geometry, place)


@dataclass(frozen=True, eq=False)
class OpenResult:
    """What a model found in open layers; the mask is uint8 ``(z, y, x)``, k + 1 for class k."""

    scan: OpenScan
    prediction: "Prediction"
    mask: NDArray[np.uint8]

    def show(self, viewer: Viewer) -> None:
        """Add a CAM layer for each class and a mask layer; from now on they are the user's."""
        flat = len(self.scan.data[0].shape) == 2
        classes = class_specs(self.prediction.classes)
        for spec, cam in zip(classes, self.prediction.cams, strict=True):
            viewer.add_image(
                cam[0] if flat else cam,
                name=f"CAM {spec.name} of {self.scan.name}",
                colormap=class_colormap(spec),
                contrast_limits=(0, 1),
                blending="additive",
                opacity=0.6,
                **self.scan.place,
            )
        viewer.add_labels(
            self.mask[0] if flat else self.mask,
            name=f"mask of {self.scan.name}",
            colormap=mask_colormap(classes),
            features={"index": range(len(classes) + 1), "class": ["", *(c.name for c in classes)]},
            opacity=0.5,
            **self.scan.place,
        )


class LayerChannelsDialog(QDialog):  # type: ignore[misc]
    """Asks which open layer is which channel of a model, and proposes the last answer.

    `scan` has the layers once the dialog is accepted. If no image layer is open, it is a
    McwssError.
    """

    def __init__(self, parent: QWidget, viewer: Viewer, channels: Sequence[str]) -> None:
        layers = open_images(viewer)
        if not layers:
            raise McwssError("no image layer is open: open the channels of a scan in napari")
        super().__init__(parent)
        self.setWindowTitle("Which layer is which channel?")
        self.scan: OpenScan | None = None
        self._parts = [(layer, *part) for layer in layers for part in channels_of(layer)]
        names = [name for _, name, _ in self._parts]
        remembered = remembered_layers()
        self.choices: dict[str, QComboBox] = {}
        form = QFormLayout()
        for channel in channels:
            choice = QComboBox()
            choice.addItems(names)
            choice.setCurrentIndex(_guess(channel, names, remembered.get(channel)))
            self.choices[channel] = choice
            form.addRow(channel, choice)
        self.reason = QLabel(wordWrap=True)
        buttons, self.ok_button = ok_cancel(self, "Segment")
        stack(self, form, self.reason, buttons, margins=True)

    def accept(self) -> None:
        """Take the layers; stay open and tell why if they cannot be channels of one scan."""
        places = [choice.currentIndex() for choice in self.choices.values()]
        chosen = [self._parts[place] for place in places]
        try:
            if len(set(places)) < len(places):
                raise McwssError("one layer is chosen for two channels: choose another")
            self.scan = OpenScan.of(chosen[0][0], [data for _, _, data in chosen])
        except McwssError as error:
            self.reason.setText(str(error))
            return
        # If the disk is full, only the proposal is lost.
        with suppress(McwssError):
            remember_layers(dict(zip(self.choices, (name for _, name, _ in chosen), strict=True)))
        super().accept()


def open_images(viewer: Viewer) -> list[Image]:
    """List the image layers that the user has opened, without CAMs."""
    ours = study_layers(viewer, "cam", "map", "preview")
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image)
        and not (layer.multiscale or layer in ours)
        and not layer.name.startswith("CAM ")
    ]


def segment_open(
    folder: Path, scan: OpenScan, settings: MaskSettings
) -> Generator[Any, None, OpenResult]:
    """Segment open layers with the model of a folder; yields texts and `Progress`."""
    yield "Loading the network …"
    prepare_labels()
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.segmentation.prediction.predict import predict

    trained = load_model(folder)
    info = trained.info
    volume = np.stack([np.asarray(data, np.float32) for data in scan.data])
    volume = volume.reshape(len(volume), *scan.geometry.shape)
    np.nan_to_num(volume, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    source = Scan.from_array(scan.name, info.channels, volume, scan.geometry)
    prediction = yield from predict(trained, source)
    precedence = precedence_of(np.array(info.precedence, bool), [0] * len(info.classes))
    masks = make_masks(
        prediction.cams,
        prediction.scores,
        precedence,
        settings,
        scan.geometry.spacing,
        source.volume,
        info.classes,
    )
    return OpenResult(scan, prediction, masks[-1])


def read_model(folder: Path) -> "ModelInfo | McwssError":
    """Read the description of a model; an error is returned, for a dialog to tell."""
    from napari_mcwss.model.checkpoint import read_info

    try:
        return read_info(folder)
    except McwssError as error:
        return error


def remembered_layers() -> dict[str, str]:
    """Return the name of the layer that each channel was last; empty if it cannot be read."""
    path = _remembered_file()
    if path is None:
        return {}
    try:
        return _NAMES.validate_json(file_bytes(path))
    except (OSError, ValueError):
        return {}


def remember_layers(names: Mapping[str, str]) -> None:
    """Write down which channel was which layer, by their names."""
    path = _remembered_file()
    if path is not None:
        text = json.dumps(remembered_layers() | dict(names), indent=2)
        with replacing(path, parents=True) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


def _remembered_file() -> Path | None:
    preferences = preferences_file()
    return None if preferences is None else preferences.with_name("napari-mcwss-channels.json")


def _guess(channel: str, names: Sequence[str], remembered: str | None) -> int:
    """Return the index of the layer that a channel most likely is."""
    if remembered in names:
        return names.index(remembered)
    alike = [i for i, name in enumerate(names) if channel.lower() in name.lower()]
    # For channel t1, of the layers t1 and t1ce the shorter name is right.
    return min(alike, key=lambda i: len(names[i]), default=0)
