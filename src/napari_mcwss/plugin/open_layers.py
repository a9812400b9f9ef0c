"""The dialog that makes a study of the layers that are open."""

from pathlib import Path

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_mcwss.description import check_names
from napari_mcwss.errors import McwssError
from napari_mcwss.plugin.files import geometry_of
from napari_mcwss.plugin.layers import study_layers
from napari_mcwss.plugin.words import names_in
from napari_mcwss.project import STUDY_FILE, Study
from napari_mcwss.scans.formats import size_text
from napari_mcwss.scans.writing import write_volume


class OpenLayersDialog(QDialog):  # type: ignore[misc]
    """Name the channels that the open image layers are, and the classes.

    Parameters
    ----------
    parent : QWidget
        The dock.
    viewer : napari.viewer.Viewer
        Its image layers become one scan.

    Attributes
    ----------
    study : Study or None
        The study that was made, once accepted.

    Raises
    ------
    McwssError
        If no image layer is open that is not a study's, or they differ in shape.
    """

    def __init__(self, parent: QWidget, viewer: Viewer) -> None:
        super().__init__(parent)
        self.study: Study | None = None
        shown = [layer for layer in viewer.layers if isinstance(layer, Image)]
        self._layers = [
            layer for layer in shown if layer not in study_layers(viewer, "scan", "cam")
        ]
        shapes = {layer.data.shape for layer in self._layers}
        if len(shapes) != 1 or len(next(iter(shapes))) not in (2, 3):
            raise McwssError(
                "a scan needs image layers of one shape with 2 or 3 axes, found "
                f"{', '.join(size_text(shape) for shape in sorted(shapes)) or 'none'}: "
                "open the channels of one scan and close the others"
            )
        self.setWindowTitle("Study of the open layers")
        self.channels = QLineEdit(", ".join(layer.name for layer in self._layers))
        self.classes = QLineEdit()
        self.classes.setPlaceholderText("what to look for, such as TC, ED")
        self.scan_name = QLineEdit("scan1")
        self.study_folder = QLineEdit()
        browse = QPushButton("Choose …")
        browse.clicked.connect(self._ask_folder)
        self.reason = QLabel("The layers are written as NIfTI into the study's folder.")
        self.reason.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.ok_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow("Channels", self.channels)
        form.addRow("Classes", self.classes)
        form.addRow("Name of the scan", self.scan_name)
        form.addRow("Study folder", self.study_folder)
        form.addRow("", browse)
        form.addRow(self.reason)
        form.addRow(buttons)

    def accept(self) -> None:
        """Write the layers and make the study; stay open and say so if that cannot be."""
        channels, name = names_in(self.channels.text()), self.scan_name.text().strip()
        text = self.study_folder.text().strip()
        try:
            if not text or len(channels) != len(self._layers):
                raise McwssError(
                    f"found {len(channels)} channel names for {len(self._layers)} layers and the "
                    f"folder {text!r}: name each layer's channel and a study folder"
                )
            folder = Path(text).expanduser()
            if (folder / STUDY_FILE).exists() or (folder / "scans").exists():
                raise McwssError(f"{folder} is in use: name a new folder for this study")
            classes = names_in(self.classes.text())
            check_names("scan", [name])
            check_names("channel", channels)
            check_names("class", classes)
            files = [folder / "scans" / name / f"{channel}.nii.gz" for channel in channels]
            for file, layer in zip(files, self._layers, strict=True):
                volume = np.asarray(layer.data, np.float32)
                volume = volume[None] if volume.ndim == 2 else volume
                place = {"metadata": layer.metadata, "scale": layer.scale}
                write_volume(file, volume, geometry_of(volume.shape, place), dtype=np.float32)
            self.study = Study.create(
                folder,
                scans={name: files},
                channels=channels,
                classes=classes,
            )
        except McwssError as error:
            self.reason.setText(str(error))
            return
        super().accept()

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the study")
        if folder:
            self.study_folder.setText(folder)
