"""Spin boxes for volumes that classes are known to have."""

import math
from collections.abc import Mapping, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_mcwss.plugin.shared.scrolling import leave_wheel
from napari_mcwss.segmentation.masks.volume_ranges import VolumeRange

MOST = 10_000.0
"""Millilitres that a spin box goes to."""


class VolumeRanges(QWidget):  # type: ignore[misc]
    """At least and at most so many mL, for each class.

    Attributes
    ----------
    changed : Signal
        Other ranges are set.
    limits : dict
        Class to its two spin boxes; 0 stands for any volume.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.limits: dict[str, tuple[QDoubleSpinBox, QDoubleSpinBox]] = {}
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    @property
    def ranges(self) -> dict[str, VolumeRange]:
        """The ranges of the classes that have one."""
        return {
            name: VolumeRange(least.value(), most.value() or math.inf)
            for name, (least, most) in self.limits.items()
            if least.value() or most.value()
        }

    def set_classes(self, names: Sequence[str]) -> None:
        """Show these classes; ranges of others are forgotten."""
        if tuple(names) == tuple(self.limits):
            return
        while (item := self._layout.takeAt(0)) is not None:
            item.widget().deleteLater()
        self.limits = {name: (_limit(), _limit()) for name in names}
        headings = ("with the classes inside it", "at least (mL)", "at most (mL)")
        for column, heading in enumerate(headings):
            self._layout.addWidget(QLabel(heading), 0, column)
        for row, (name, (least, most)) in enumerate(self.limits.items(), 1):
            self._layout.addWidget(QLabel(name), row, 0)
            self._layout.addWidget(least, row, 1)
            self._layout.addWidget(most, row, 2)
            least.setToolTip(f"In no scan that holds {name} is there less of it; 0 for any")
            most.setToolTip(f"In no scan is there more {name}; 0 for any")
            least.valueChanged.connect(lambda _, pair=(least, most): self._keep_order(*pair))
            most.valueChanged.connect(lambda _, pair=(most, least): self._keep_order(*pair))

    def set_ranges(self, ranges: Mapping[str, VolumeRange]) -> None:
        """Set these ranges, and no others; those of unknown classes are left out."""
        self.blockSignals(True)
        for name, (least, most) in self.limits.items():
            found = ranges.get(name, VolumeRange())
            most.setValue(0)
            least.setValue(found.at_least)
            most.setValue(found.at_most if found.at_most < math.inf else 0)
        self.blockSignals(False)
        self.changed.emit()

    def _keep_order(self, set_now: QDoubleSpinBox, other: QDoubleSpinBox) -> None:
        """Take the other limit along where nothing would lie between the two."""
        least, most = next(pair for pair in self.limits.values() if set_now in pair)
        if 0 < most.value() < least.value():
            other.blockSignals(True)
            other.setValue(set_now.value())
            other.blockSignals(False)
        self.changed.emit()


def _limit() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(2)
    box.setRange(0, MOST)
    box.setSpecialValueText("any")
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)  # for which there is no room
    # A typed number counts when it is whole.
    box.setKeyboardTracking(False)
    leave_wheel(box)
    return box
