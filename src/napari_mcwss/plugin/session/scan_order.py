"""The order in which scans are listed, and whether their names are shown."""

import hashlib
import re

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from napari_mcwss.study.study import Study


class ScanOrder(QObject):  # type: ignore[misc]
    """The order and the names in which a reader sees the scans of a study.

    Attributes
    ----------
    changed : Signal
        The order or the names have changed.
    names : tuple of str
        The scans of the study in the order on screen.
    shuffled : bool
        Whether the order looks random.
    blind : bool
        Whether names are hidden.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.shuffled = False
        self.blind = False
        self._listed: tuple[str, ...] = ()
        self._seed = ""
        self._labels: dict[str, str] = {}

    def show_study(self, study: Study | None) -> None:
        """List the scans of a study."""
        self._listed = () if study is None else study.scan_names
        # Each reader has their own order, the same every day.
        self._seed = "" if study is None else f"{study.folder.name}\n{study.tags.reader}"
        self._arrange()

    def set_shuffled(self, shuffled: bool) -> None:
        """Shuffle the scans, or list them as the study does."""
        self.shuffled = shuffled
        self._arrange()
        self.changed.emit()

    def set_blind(self, blind: bool) -> None:
        """Hide the names of the scans, or show them."""
        self.blind = blind
        self.changed.emit()

    def label(self, scan: str) -> str:
        """Return the name of a scan on screen."""
        return self._labels.get(scan, "Scan") if self.blind else scan

    def hide(self, text: str) -> str:
        """Replace the names of scans in a message, such as one with a path, if they are hidden."""
        if not (self.blind and self._labels):
            return text
        longest_first = sorted(self._labels, key=len, reverse=True)
        names = "|".join(map(re.escape, longest_first))
        # `_` ends a name, as in the file `name_t1.nii`.
        return re.sub(
            rf"(?<![^\W_])(?:{names})(?![^\W_])", lambda match: self._labels[match.group()], text
        )

    def _arrange(self) -> None:
        self.names = self._listed
        if self.shuffled:
            # By a key of each scan, so that scans added later do not change the order of others.
            self.names = tuple(sorted(self._listed, key=self._key))
        self._labels = {name: f"Scan {number}" for number, name in enumerate(self.names, 1)}

    def _key(self, scan: str) -> str:
        return hashlib.sha256(f"{self._seed}\n{scan}".encode()).hexdigest()


class ScanOrderBoxes(QWidget):  # type: ignore[misc]
    """Check boxes for the order of scans."""

    def __init__(self, order: ScanOrder) -> None:
        super().__init__()
        self.shuffled = QCheckBox("Shuffled")
        self.shuffled.setToolTip("List scans in a random order, always the same for this study")
        self.blind = QCheckBox("Blind")
        self.blind.setToolTip("Hide the names of the scans")
        self.shuffled.setChecked(order.shuffled)
        self.blind.setChecked(order.blind)
        self.shuffled.toggled.connect(order.set_shuffled)
        self.blind.toggled.connect(order.set_blind)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.shuffled)
        layout.addWidget(self.blind)
        layout.addStretch(1)
