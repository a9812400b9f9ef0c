"""Buttons that show and change the tags of the slice on screen."""

from collections.abc import Mapping

from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

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


class TagButton(QPushButton):  # type: ignore[misc]
    """Shows the tag of a class, and its keys if they are not empty; a click asks for the next tag.

    Attributes
    ----------
    tag_chosen : Signal
        Name of the class, and the tag.
    """

    tag_chosen = Signal(str, object)

    def __init__(self, spec: ClassSpec, key: str, absent_key: str) -> None:
        super().__init__(minimumHeight=44, clicked=self.advance)
        self.spec = spec
        self.key = key
        self.tag = Tag.UNKNOWN
        self.selected = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        colour = QPixmap(QSize(18, 18))
        colour.fill(QColor(spec.colour))
        self.setIcon(QIcon(colour))
        self.setToolTip(
            f"Click or press {key}: unknown, present, absent. {absent_key}: absent"
            if key
            else "Click: unknown, present, absent"
        )
        self.show_tag(None)

    def show_tag(self, tag: Tag | None) -> None:
        """Show a tag; None if there is no slice on screen."""
        self.tag = Tag.UNKNOWN if tag is None else tag
        mark, word = ("", "") if tag is None else MARKS[tag]
        edge = {Tag.PRESENT: "solid", Tag.ABSENT: "dashed"}.get(self.tag, "none")
        here = "▸ " if self.selected and tag is not None else "  "
        self.setText(f"{here}{self.key}   {self.spec.name}   {mark} {word}".rstrip())
        style = (
            "QPushButton { text-align: left; padding-left: 10px; font-size: 14px; "
            f"border: 2px {edge} {self.spec.colour}; }}"
        )
        # Setting a style takes a millisecond, even if it is the same.
        if style != self.styleSheet():
            self.setStyleSheet(style)

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
    """

    tag_chosen = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.selected: str | None = None
        self.buttons: list[TagButton] = []
        self._keys: Mapping[str, str] = DEFAULT_KEYS
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

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
            self._layout.addWidget(self.buttons[-1])
        self.select(classes[0].name if classes else None)

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
        self.tag_chosen.emit(class_name, tag)

    def press(self, number: int, tag: Tag | None = None) -> None:
        """Ask for a tag of the class with a number; by default, for the next tag."""
        if number <= len(self.buttons) and self.isEnabled():
            button = self.buttons[number - 1]
            self._choose(button.spec.name, button.tag.next if tag is None else tag)
