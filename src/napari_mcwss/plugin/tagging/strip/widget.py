"""A strip that shows all tags of a scan: a row for each class, a column for each slice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QSizePolicy, QToolTip, QWidget

from napari_mcwss.plugin.tagging.strip.cells import cell_codes
from napari_mcwss.plugin.tagging.strip.painting import AHEAD, StripPicture
from napari_mcwss.study.description import ClassSpec
from napari_mcwss.tags.table import Tag

NOTCH = 120
"""Qt's angle for one notch of a wheel."""

ZOOM = 1.25
"""Factor of the width of columns for one notch."""

FOLLOW = 40
"""Milliseconds between two scrolls while the pointer is held beyond an end."""


@dataclass
class _Drag:
    """A drag of the mouse; `row` is None on the axis."""

    row: int | None
    start: int
    end: int
    pressed: QPoint
    place: QPoint
    begun: bool = False

    @property
    def ends(self) -> tuple[int, int]:
        return min(self.start, self.end), max(self.start, self.end)


class TagStrip(QWidget):  # type: ignore[misc]
    """Shows all tags of a scan, with disagreements and suggestions; asks for changes by signals.

    A click goes to a slice. A drag along a row asks to tag a range; the right button cancels it. A
    drag along the axis and the wheel go through the slices. The wheel with Ctrl zooms.

    Parameters
    ----------
    theme : str
        Name of napari's theme.
    parent : QWidget, optional
        The parent widget.

    Attributes
    ----------
    slice_chosen : Signal
        Index of the slice to go to.
    range_chosen : Signal
        Index of a class, first and last slice (both included) of a drag.
    class_selected : Signal
        Index of the class whose name was clicked.
    note : callable
        Returns more text for the tooltip of a slice and a class (indices), such as who tagged it;
        by default, none.
    """

    slice_chosen = Signal(int)
    range_chosen = Signal(int, int, int)
    class_selected = Signal(int)

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.note: Callable[[int, int], str] = lambda _slice, _class: ""
        self._picture = StripPicture(theme)
        self._tags: NDArray[np.int8] | None = None
        self._disagreements: NDArray[np.bool_] | None = None
        self._suggestions: NDArray[np.floating] | None = None
        self._drag: _Drag | None = None
        self._turned = 0
        self._follow = QTimer(self, interval=FOLLOW)
        self._follow.timeout.connect(self._follow_drag)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # The strip paints all of its area, so Qt need not paint the background.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Tag strip")
        self.set_classes(())

    @property
    def selected_class(self) -> int | None:
        """Index of the selected class; None only if there are no classes."""
        return self._picture.selected

    @selected_class.setter
    def selected_class(self, index: int) -> None:
        if not 0 <= index < len(self._picture.classes):
            raise ValueError(f"class {index} where 0 to {len(self._picture.classes) - 1} exist")
        self._picture.selected = index
        self.update()

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        self._picture.set_theme(theme)
        self.update()

    def set_classes(self, specs: Sequence[ClassSpec]) -> None:
        """Replace the rows, without tags; a class that remains stays selected."""
        picture = self._picture
        names = [spec.name for spec in specs]
        before = None if picture.selected is None else picture.classes[picture.selected].name
        picture.classes = tuple(specs)
        picture.selected = (names.index(before) if before in names else 0) if names else None
        self._lay_out()
        self.updateGeometry()
        self.set_tags(None)

    def set_tags(self, values: NDArray[np.int8] | None) -> None:
        """Show tags; draw only cells that change.

        Parameters
        ----------
        values : (slices, classes) array of int8, or None
            Values of `Tag`, copied; None without a scan. If the shape changes, disagreements and
            suggestions are dropped.

        Raises
        ------
        ValueError
            If the number of columns is not that of the classes.
        """
        expected = len(self._picture.classes)
        if values is not None and (values.ndim != 2 or values.shape[1] != expected):
            raise ValueError(f"tags of shape {values.shape} where (slices, {expected}) is expected")
        if values is None or self._tags is None or values.shape != self._tags.shape:
            self._disagreements = self._suggestions = None
            self._end_drag()
        self._tags = None if values is None else values.copy()
        self._show_cells()
        self._describe()

    def set_disagreements(self, where: NDArray[np.bool_] | None) -> None:
        """Flag the tags on which a second reader disagrees.

        Parameters
        ----------
        where : (slices, classes) array of bool, or None
            Copied; a ValueError is raised if the shape is not that of the tags.
        """
        self._disagreements = self._copied(where)
        self._show_cells()

    def set_suggestions(self, probabilities: NDArray[np.floating] | None) -> None:
        """Show suggestions where the tag is unknown.

        Parameters
        ----------
        probabilities : (slices, classes) array of float, or None
            Probability that the class is present, NaN where nothing is suggested. Copied; a
            ValueError is raised if the shape is not that of the tags.
        """
        self._suggestions = self._copied(probabilities)
        self._show_cells()

    def set_slice(self, index: int | None) -> None:
        """Mark the slice on screen, or none, and scroll to it."""
        self._picture.current = index
        # During a drag, the columns must not move away from the pointer.
        self._picture.show_current(0 if self._drag else AHEAD)
        self.update()
        self._describe()

    def cell(self, slice_index: int, class_index: int) -> QRect:
        """Return the area of a cell, which may be out of sight."""
        return self._picture.cells(slice_index, slice_index, class_index)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Fit a narrow dock."""
        return QSize(300, self._picture.height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Fit all classes and some slices."""
        return QSize(160, self._picture.height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the area that has changed."""
        if self._picture.scale != self.devicePixelRatioF():  # moved to another screen
            self._lay_out()
        painter = QPainter(self)
        painter.setOpacity(1 if self.isEnabled() else 0.5)
        self._picture.paint(painter, event.rect())
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Lay out the new size."""
        super().resizeEvent(event)
        self._lay_out()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the font, which themes change too; cancel a drag once disabled."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self._end_drag()
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._lay_out()
            self.updateGeometry()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Select a class, or start a click or a drag."""
        place = event.position().toPoint()
        row = self._picture.row_at(place.y())
        if event.button() != Qt.MouseButton.LeftButton:
            self._end_drag()
        elif self._picture.in_names(place.x()):
            if row is not None:
                self.selected_class = row
                self.class_selected.emit(row)
        elif self._tags is not None and len(self._tags):
            index = self._picture.index_at(place.x())
            self._drag = _Drag(row, index, index, place, place)
            if row is None:
                self.slice_chosen.emit(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Continue a drag, and scroll beyond an end of the cells."""
        if self._drag is None:
            return
        self._drag.place = event.position().toPoint()
        if self._picture.beyond(self._drag.place.x()):
            self._follow.start()
        else:
            self._follow.stop()
        self._drag_on(self._drag)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask for the slice that was clicked, or the range that was dragged over."""
        drag = self._drag
        if drag is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._end_drag()
        if drag.row is not None and drag.begun:
            self.range_chosen.emit(drag.row, *drag.ends)
        elif drag.row is not None:
            self.slice_chosen.emit(drag.start)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Go through the slices, or zoom with Ctrl."""
        event.accept()
        self._turned += event.angleDelta().y() or event.angleDelta().x()
        notches = int(self._turned / NOTCH)
        self._turned -= notches * NOTCH
        current = self._picture.marked
        if not notches or self._tags is None:
            return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._picture.zoom(ZOOM**notches, event.position().x())
            self.update()
        elif current is not None:
            index = min(max(current - notches, 0), len(self._tags) - 1)
            if index != current:
                self.slice_chosen.emit(index)

    def event(self, event: QEvent) -> Any:
        """Show a tooltip for the cell or the name under the pointer."""
        if event.type() == QEvent.Type.ToolTip:
            self._show_tooltip(event)
            return True
        return super().event(event)

    def _copied(self, values: NDArray[Any] | None) -> NDArray[Any] | None:
        shape = None if self._tags is None else self._tags.shape
        if values is not None and values.shape != shape:
            raise ValueError(f"array of shape {values.shape} where {shape} is expected")
        return None if values is None else values.copy()

    def _lay_out(self) -> None:
        self._picture.lay_out(self.size(), self.fontMetrics(), self.devicePixelRatioF())
        self.update()

    def _show_cells(self) -> None:
        codes = None
        if self._tags is not None:
            codes = cell_codes(self._tags, self._disagreements, self._suggestions)
        self.update(self._picture.show_cells(codes))

    def _describe(self) -> None:
        """Update the text for screen readers."""
        tags, index = self._tags, self._picture.marked
        text = "No tags to show"
        if tags is not None:
            text = f"{len(tags)} slices" if len(tags) > 1 else "1 picture"
            if index is not None:
                rows = zip(self._picture.classes, tags[index].tolist(), strict=True)
                words = ", ".join(f"{spec.name} {Tag(tag).name.lower()}" for spec, tag in rows)
                many = len(tags) > 1
                text = f"Slice {index} (0 to {len(tags) - 1}): {words}" if many else words
        self.setAccessibleDescription(text)

    def _drag_on(self, drag: _Drag) -> None:
        """Extend the drag to the position of the pointer."""
        index = self._picture.index_at(drag.place.x())
        if drag.row is None:
            if index != drag.end:
                drag.end = index
                self.slice_chosen.emit(index)
            return
        # A click of a shaking hand must not tag the next slice.
        distance = (drag.place - drag.pressed).manhattanLength()
        drag.begun |= distance >= QApplication.startDragDistance()
        if drag.begun:
            drag.end = index
            first, last = drag.ends
            self._picture.dragged = (drag.row, first, last)
            self.update()
            text = f"{self._picture.classes[drag.row].name}: slices {first} to {last}"
            QToolTip.showText(self.mapToGlobal(drag.place), text, self)

    def _follow_drag(self) -> None:
        """Scroll while the pointer is held beyond an end of the cells."""
        if self._drag is not None:
            self._picture.scroll_by(self._picture.beyond(self._drag.place.x()))
            self.update()
            self._drag_on(self._drag)

    def _end_drag(self) -> None:
        self._drag = self._picture.dragged = None
        self._follow.stop()
        self.update()

    def _show_tooltip(self, event: QHelpEvent) -> None:
        place, picture = event.pos(), self._picture
        row = picture.row_at(place.y())
        if row is not None and picture.in_names(place.x()):
            text = picture.classes[row].name
            QToolTip.showText(event.globalPos(), text, self, picture.name(row))
        elif row is not None and self._tags is not None and len(self._tags):
            index = picture.index_at(place.x())
            text = self._words(index, row)
            QToolTip.showText(event.globalPos(), text, self, self.cell(index, row))
        else:
            QToolTip.hideText()

    def _words(self, index: int, row: int) -> str:
        """Return the text of the tooltip of a cell."""
        assert self._tags is not None
        tag = Tag(int(self._tags[index, row]))
        place = f"Slice {index}, " if len(self._tags) > 1 else ""
        lines = [f"{place}{self._picture.classes[row].name}: {tag.name.lower()}"]
        if self._disagreements is not None and self._disagreements[index, row]:
            lines.append("The second reader differs")
        if self._suggestions is not None and not np.isnan(self._suggestions[index, row]):
            lines.append(f"Suggested: present with probability {self._suggestions[index, row]:.2f}")
        return "\n".join([*lines, self.note(index, row)]).rstrip()
