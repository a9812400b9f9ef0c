"""Buttons that show and change the tags of the slice on screen."""

from collections.abc import Mapping

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap, QResizeEvent
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_mcwss.plugin.tagging.key_table import (
    DEFAULT_KEYS,
    absent_action,
    class_action,
    key_text,
)
from napari_mcwss.study.study import ClassSpec
from napari_mcwss.tags.table import Tag

MARKS = {
    Tag.PRESENT: ("●", "present"),
    Tag.ABSENT: ("○", "absent"),
    Tag.UNKNOWN: ("?", "unknown"),
}
"""A shape and a word for each tag, so that no tag is told by its colour alone."""


HEIGHT = 28
"""Pixels of a button: six classes fit a low screen, and a finger still finds them."""

LONGEST = 190
"""Most pixels of the name of a class before it is shortened in the middle."""


class TagButton(QPushButton):  # type: ignore[misc]
    """Shows the tag of a class, and its keys if they are not empty; a click asks for the next tag.

    Attributes
    ----------
    tag_chosen : Signal
        Name of the class, and the tag.
    """

    tag_chosen = Signal(str, object)

    def __init__(self, spec: ClassSpec, key: str, absent_key: str) -> None:
        super().__init__(clicked=self.advance)
        self.spec = spec
        self.key = key
        self.tag = Tag.UNKNOWN
        self.selected = False
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        colour = QPixmap(QSize(18, 18))
        colour.fill(QColor(spec.colour))
        self.setIcon(QIcon(colour))
        self.setToolTip(
            f"{spec.name}. Click or press {key}: unknown, present, absent. {absent_key}: absent"
            if key
            else f"{spec.name}. Click: unknown, present, absent"
        )
        self.show_tag(None)

    def show_tag(self, tag: Tag | None) -> None:
        """Show a tag; None if there is no slice on screen."""
        self.tag = Tag.UNKNOWN if tag is None else tag
        edge = {Tag.PRESENT: "solid", Tag.ABSENT: "dashed"}.get(self.tag, "none")
        style = (
            "QPushButton { text-align: left; padding-left: 8px; font-size: 14px; "
            f"border: 2px {edge} {self.spec.colour}; }}"
        )
        # Setting a style takes a millisecond, even if it is the same.
        if style != self.styleSheet():
            self.setStyleSheet(style)
        self.setText(self._text(tag))

    def _text(self, tag: Tag | None) -> str:
        mark, word = ("", "") if tag is None else MARKS[tag]
        here = "▸" if self.selected and tag is not None else "  "
        middle = Qt.TextElideMode.ElideMiddle
        name = self.fontMetrics().elidedText(self.spec.name, middle, LONGEST)
        return f"{here} {self.key}  {name}  {mark} {word}".rstrip()

    @property
    def widest(self) -> int:
        """The width in pixels that the button needs, whatever its tag is."""
        self.ensurePolished()
        of = self.fontMetrics().horizontalAdvance
        longest = max(of(self._text(tag)) for tag in Tag) + of("▸")
        return int(self.sizeHint().width() - of(self.text()) + longest)

    def advance(self) -> None:
        """Ask for the next tag."""
        if self.isEnabled():
            self.tag_chosen.emit(self.spec.name, self.tag.next)


class TagButtons(QWidget):  # type: ignore[misc]
    """A `TagButton` for each class.

    Attributes
    ----------
    tag_chosen : Signal
        Name of the class, and the tag.
    selected : str or None
        The class that ranges are tagged for: the one tagged last, marked by an arrow.
    shown : Signal
        The button of a class that was tagged, to be scrolled to.
    """

    tag_chosen = Signal(str, object)
    shown = Signal(QWidget)

    def __init__(self) -> None:
        super().__init__()
        self.selected: str | None = None
        self.buttons: list[TagButton] = []
        self._keys: Mapping[str, str] = DEFAULT_KEYS
        self._columns = 0
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)

    def set_classes(self, classes: tuple[ClassSpec, ...]) -> None:
        """Replace the buttons."""
        for button in self.buttons:
            self._layout.removeWidget(button)
            button.deleteLater()
        self.buttons = []
        for number, spec in enumerate(classes, 1):
            keys = (self._keys.get(name(number), "") for name in (class_action, absent_action))
            self.buttons.append(TagButton(spec, *map(key_text, keys)))
            self.buttons[-1].tag_chosen.connect(self._choose)
        self.select(classes[0].name if classes else None)
        self._columns = 0
        self._lay_out()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Use the width: many classes need two columns on a low screen."""
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        widest = max((button.widest for button in self.buttons), default=0)
        columns = 2 if self.width() >= 2 * widest + self._layout.spacing() else 1
        if columns == self._columns:
            return
        self._columns, rows = columns, -(-len(self.buttons) // columns)
        for index, button in enumerate(self.buttons):
            # The width of a single column, as the layout is narrowed only if both would fit.
            button.setMinimumWidth(widest if columns == 1 else 0)
            self._layout.addWidget(button, index % rows, index // rows)
        self._layout.setColumnStretch(0, 1)
        self._layout.setColumnStretch(1, columns - 1)

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Show other keys on the buttons."""
        selected, self._keys = self.selected, keys
        self.set_classes(tuple(button.spec for button in self.buttons))
        self.select(selected)

    def select(self, class_name: str | None) -> None:
        """Choose the class that ranges are tagged for."""
        self.selected = class_name
        for button in self.buttons:
            button.selected = button.spec.name == class_name

    def _choose(self, class_name: str, tag: Tag) -> None:
        self.select(class_name)
        self.shown.emit(next(b for b in self.buttons if b.spec.name == class_name))
        self.tag_chosen.emit(class_name, tag)

    def press(self, number: int, tag: Tag | None = None) -> None:
        """Ask for a tag of the class with a number; by default, for the next tag."""
        if number <= len(self.buttons) and self.isEnabled():
            button = self.buttons[number - 1]
            self._choose(button.spec.name, button.tag.next if tag is None else tag)
