"""Sliders for ratios."""

from collections.abc import Callable

from qtpy.QtCore import Qt
from superqt import QLabeledDoubleSlider


def ratio_slider(value: float, changed: Callable[[float], None]) -> QLabeledDoubleSlider:
    """Make a slider from 0 to 1 that calls a function at each change of its value."""
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 1)
    slider.setSingleStep(0.01)
    slider.setValue(value)
    slider.valueChanged.connect(changed)
    return slider
