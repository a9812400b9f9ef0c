"""The choice of masks: of a layer, of a model, corrected ones, or files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_mcwss.measurement.class_masks import class_masks
from napari_mcwss.measurement.sources import MaskSource
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.elided_combo_box import ElidedComboBox
from napari_mcwss.plugin.shared.layers import EMPTY, study_layers
from napari_mcwss.plugin.shared.typed_values import values_in
from napari_mcwss.segmentation.corrected import CORRECTED

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

NONE, FOLDER = "none", "folder of masks …"
BESIDE = "masks beside the scans …"

MakeSource = Callable[[], MaskSource]
"""Makes a source in another thread, as some load torch, which takes seconds."""


@dataclass(frozen=True)
class _Option:
    """An item of the list: its text, its kind, and the name or path of its masks."""

    text: str = field(compare=False)
    kind: str
    name: str = ""


class MaskChoice(ElidedComboBox):
    """Lists the masks of the scan on screen and of the study; none may be chosen if optional."""

    def __init__(self, session: Session, *, optional: bool) -> None:
        super().__init__()
        self._session, self._optional = session, optional
        self._folders: list[Path] = []
        self._beside: list[str] = []
        self._listed: list[_Option] = []
        self._proposed: _Option | None = None
        self.activated.connect(self._chosen)

    @property
    def option(self) -> _Option | None:
        """The chosen item, if any."""
        index = self.currentIndex()
        return self._listed[index] if 0 <= index < len(self._listed) else None

    def showPopup(self) -> None:  # noqa: N802 - Qt's name
        """List the masks that there are now, as layers may have been filled."""
        if self._session.known is not None:
            self._session.known.forget()
        self.refresh()
        super().showPopup()

    def refresh(self) -> None:
        """List the masks that there are now; the user's choice stays, if it is among them."""
        options = self._options()
        if [option.text for option in options] == [option.text for option in self._listed]:
            return
        before = self.option
        self._listed = options
        self.clear()
        self.addItems([option.text for option in options])
        if before in options and before != self._proposed:
            self.setCurrentIndex(options.index(before))
        elif options:
            # Until the user chooses, the first is proposed: the mask that is seen.
            self.setCurrentIndex(0)
            self._proposed = options[0]

    def forget(self) -> None:
        """Forget what was chosen for another study."""
        self._folders, self._beside, self._listed = [], [], []
        self.clear()

    def source(self, values: str) -> MakeSource | None:
        """Return what makes the chosen source, of a layer as it is now; None if none is chosen.

        `values` are those of the classes in a layer or in files, as ``TC=1,4 ED=2``; if empty, 1,
        2, ... in the order of the classes. If they cannot be read, it is a McwssError.
        """
        study, scan, option = self._session.study, self._session.scan, self.option
        if study is None or option is None or option.kind == NONE:
            return None
        given = values_in(values, study.class_names)
        if option.kind == "layer" and scan is not None:
            ours = study_layers(self._session.viewer, "mask")
            for layer in self._layers():
                if layer.name == option.name:
                    data = np.array(layer.data)
                    data = data[None] if data.ndim == 2 else data
                    made = partial(_of_layer, study, scan, option.name, data, given)
                    return partial(made, predicted=layer in ours)
        if option.kind == "model":
            return partial(MaskSource.of_model, study, option.name)
        if option.kind == CORRECTED:
            correcting = self._session.correcting
            correcting.save_painted()
            return partial(MaskSource.of_corrected, study, correcting.saving.unsaved(study))
        if option.kind in ("folder", "beside"):
            return partial(MaskSource.of_files, study, option.name, given)
        return None

    def _options(self) -> list[_Option]:
        study = self._session.study
        options = [_Option(NONE, NONE)] if self._optional else []
        if study is None:
            return options
        # What is seen comes first, the uppermost layer above all.
        layers = self._layers()[::-1]
        layers.sort(key=lambda layer: not layer.visible)
        for layer in layers:
            hidden = "" if layer.visible else " (hidden)"
            options.append(_Option(f"layer {layer.name}{hidden}", "layer", layer.name))
        known = self._session.known
        states = [] if known is None else known.states
        options += [_Option(f"model {state.label}", "model", state.name) for state in states]
        options.append(_Option("corrected masks", CORRECTED))
        recognised = self._recognised(study)
        whole = [path for name in recognised if (path := Path(name)).is_absolute()]
        folders = dict.fromkeys([*self._folders, *whole])
        options += [_Option(f"folder {path.name}", "folder", str(path)) for path in folders]
        names = [name for name in recognised if not Path(name).is_absolute()]
        beside = dict.fromkeys([*self._beside, *names])
        options += [_Option(f"{name} beside the scans", "beside", name) for name in beside]
        return [*options, _Option(BESIDE, BESIDE), _Option(FOLDER, FOLDER)]

    def _recognised(self, study: "Study") -> list[str]:
        """Name the masks that lie where data sets have them; of many, one for each class."""
        known = self._session.known
        return [
            name
            for name in ([] if known is None else known.masks)
            if len(Path(name).parts) == 1
            or Path(name).is_absolute()
            or Path(name).name in study.class_names
        ]

    def _layers(self) -> list[Labels]:
        """List the labels layers of the shape of the scan on screen, without emptied ones."""
        study, scan = self._session.study, self._session.scan
        if study is None or scan is None:
            return []
        shape = study.scan(scan).geometry.shape
        shapes = (shape, shape[1:]) if shape[0] == 1 else (shape,)
        layers = self._session.viewer.layers
        ours = study_layers(self._session.viewer, "mask")
        empty = [layer for layer in ours if layer.metadata.get(EMPTY)]
        return [
            layer
            for layer in layers
            if isinstance(layer, Labels)
            and tuple(layer.data.shape) in shapes
            and layer not in empty
        ]

    def _chosen(self, _: int) -> None:
        option, self._proposed = self.option, None
        if option is not None and option.kind == FOLDER:
            name = QFileDialog.getExistingDirectory(self, "Folder of masks, named after the scans")
            self.take_folder(Path(name) if name else None)
        elif option is not None and option.kind == BESIDE:
            name, _ = QInputDialog.getText(
                self, "Masks beside the scans", "Their name beside each scan's files, such as seg"
            )
            self.take_beside(name.strip() or None)

    def take_folder(self, path: Path | None) -> None:
        """Choose a folder of masks; if None, the first item of the list."""
        if path is not None and path not in self._folders:
            self._folders.append(path)
        self._choose("folder", None if path is None else str(path))

    def take_beside(self, name: str | None) -> None:
        """Choose the masks of a name beside the files of each scan; if None, the first item."""
        if name is not None and name not in self._beside:
            self._beside.append(name)
        self._choose("beside", name)

    def _choose(self, kind: str, name: str | None) -> None:
        self.refresh()
        if name is None:
            self.setCurrentIndex(0)
            self._proposed = self.option
        else:
            self.setCurrentIndex(self._listed.index(_Option("", kind, name)))


def _of_layer(
    study: "Study",
    scan: str,
    name: str,
    data: NDArray[np.integer],
    values: Mapping[str, Sequence[int | str]] | None,
    *,
    predicted: bool,
) -> MaskSource:
    def read(_: str) -> NDArray[np.bool_]:
        return class_masks(data, study.class_names, values)

    return MaskSource(name, scan.__eq__, read, predicted=predicted)
