"""A choice of devices that looks for them only when it is opened."""

from collections.abc import Generator

from qtpy.QtWidgets import QComboBox, QWidget

from napari_mcwss.plugin.background import Background, Job, Outcome


class DeviceChoice(QComboBox):  # type: ignore[misc]
    """Where to train: ``auto``, ``cpu``, and what this machine has beside.

    Finding out means loading torch, some seconds: it happens beside the
    screen, and only when somebody looks.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItems(["auto", "cpu"])
        self.setToolTip("auto: CUDA if there is one, else Apple's mps, else the CPU")
        self._background = Background(self)
        self._background.ended.connect(self._add)
        self._asked = False

    def showPopup(self) -> None:  # noqa: N802 - Qt's name
        """Open the list, and look for devices the first time."""
        if not self._asked:
            self._asked = True
            self._background.start(Job("search for devices", _find_devices, lambda _: False))
        super().showPopup()

    def _add(self, outcome: Outcome) -> None:
        if outcome.value:
            self.addItems(outcome.value)


def _find_devices() -> Generator[None, None, list[str]]:
    import torch

    yield  # a moment to cancel: loading took the time
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*found, "mps"] if torch.backends.mps.is_available() else found
