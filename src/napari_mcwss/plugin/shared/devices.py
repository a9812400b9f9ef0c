"""A list of devices that looks for them only when it is opened."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_mcwss.plugin.shared.latest import Latest

if TYPE_CHECKING:
    from napari_mcwss.model.devices import Device

Found = tuple[list["Device"], list[str]]
"""Devices, and why others are missing."""


class DeviceChoice(QComboBox):  # type: ignore[misc]
    """Where to train: ``auto``, ``cpu``, and the GPUs of this machine.

    The search loads torch, which takes seconds: it runs in the background when the list is first
    opened, and `found` tells its end. Items that cannot be chosen tell why GPUs are missing.
    """

    found = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for name in ("auto", "cpu"):
            self.addItem(name, (name, 1))
        self.setToolTip("auto: CUDA if there is one, else Apple's mps, else the CPU")
        # Names of GPUs are long, docks are narrow.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self._search = Latest(self, "search for devices")
        self._search.answered.connect(self._add)
        self._asked = False

    @property
    def device(self) -> str:
        """The chosen device, as in `TrainingConfig.device`."""
        return str(self.currentData()[0])

    @property
    def ranks(self) -> int:
        """The number of processes, one for each GPU."""
        return int(self.currentData()[1])

    def showPopup(self) -> None:  # noqa: N802 - Qt's name
        """Open the list, and look for devices if it is the first time."""
        if not self._asked:
            self._asked = True
            self._search.ask(_find_devices)
        super().showPopup()

    def _add(self, found: Found) -> None:
        devices, missing = found
        for name, text in devices:
            if name != "cpu":
                self.addItem(f"{text} ({name})", (name, 1))
        gpus = [name for name, _ in devices if name.startswith("cuda")]
        if len(gpus) > 1:
            self.addItem(f"all {len(gpus)} GPUs", ("cuda", len(gpus)))
        for reason in missing:
            self.addItem(reason)
            self.model().item(self.count() - 1).setEnabled(False)
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0))
        self.found.emit()


def _find_devices() -> Found:
    from napari_mcwss.model.devices import list_devices, missing_devices

    return list_devices(), missing_devices()
