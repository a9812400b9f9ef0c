"""The dialog that makes a study of open layers."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QFormLayout, QLineEdit, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import make_folders
from napari_mcwss.base.names import check_names
from napari_mcwss.base.text import names_in, size_text
from napari_mcwss.plugin.shared.layer_geometry import (
    attributes_of,
    channels_of,
    geometry_of,
    own_names,
)
from napari_mcwss.plugin.shared.layers import RESULTS, SAMPLE, sample_layers, study_layers
from napari_mcwss.plugin.shared.rows import side_by_side, stack
from napari_mcwss.plugin.study.study_dialog import StudyDialog
from napari_mcwss.scans.formats.registry import format_named
from napari_mcwss.scans.phantom import PHANTOM_CLASSES
from napari_mcwss.scans.reading import read_scan
from napari_mcwss.scans.scan import COLOURS
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.layout import STUDY_FILE
from napari_mcwss.study.study import Study


@dataclass(frozen=True)
class _Open:
    """What another thread may read of a layer."""

    data: Any
    attributes: dict[str, Any]
    source: Path | None


class OpenLayersDialog(StudyDialog):
    """Asks for the channels that open image layers show, and for the classes.

    The layers become one scan; a coloured layer is three channels.

    Attributes
    ----------
    layers : list of Image
        The layers that become a scan, and that the scan's own layers replace.
    of_sample : bool
        Whether they are the sample data.

    Raises
    ------
    McwssError
        If all image layers belong to a study, or they differ in shape.
    """

    def __init__(self, parent: QWidget, viewer: Viewer) -> None:
        known = study_layers(viewer, "scan", *RESULTS)
        layers = [
            layer for layer in viewer.layers if isinstance(layer, Image) and layer not in known
        ]
        parts = [(layer, *part) for layer in layers for part in channels_of(layer)]
        _refuse({data.shape for _, _, data in parts})
        super().__init__(parent, "Study of the open layers", "Make study")
        self.layers = layers
        self._parts = parts
        names = own_names([name for _, name, _ in parts])
        names = list(COLOURS) if len(layers) == 1 and layers[0].rgb else names
        self.channels.setText(", ".join(names))
        self.scan_name = QLineEdit("scan1")
        self.study_folder.propose(Path(own_names([layers[0].name])[0]).name)
        self.of_sample = set(layers) <= set(sample_layers(viewer))
        if self.of_sample:
            self.scan_name.setText(SAMPLE[1])
            self.classes.setText(", ".join(PHANTOM_CLASSES))
            self.study_folder.propose(SAMPLE[1])
        self.reason.setText(
            "The study refers to the layers' NIfTI files; layers without one are written into "
            "its folder."
        )
        form = QFormLayout()
        form.addRow("Channels", self.channels)
        form.addRow("Classes", self.classes)
        form.addRow("Name of the scan", self.scan_name)
        line = side_by_side(self.study_folder, self.study_folder.choose_button)
        form.addRow("Study folder", line)
        stack(self, form, self.reason, self.buttons, margins=True)
        self.resize(560, self.sizeHint().height())

    def accept(self) -> None:
        """Write layers without a file and make the study; if that fails, show why and stay open."""
        channels, name = names_in(self.channels.text()), self.scan_name.text().strip()
        classes, text = names_in(self.classes.text()), self.study_folder.text().strip()
        folder = Path(text).expanduser()
        try:
            if wrong := self.wrongly_separated():
                raise McwssError(wrong)
            if not text or len(channels) != len(self._parts):
                raise McwssError(
                    f"found {len(channels)} channel names for {len(self._parts)} channels and the "
                    f"folder {text!r}: name each layer's channel and a study folder"
                )
            if not classes:
                raise McwssError("no class is named: name at least one to look for")
            if (folder / STUDY_FILE).exists() or (folder / "scans").exists():
                raise McwssError(
                    f"'{folder}' holds a study or scans already: name a new folder for this study"
                )
            check_names("scan", [name])
            check_names("channel", channels)
            check_names("class", classes)
        except McwssError as error:
            self.reason.setText(str(error))
            return
        layers = [
            _Open(
                data,
                attributes_of(layer),
                Path(layer.source.path) if layer.source.path else None,
            )
            for layer, _, data in self._parts
        ]

        def create() -> Study:
            place = folder / "scans" / name
            try:
                files = _files(layers, place, channels)
                return Study.create(folder, scans={name: files}, channels=channels, classes=classes)
            except McwssError:
                _remove_written(place, channels)
                raise

        self.make("writing of the layers", create)


def _refuse(shapes: set[tuple[int, ...]]) -> None:
    """Refuse layers of these shapes if they cannot be channels of one scan."""
    # napari shows about forty letters: what to do comes first.
    if not shapes:
        raise McwssError("open the channels of one scan: no image layer of yours is open")
    found = f"found {', '.join(map(size_text, sorted(shapes)))}"
    if len(shapes) > 1:
        raise McwssError(
            f"close the layers of other scans: {found}, and the channels of a scan have one shape"
        )
    if len(next(iter(shapes))) not in (2, 3):
        raise McwssError(
            f"open layers of 2 or 3 axes: {found}, and slices over time cannot be tagged"
        )


def _files(layers: Sequence[_Open], folder: Path, channels: Sequence[str]) -> list[Path]:
    """Return a file for each layer: the one it was read from, or a new one."""
    files: list[Path] = []
    for layer, channel in zip(layers, channels, strict=True):
        volume = np.asarray(layer.data, np.float32)
        volume = volume[None] if volume.ndim == 2 else volume
        if layer.source is not None and layer.source not in files and _has(layer.source, volume):
            files.append(layer.source)
            continue
        files.append(folder / f"{channel}.nii.gz")
        make_folders(folder)
        geometry = geometry_of(volume.shape, layer.attributes)
        write_volume(files[-1], volume, geometry, dtype=np.float32)
    return files


def _remove_written(folder: Path, channels: Sequence[str]) -> None:
    """Remove the files of a study that could not be made, so that the user can try again."""
    with suppress(OSError):
        for channel in channels:
            (folder / f"{channel}.nii.gz").unlink(missing_ok=True)
        folder.rmdir()
        folder.parent.rmdir()


def _has(file: Path, volume: NDArray[np.float32]) -> bool:
    """Return whether a file, read as a scan, has the voxels of a layer.

    The layer may have been edited, or another plugin may have read it in another axis order.
    """
    found = format_named(file)
    if found is None or not found.spatial:
        return False
    try:
        return np.array_equal(read_scan(file.name, ["layer"], [file]).volume()[0], volume)
    except McwssError:
        return False
