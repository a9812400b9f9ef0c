"""Tag strips to be looked at and worked with."""

from dataclasses import dataclass, field

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt
from qtpy.QtGui import QColor, QHelpEvent, QImage, QWheelEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.study.description import PALETTE, ClassSpec

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
CONTROL, PLAIN = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier
PATIENCE = 30_000
TEXT = get_theme("dark").text.as_hex()


@dataclass
class Asked:
    """What a strip has asked for so far."""

    slices: list[int] = field(default_factory=list)
    ranges: list[tuple[int, int, int]] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)


class PaintedAreas(QObject):
    """Notes what of a widget is painted."""

    def __init__(self) -> None:
        super().__init__()
        self.areas: list[QRect] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Paint:
            self.areas.append(event.region().boundingRect())
        return False


def specs(count: int) -> list[ClassSpec]:
    names = ["TC", "ED", "cyst", "midline shift", *(f"finding {n}" for n in range(5, 11))]
    return [ClassSpec(name=names[n], colour=PALETTE[n % len(PALETTE)]) for n in range(count)]


def unknown(slices: int, classes: int) -> np.ndarray:
    return np.full((slices, classes), -1, np.int8)


def watch(strip: TagStrip) -> Asked:
    """Go to the slices that the strip asks for, as the dock does, and note all."""
    asked = Asked()
    strip.slice_chosen.connect(strip.set_slice)
    strip.slice_chosen.connect(asked.slices.append)
    strip.range_chosen.connect(lambda *what: asked.ranges.append(what))
    strip.class_selected.connect(asked.classes.append)
    return asked


def picture(strip: TagStrip, place: QRect | None = None) -> np.ndarray:
    """Return the colours that are seen, (y, x, 3)."""
    image = strip.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    rows = rows.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
    colours = rows.reshape(image.height(), image.width(), 3).astype(int)
    if place is None:
        return colours
    return colours[place.top() : place.bottom() + 1, place.left() : place.right() + 1]


def cell(strip: TagStrip, index: int, row: int) -> np.ndarray:
    return picture(strip, strip.cell(index, row))


def rgb(colour: str) -> list[int]:
    return [*QColor(colour).getRgb()[:3]]


def share(pixels: np.ndarray, colour: str) -> float:
    """Return the part of pixels that have a colour."""
    return float((pixels == rgb(colour)).all(-1).mean())


def luminance(colour: np.ndarray) -> float:
    parts = colour / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Return the contrast of two colours as the WCAG defines it."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def middle(strip: TagStrip, index: int, row: int) -> QPoint:
    return strip.cell(index, row).center()


def on_axis(strip: TagStrip, index: int) -> QPoint:
    return QPoint(strip.cell(index, 0).center().x(), 5)


def drag(qtbot, strip: TagStrip, *places: QPoint) -> None:
    qtbot.mousePress(strip, LEFT, pos=places[0])
    for place in places[1:]:
        qtbot.mouseMove(strip, place)
    qtbot.mouseRelease(strip, LEFT, pos=places[-1])


def turn(strip: TagStrip, angle: int, modifiers=PLAIN, place: QPoint | None = None) -> None:
    """Turn the wheel; 120 is a notch, away from the user."""
    place = place or strip.rect().center()
    event = QWheelEvent(
        QPointF(place),
        QPointF(strip.mapToGlobal(place)),
        QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(strip, event)


def tooltip(strip: TagStrip, place: QPoint) -> str:
    help_event = QHelpEvent(QEvent.Type.ToolTip, place, strip.mapToGlobal(place))
    QApplication.sendEvent(strip, help_event)
    return QToolTip.text()
