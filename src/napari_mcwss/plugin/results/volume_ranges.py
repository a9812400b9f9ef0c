"""Spin boxes for the known volumes of classes."""

import math
from collections.abc import Mapping, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_mcwss.plugin.shared.scrolling import leave_wheel
from napari_mcwss.segmentation.masks.volume_ranges import VolumeRange

MOST = 10_000.0
"""Upper end of the spin boxes, in mL."""


class VolumeRanges(QWidget):  # type: ignore[misc]
    """The least and the most volume of each class in mL; 0 stands for any volume."""

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
        """Show these classes, without ranges."""
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
            least.setToolTip(f"No scan with {name} has less of it; 0 for any volume")
            most.setToolTip(f"No scan has more {name}; 0 for any volume")
            least.valueChanged.connect(lambda _, pair=(least, most): self._keep_order(*pair))
            most.valueChanged.connect(lambda _, pair=(most, least): self._keep_order(*pair))

    def set_ranges(self, ranges: Mapping[str, VolumeRange]) -> None:
        """Show these ranges and no others, except those of unknown classes."""
        for name, (least, most) in self.limits.items():
            wanted = ranges.get(name, VolumeRange())
            most.setValue(0)
            least.setValue(wanted.at_least)
            most.setValue(wanted.at_most if wanted.at_most < math.inf else 0)

    def _keep_order(self, set_now: QDoubleSpinBox, other: QDoubleSpinBox) -> None:
        """Move the other limit too, if at least would exceed at most."""
        least, most = next(pair for pair in self.limits.values() if set_now in pair)
        if 0 < most.value() < least.value():
            with signals_blocked(other):
                other.setValue(set_now.value())
        self.changed.emit()


def _limit() -> QDoubleSpinBox:
    box = QDoubleSpinBox(
        decimals=2,
        maximum=MOST,
        specialValueText="any",
        buttonSymbols=QDoubleSpinBox.ButtonSymbols.NoButtons,  # there is no room for buttons
        keyboardTracking=False,  # a typed number counts when it is complete
    )
    leave_wheel(box)
    return box
