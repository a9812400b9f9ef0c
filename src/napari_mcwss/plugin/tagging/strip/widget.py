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
"""What Qt counts for one notch of a wheel."""

ZOOM = 1.25
"""How much wider one notch makes the columns."""

FOLLOW = 40
"""Milliseconds between two steps of a strip that is dragged beyond its end."""


@dataclass
class _Drag:
    """What the pressed button does; `row` is None along the numbers of slices."""

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
    """The tags of one scan at a glance; it asks for changes and makes none itself.

    A present tag is a tall block, an absent one a low line, an unknown one a
    dot; a flag above tells that a second reader differs, hatching what is only
    suggested. A click goes to a slice, a drag along a row asks to tag a range
    (the right button gives it up), a drag along the numbers above goes through
    the slices, as does the wheel; with Ctrl the wheel zooms.

    Parameters
    ----------
    theme : str
        Name of napari's theme.
    parent : QWidget, optional
        Of the strip.

    Attributes
    ----------
    slice_chosen : Signal
        Index of the slice to go to.
    range_chosen : Signal
        Index of a class, and of the first and last slice (both included) that were dragged over.
    class_selected : Signal
        Index of the class whose name was clicked; it is selected then.
    note : callable
        Gives what else the tooltip says of a slice and a class (by their indices), such as who
        tagged it and when; by default nothing.
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
        self._follow = QTimer(self)
        self._follow.setInterval(FOLLOW)
        self._follow.timeout.connect(self._follow_drag)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # All of it is painted: what lies behind need not be.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Tag strip")
        self.set_classes(())

    @property
    def selected_class(self) -> int | None:
        """Index of the selected class; None only where there are no classes."""
        return self._picture.selected

    @selected_class.setter
    def selected_class(self, index: int) -> None:
        if not 0 <= index < len(self._picture.classes):
            raise ValueError(f"class {index} where 0 to {len(self._picture.classes) - 1} exist")
        self._picture.selected = index
        self.update()

    def set_theme(self, theme: str) -> None:
        """Take over the colours of a napari theme."""
        self._picture.set_theme(theme)
        self.update()

    def set_classes(self, specs: Sequence[ClassSpec]) -> None:
        """Make the rows anew, without tags; a selected class stays so if it is still there."""
        picture = self._picture
        names = [spec.name for spec in specs]
        before = None if picture.selected is None else picture.classes[picture.selected].name
        picture.classes = tuple(specs)
        picture.selected = (names.index(before) if before in names else 0) if names else None
        self._lay_out()
        self.updateGeometry()
        self.set_tags(None)

    def set_tags(self, values: NDArray[np.int8] | None) -> None:
        """Show tags; only cells that change are drawn.

        Parameters
        ----------
        values : (slices, classes) array of int8, or None
            Values of `Tag`; copied. None where there is no scan. With None, and with
            another number of slices, disagreements and suggestions go too.

        Raises
        ------
        ValueError
            If there are more or fewer columns than classes.
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
        """Flag the tags on which a second reader differs.

        Parameters
        ----------
        where : (slices, classes) array of bool, or None
            Of the tags that are shown; copied.

        Raises
        ------
        ValueError
            If its shape is not that of the tags.
        """
        self._check(where)
        self._disagreements = None if where is None else where.copy()
        self._show_cells()

    def set_suggestions(self, probabilities: NDArray[np.floating] | None) -> None:
        """Show suggested tags where none is known.

        Parameters
        ----------
        probabilities : (slices, classes) array of float, or None
            That the class is present, NaN where nothing is suggested; copied.

        Raises
        ------
        ValueError
            If its shape is not that of the tags.
        """
        self._check(probabilities)
        self._suggestions = None if probabilities is None else probabilities.copy()
        self._show_cells()

    def set_slice(self, index: int | None) -> None:
        """Mark the slice on screen, and bring it in sight; None where there is none."""
        self._picture.current = index
        # Under a drag the columns must not run away from the pointer.
        self._picture.show_current(0 if self._drag else AHEAD)
        self.update()
        self._describe()

    def cell(self, slice_index: int, class_index: int) -> QRect:
        """Give where a cell lies in the widget; it may be out of sight."""
        return self._picture.cells(slice_index, slice_index, class_index)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Fit a narrow dock."""
        return QSize(300, self._picture.height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Leave room for all classes and some slices."""
        return QSize(160, self._picture.height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint what has changed."""
        if self._picture.scale != self.devicePixelRatioF():  # it came to another screen
            self._lay_out()
        painter = QPainter(self)
        painter.setOpacity(1 if self.isEnabled() else 0.5)
        self._picture.paint(painter, event.rect())
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Divide the new room."""
        super().resizeEvent(event)
        self._lay_out()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the font, which themes change too; give up what may no longer be asked for."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self._end_drag()
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._lay_out()
            self.updateGeometry()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Select a class, or begin what a click or a drag will do."""
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
        """Drag."""
        if self._drag is None:
            return
        self._drag.place = event.position().toPoint()
        if self._picture.beyond(self._drag.place.x()):
            self._follow.start()
        else:
            self._follow.stop()
        self._drag_on(self._drag)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask for what was clicked or dragged over."""
        drag = self._drag
        if drag is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._end_drag()
        if drag.row is not None and drag.begun:
            self.range_chosen.emit(drag.row, *drag.ends)
        elif drag.row is not None:
            self.slice_chosen.emit(drag.start)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Go through the slices; with Ctrl, zoom."""
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
        """Say what is under the pointer."""
        if event.type() == QEvent.Type.ToolTip:
            self._tell(event)
            return True
        return super().event(event)

    def _check(self, values: NDArray[Any] | None) -> None:
        shape = None if self._tags is None else self._tags.shape
        if values is not None and values.shape != shape:
            raise ValueError(f"array of shape {values.shape} where {shape} is expected")

    def _lay_out(self) -> None:
        self._picture.lay_out(self.size(), self.fontMetrics(), self.devicePixelRatioF())
        self.update()

    def _show_cells(self) -> None:
        codes = None
        if self._tags is not None:
            codes = cell_codes(self._tags, self._disagreements, self._suggestions)
        self.update(self._picture.show_cells(codes))

    def _describe(self) -> None:
        """Tell readers of the screen what there is to see."""
        tags, index = self._tags, self._picture.marked
        text = "No tags to show"
        if tags is not None:
            text = f"{len(tags)} slices"
            if index is not None:
                rows = zip(self._picture.classes, tags[index].tolist(), strict=True)
                words = ", ".join(f"{spec.name} {Tag(tag).name.lower()}" for spec, tag in rows)
                text = f"Slice {index} (0 to {len(tags) - 1}): {words}"
        self.setAccessibleDescription(text)

    def _drag_on(self, drag: _Drag) -> None:
        """Take in the place that the pointer has reached."""
        index = self._picture.index_at(drag.place.x())
        if drag.row is None:
            if index != drag.end:
                drag.end = index
                self.slice_chosen.emit(index)
            return
        # A hand that shakes in a click must not tag the slice beside it.
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
        """Scroll on while the pointer is held beyond an end of the cells."""
        if self._drag is not None:
            self._picture.scroll_by(self._picture.beyond(self._drag.place.x()))
            self.update()
            self._drag_on(self._drag)

    def _end_drag(self) -> None:
        self._drag = self._picture.dragged = None
        self._follow.stop()
        self.update()

    def _tell(self, event: QHelpEvent) -> None:
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
        """Say all that is known of a cell."""
        assert self._tags is not None
        tag = Tag(int(self._tags[index, row]))
        lines = [f"Slice {index}, {self._picture.classes[row].name}: {tag.name.lower()}"]
        if self._disagreements is not None and self._disagreements[index, row]:
            lines.append("The second reader differs")
        if self._suggestions is not None and not np.isnan(self._suggestions[index, row]):
            lines.append(f"Suggested: present with probability {self._suggestions[index, row]:.2f}")
        return "\n".join([*lines, self.note(index, row)]).rstrip()
