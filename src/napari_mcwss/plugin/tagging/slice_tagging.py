"""Tagging of the slice on screen: strip, buttons and keys."""

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.utils.notifications import show_info
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QWidget

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.rows import open_dialog, side_by_side, stack
from napari_mcwss.plugin.tagging.buttons import MARKS, TagButtons
from napari_mcwss.plugin.tagging.key_table import (
    NUMBERS,
    absent_action,
    class_action,
    help_text,
    key_text,
)
from napari_mcwss.plugin.tagging.keys import TagKeys
from napari_mcwss.plugin.tagging.preferences import UserPreferences
from napari_mcwss.plugin.tagging.preferences_dialog import PreferencesDialog
from napari_mcwss.plugin.tagging.saved_line import SavedLine
from napari_mcwss.plugin.tagging.scan_list import tagged_text
from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.plugin.tagging.undo import Undoing
from napari_mcwss.study.description import ClassSpec
from napari_mcwss.tags import editing
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.table import Tag, TagTable

KEYS_ON_BUTTONS = {"None here": "nothing_here", "Next open": "confirm"}
KEYS_IN_TOOLTIPS = {"Undo": "undo", "Redo": "redo"}
"""Names of buttons that show a key, to its action in the table of keys."""

SWITCH = "Tagging"

Editing = Callable[[TagTable, int], list[Change]]
"""Returns changes of a scan's tags, given the slice on screen."""


class SliceTagging(QWidget):  # type: ignore[misc]
    """Shows the tags of the slice on screen, and changes them by click and by key.

    Attributes
    ----------
    foot : QWidget
        Buttons that tag many at once, and messages; to be placed elsewhere.
    next_scan_wanted : Signal
        The user asks for the next scan with unknown tags.
    accept_wanted, doubtful_wanted : Signal
        The user asks to accept what is suggested on this slice, or for the next doubtful slice.
    """

    next_scan_wanted = Signal()
    accept_wanted = Signal()
    doubtful_wanted = Signal()

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = Session.of(napari_viewer)
        self._range_start: tuple[str, int] | None = None
        self._usable = self._in_sight = False
        self.preferences = UserPreferences(self)
        self.preferences.changed.connect(self._take_preferences)
        self.undoing = Undoing(self, self.session)
        self._make_widgets()
        self.keys = TagKeys(self, self._actions(), self.preferences.current.keys)
        self.keys.pressed_in_vain.connect(self._tell_off)
        self._show_keys()
        self.note_reader()

    def _make_widgets(self) -> None:
        self.switch = QCheckBox(SWITCH)
        self.overlay = QCheckBox(
            "Tags on the image",
            toolTip="Write the tags of the slice on the canvas",
            toggled=self._switch_overlay,
        )
        self.preferences_button = QPushButton(
            "Preferences …", toolTip="Keys, and the reader's name", clicked=self.ask_preferences
        )
        self.slice_label = QLabel()
        self.strip = TagStrip(self.viewer.theme)
        self.strip.slice_chosen.connect(self.session.go_to)
        self.strip.range_chosen.connect(self._tag_range)
        self.strip.class_selected.connect(self._select)
        self.buttons = TagButtons()
        self.buttons.tag_chosen.connect(self._tag)
        self.edit_buttons: dict[str, QPushButton] = {}
        grid = QGridLayout()
        edit = self._edit
        for index, (name, tip, act) in enumerate(
            (
                ("None here", "Every class is absent here", edit(editing.set_all_absent)),
                ("Rest absent", "Classes unknown here are absent", edit(editing.set_rest_absent)),
                ("Clear", "Every class is unknown here", edit(editing.clear)),
                ("Copy previous", "The tags of the slice before", edit(editing.copy_previous)),
                ("Nowhere", "The class with the arrow is absent in this scan", self.nowhere),
                ("Next open", "The next slice with unknown tags", self.confirm),
                ("Undo", "", self.undoing.undo),
                ("Redo", "", self.undoing.redo),
            )
        ):
            button = QPushButton(name, toolTip=tip, clicked=lambda _=False, act=act: act())
            self.edit_buttons[name] = button
            grid.addWidget(button, *divmod(index, 3))
        self.progress_label = QLabel(wordWrap=True)
        self.note, self.saved = QLabel(wordWrap=True), SavedLine(self.session)
        self.undoing.said.connect(self.note.setText)
        options = side_by_side(self.switch, self.overlay, self.preferences_button)
        self.slice_row = side_by_side(self.slice_label)
        stack(self, options, self.slice_row, self.strip, self.buttons)
        self.note.setMinimumHeight(self.note.fontMetrics().lineSpacing())
        self.foot = QWidget()
        stack(self.foot, self.note, grid, self.progress_label, self.saved)

    def _actions(self) -> dict[str, Callable[[], object]]:
        """Return the functions of the actions in the table of keys."""
        actions: dict[str, Callable[[], object]] = {
            "range_start": self.start_range,
            "range_end": self.end_range,
            "nothing_here": self._edit(editing.set_all_absent),
            "confirm": self.confirm,
            "previous_slice": partial(self.move, -1),
            "next_slice": partial(self.move, 1),
            "next_scan": self.next_scan_wanted.emit,
            "accept_here": self.accept_wanted.emit,
            "next_doubtful": self.doubtful_wanted.emit,
            "undo": self.undoing.undo,
            "redo": self.undoing.redo,
        }
        for number in NUMBERS:
            actions[class_action(number)] = partial(self.buttons.press, number)
            actions[absent_action(number)] = partial(self.buttons.press, number, Tag.ABSENT)
        return actions

    def _key(self, action: str) -> str:
        """Return the key of an action, as the user's system writes it."""
        return key_text(self.preferences.current.keys[action])

    def ask_preferences(self) -> None:
        """Ask for keys and the reader's name, after those that another window may have saved."""
        self.preferences.load()
        open_dialog(PreferencesDialog(self, self.preferences))

    def _take_preferences(self) -> None:
        self.keys.set_keys(self.preferences.current.keys)
        self._show_keys()
        self.note_reader()
        self.show_slice(usable=self._usable, in_sight=self._in_sight)

    def _show_keys(self) -> None:
        keys = self.preferences.current.keys
        self.switch.setToolTip(help_text(keys))
        for name, action in KEYS_ON_BUTTONS.items():
            self.edit_buttons[name].setText(f"{name} ({self._key(action)})")
        for name, action in KEYS_IN_TOOLTIPS.items():
            self.edit_buttons[name].setToolTip(self._key(action))
        self.buttons.set_keys(keys)

    def note_reader(self) -> None:
        """Have the journal of the open study record the reader's name."""
        if self.session.study is not None:
            self.session.study.tags.reader = self.preferences.current.reader

    def set_classes(self, classes: tuple[ClassSpec, ...]) -> None:
        """Replace the buttons, and the rows of the strip."""
        self.buttons.set_classes(classes)
        self.strip.set_classes(classes)

    def show_slice(self, *, usable: bool, in_sight: bool) -> None:
        """Show the tags of the slice on screen.

        Parameters
        ----------
        usable : bool
            Whether the slice on screen can be tagged.
        in_sight : bool
            Whether the user sees this widget; otherwise, its keys do not act.
        """
        table, index = self.session.table, self.session.slice_index
        self._in_sight = in_sight
        self._usable = usable and table is not None and index is not None
        ready = self._usable and in_sight
        self.keys.set_enabled(ready and self.switch.isChecked(), expects=ready)
        self.buttons.setEnabled(self._usable)
        self.strip.setEnabled(self._usable)
        # The buttons show all there is to see of a single picture.
        self.strip.setVisible(table is None or len(table.values) > 1)
        self.strip.set_tags(None if table is None else table.values)
        self.strip.set_slice(index if self._usable else None)
        names = [button.spec.name for button in self.buttons.buttons]
        if self.buttons.selected in names:
            self.strip.selected_class = names.index(self.buttons.selected)
        for button in self.edit_buttons.values():
            button.setEnabled(self._usable)
        self.progress_label.setText("" if table is None else tagged_text(table))
        place = ""
        tags: list[Tag | None] = [None] * len(names)
        if self._usable and table is not None and index is not None:
            place = self._place(index, len(table.values))
            tags = [table.get(index, name) for name in names]
        self.slice_label.setText(place)
        for button, tag in zip(self.buttons.buttons, tags, strict=True):
            button.show_tag(tag)
        self._show_range()
        self._show_overlay()

    def _place(self, index: int, slices: int) -> str:
        """Say which slice is on screen; of single pictures, which of them."""
        if slices > 1:
            return f"Slice {index}  (0 to {slices - 1})"
        names = self.session.order.names
        number = names.index(self.session.scan) + 1 if self.session.scan in names else 1
        return f"Picture {number} of {len(names)}"

    def _tell_off(self) -> None:
        show_info(f"“{SWITCH}” is off: keys do not tag. Switch it on in the Tagging dock.")

    def _tag(self, class_name: str, tag: Tag) -> None:
        self._do(lambda table, index: editing.set_tag(table, index, class_name, tag))

    def _tag_range(self, index: int, first: int, last: int) -> None:
        self._select(index)
        name = self.buttons.buttons[index].spec.name
        changes = self._do(lambda table, _: editing.set_present(table, name, first, last))
        replaced = sum(change.previous == Tag.ABSENT for change in changes)
        text = f"{name} is present on slices {first} to {last}"
        if replaced:
            was = "tag was" if replaced == 1 else "tags were"
            text += f"; {replaced} {was} absent before ({self._key('undo')} undoes this)"
        self.note.setText(f"{text}.")

    def _select(self, index: int) -> None:
        self.buttons.select(self.buttons.buttons[index].spec.name)
        self.show_slice(usable=self._usable, in_sight=self._in_sight)

    def _edit(self, edit: Editing) -> Callable[[], object]:
        return lambda: self._do(edit)

    def _do(self, edit: Editing) -> list[Change]:
        """Change tags, and return what was changed."""
        table, index = self.session.table, self.session.slice_index
        if not self._usable or table is None or index is None:
            return []
        changes = edit(table, index)
        self.session.change_tags(changes)
        return changes

    def start_range(self) -> None:
        """Start a range of the class with the arrow at the slice on screen."""
        index, selected = self.session.slice_index, self.buttons.selected
        if self._usable and index is not None and selected is not None:
            self._range_start = selected, index
            self._show_range()

    def end_range(self) -> None:
        """End the range: tag the class present inside, and absent on all other slices."""
        selected = self.buttons.selected
        if self._range_start is None or self._range_start[0] != selected:
            start, end = self._key("range_start"), self._key("range_end")
            text = f"Press {start} at the first slice of {selected}, then {end} at the last."
            self.note.setText(text)
            return
        (name, first), last = self._range_start, self.session.slice_index
        if not self._usable or last is None:
            return
        self.forget_range()
        self._do(lambda table, index: editing.set_range(table, name, first, index))
        lowest, highest = sorted((first, last))
        self.note.setText(
            f"{name} is present on slices {lowest} to {highest}, absent on all others."
        )

    def nowhere(self) -> None:
        """Tag the class with the arrow absent in the whole scan."""
        selected = self.buttons.selected
        if selected is not None:
            self._do(lambda table, _: editing.set_absent_everywhere(table, selected))

    def confirm(self) -> None:
        """Go to the next slice with unknown tags; from a single picture, to the next of these."""
        table, index = self.session.table, self.session.slice_index
        if self._usable and table is not None and len(table.values) == 1:
            self.next_scan_wanted.emit()
        elif self._usable and table is not None and index is not None:
            following = editing.next_untagged(table, index)
            if following is None:
                following_scan = f"{self._key('next_scan')}: the next scan."
                self.note.setText(f"All slices of this scan are tagged. {following_scan}")
            else:
                self.session.go_to(following)

    def move(self, step: int) -> None:
        """Go some slices forward, or back if negative."""
        table, index = self.session.table, self.session.slice_index
        if table is not None and index is not None:
            self.session.go_to(min(max(index + step, 0), len(table.values) - 1))

    def forget_range(self) -> None:
        """Forget the start of a range."""
        self._range_start = None

    def _show_range(self) -> None:
        text = ""
        if self._range_start is not None:
            name, first = self._range_start
            end = self._key("range_end")
            text = f"{name} starts at slice {first}: press {end} at its last slice."
        self.note.setText(text)

    def _switch_overlay(self, wanted: bool) -> None:
        _text_overlay(self.viewer).visible = wanted
        self._show_overlay()

    def _show_overlay(self) -> None:
        # While this is off, the text of the overlay may be the user's or another plugin's.
        if self.overlay.isChecked():
            tags = [f"{b.spec.name} {' '.join(MARKS[b.tag])}" for b in self.buttons.buttons]
            _text_overlay(self.viewer).text = "\n".join(tags) if self._usable else ""


def _text_overlay(viewer: Viewer) -> Any:
    canvas = getattr(viewer, "canvas", None)
    # Before napari 0.9, the viewer has the overlay itself.
    return viewer.text_overlay if canvas is None else canvas.overlays.text
