"""The wheel scrolls a dock, whatever lies below the mouse."""

from collections.abc import Iterator

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_mcwss.plugin.shared.scrolling import scroll
from napari_mcwss.plugin.shared.sliders import ratio_slider

pytestmark = pytest.mark.gui


class Dock(QWidget):
    """A dock too small for a slider, a spin box, a list, and much else."""

    def __init__(self) -> None:
        super().__init__()
        inside = QWidget()
        layout = QVBoxLayout(inside)
        self.slider = ratio_slider(0.5, lambda _: None)
        self.spin = QDoubleSpinBox()
        self.spin.setValue(5)
        self.list = QComboBox()
        self.list.addItems(["a", "b", "c"])
        self.list.setCurrentIndex(1)
        self.beneath = QLabel()
        self.beneath.setMinimumHeight(2000)
        for widget in (self.slider, self.spin, self.list, self.beneath):
            layout.addWidget(widget)
        QVBoxLayout(self).addWidget(scroll(inside))
        self.resize(300, 300)

    @property
    def values(self) -> tuple[float, float, int]:
        return self.slider.value(), self.spin.value(), self.list.currentIndex()

    @property
    def scrolled(self) -> int:
        return self.findChild(QScrollArea).verticalScrollBar().value()


@pytest.fixture
def dock(qtbot) -> Iterator[Dock]:
    dock = Dock()
    qtbot.addWidget(dock)
    with qtbot.waitExposed(dock):
        dock.show()
    dock.beneath.setFocus()
    return dock


def turn_wheel(widget: QWidget) -> None:
    """Turn the wheel by a notch, down, over the middle of a widget."""
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        widget.mapToGlobal(middle),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


@pytest.mark.parametrize("name", ["slider", "spin", "list"])
def test_the_wheel_over_a_value_scrolls_and_leaves_it(dock, name):
    before = dock.values
    widget = getattr(dock, name)
    turn_wheel(widget.findChild(QSlider) or widget)
    assert dock.values == before
    assert dock.scrolled > 0


@pytest.mark.parametrize("name", ["spin", "list"])
def test_the_wheel_over_what_has_the_focus_changes_it(qtbot, dock, name):
    widget, before = getattr(dock, name), dock.values
    assert widget.focusPolicy() == Qt.FocusPolicy.StrongFocus, "the wheel itself brings no focus"
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)
    turn_wheel(widget)
    assert dock.values != before
    assert dock.scrolled == 0


def test_what_is_inside_cannot_be_squeezed(dock):
    inside = dock.findChild(QScrollArea).widget()
    assert inside.minimumHeight() >= dock.beneath.minimumHeight()
    dock.beneath.setMinimumHeight(3000)
    QApplication.processEvents()
    assert inside.minimumHeight() >= 3000


def test_a_dock_becomes_as_wide_as_a_line_that_grows(qtbot, dock):
    assert dock.minimumSizeHint().width() < 400
    dock.beneath.setText("a line that is " + "much " * 30 + "wider than the dock")
    wide = dock.beneath.sizeHint().width()
    qtbot.waitUntil(lambda: dock.minimumSizeHint().width() >= wide)
