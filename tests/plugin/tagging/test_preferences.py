"""Keys and the reader's name, chosen by the user."""

import json
from string import ascii_uppercase

import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.plugin.tagging.key_table import ACTIONS, DEFAULT_KEYS, checked_keys, help_text
from napari_mcwss.plugin.tagging.preferences import Preferences
from napari_mcwss.plugin.tagging.preferences_dialog import PreferencesDialog

pytestmark = pytest.mark.gui
PATIENCE = 30_000
LEFT = Qt.MouseButton.LeftButton
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
PLAIN = Qt.KeyboardModifier.NoModifier
Key = Qt.Key


@pytest.fixture
def make_dock(make_napari_viewer, phantom_study, qtbot):
    """Make the dock on a study, in a window that has the keyboard, tagging switched on."""

    def make() -> TaggingDock:
        viewer = make_napari_viewer(show=True)
        dock = TaggingDock(viewer)
        viewer.window.add_dock_widget(dock, name="Tagging")
        activate(qtbot, dock.window())
        with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
            dock.open_study(phantom_study.folder)
        qtbot.mouseClick(dock.slices.switch, LEFT)
        return dock

    yield make
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def dock(make_dock) -> TaggingDock:
    return make_dock()


@pytest.fixture
def dialog(dock, qtbot) -> PreferencesDialog:
    return opened(dock, qtbot)


def opened(dock, qtbot) -> PreferencesDialog:
    qtbot.mouseClick(dock.slices.preferences_button, LEFT)
    dialog = dock.findChild(PreferencesDialog)
    activate(qtbot, dialog)
    return dialog


def choose(qtbot, dialog, action, key, modifier=PLAIN) -> None:
    """Press another key for an action."""
    edit = dialog.edits[action]
    edit.setFocus()
    qtbot.waitUntil(edit.hasFocus, timeout=PATIENCE)
    qtbot.keyClick(edit.window().focusWidget(), key, modifier)


def save(qtbot, dock, dialog) -> None:
    assert dialog.save_button.isEnabled()
    with qtbot.waitSignal(dialog.accepted, timeout=PATIENCE):
        qtbot.mouseClick(dialog.save_button, LEFT)
    activate(qtbot, dock.window())


def activate(qtbot, window) -> None:
    """Give a window the keyboard; asked too early, the window manager forgets it."""

    def active() -> bool:
        window.activateWindow()
        return window.isActiveWindow()

    qtbot.waitUntil(active, timeout=PATIENCE)


def press(qtbot, dock, key, modifier=PLAIN) -> None:
    canvas = dock.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
    qtbot.keyClick(canvas, key, modifier)


def tags(dock, slice_index: int = 12) -> list[int]:
    return dock.session.study.tags.read(dock.session.scan).values[slice_index].tolist()


def test_changed_keys_act_at_once_and_are_shown(qtbot, dock, dialog):
    choose(qtbot, dialog, "class_1", Key.Key_Q)
    choose(qtbot, dialog, "absent_2", Key.Key_J, CONTROL)
    choose(qtbot, dialog, "nothing_here", Key.Key_F5)
    choose(qtbot, dialog, "undo", Key.Key_U)
    choose(qtbot, dialog, "range_start", Key.Key_R)
    save(qtbot, dock, dialog)
    press(qtbot, dock, Key.Key_1)
    press(qtbot, dock, Key.Key_2, SHIFT)
    press(qtbot, dock, Key.Key_Z, CONTROL)
    assert tags(dock) == [-1, -1], "the keys of before do nothing"
    press(qtbot, dock, Key.Key_Q)
    press(qtbot, dock, Key.Key_J, CONTROL)
    assert tags(dock) == [1, 0]
    press(qtbot, dock, Key.Key_U)
    assert tags(dock) == [1, -1]
    slices = dock.slices
    assert slices.buttons.buttons[0].text().split() == ["Q", "TC", "●", "present"]
    assert slices.buttons.buttons[1].text().split() == ["▸", "2", "ED", "?", "unknown"]
    assert "Ctrl+J: absent" in slices.buttons.buttons[1].toolTip()
    assert slices.edit_buttons["None here"].text() == "None here (F5)"
    assert slices.edit_buttons["Undo"].toolTip() == "U"
    assert "U: undo" in slices.switch.toolTip().splitlines()
    press(qtbot, dock, Key.Key_BracketRight)
    assert "Press R at the first slice of ED" in slices.note.text()


def test_keys_and_name_are_still_there_in_the_next_window(qtbot, make_dock, preferences_file):
    first = make_dock()
    dialog = opened(first, qtbot)
    choose(qtbot, dialog, "class_2", Key.Key_Q)
    qtbot.keyClicks(dialog.reader, " Dr. Ånna ")
    save(qtbot, first, dialog)
    first.session.close()
    assert json.loads(preferences_file.read_text("utf-8")) == {
        "reader": "Dr. Ånna",
        "keys": {"class_2": "Q"},
    }
    second = make_dock()
    press(qtbot, second, Key.Key_Q)
    assert tags(second) == [-1, 1]
    assert opened(second, qtbot).reader.text() == "Dr. Ånna"


def test_the_journal_says_who_tags(qtbot, dock, phantom_study):
    journal = phantom_study.folder / "tags" / ".journal" / "phantom01.jsonl"

    def readers() -> list[str | None]:
        lines = map(json.loads, journal.read_text().splitlines())
        return [line.get("reader") for line in lines if "changes" in line]

    press(qtbot, dock, Key.Key_1)
    dialog = opened(dock, qtbot)
    qtbot.keyClicks(dialog.reader, "Reader A")
    save(qtbot, dock, dialog)
    press(qtbot, dock, Key.Key_2)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    press(qtbot, dock, Key.Key_1)
    assert readers() == [None, "Reader A", "Reader A"]


@pytest.mark.parametrize(
    ("action", "key", "modifier", "reason"),
    [
        ("undo", Key.Key_1, PLAIN, "1 is the key of two actions (next tag of class 1; undo)"),
        ("confirm", Key.Key_2, SHIFT, "Shift+2 is the key of two actions"),
        ("next_scan", Key.Key_Enter, PLAIN, "Enter is the key of two actions"),
    ],
)
def test_a_key_for_two_actions_is_refused(qtbot, dock, dialog, action, key, modifier, reason):
    choose(qtbot, dialog, action, key, modifier)
    assert reason in dialog.reason.text()
    assert not dialog.save_button.isEnabled()
    choose(qtbot, dialog, action, Key.Key_F9)
    assert dialog.reason.text() == ""
    assert dialog.save_button.isEnabled()


@pytest.mark.parametrize(
    ("key", "modifier", "reason"),
    [
        (Key.Key_W, CONTROL, "Ctrl+W is the key of “Close Window”"),
        (Key.Key_L, Qt.KeyboardModifier.AltModifier, "Alt+L is the key of “Layers menu”"),
    ],
)
def test_a_key_of_naparis_menus_is_refused(qtbot, dialog, key, modifier, reason):
    choose(qtbot, dialog, "undo", key, modifier)
    assert reason in dialog.reason.text()
    assert not dialog.save_button.isEnabled()


def test_the_usual_keys_are_in_no_menu(dialog):
    assert dialog.save_button.isEnabled()


def test_no_key_is_refused(qtbot, dialog):
    dialog.edits["redo"].clear()
    assert "no key for “redo”" in dialog.reason.text()
    assert not dialog.save_button.isEnabled()


def test_shift_and_a_digit_are_known_where_they_write_another_sign(qtbot, dialog):
    # What Qt gets from a keyboard on which Shift+1 writes an exclamation mark.
    edit = dialog.edits["undo"]
    edit.setFocus()
    qtbot.waitUntil(edit.hasFocus, timeout=PATIENCE)
    QTest.sendKeyEvent(QTest.KeyAction.Click, dialog.focusWidget(), Key.Key_1, "!", SHIFT)
    assert edit.key == "Shift+1"
    assert "Shift+1 is the key of two actions" in dialog.reason.text()


def test_defaults_are_restored(qtbot, dock, dialog, preferences_file):
    choose(qtbot, dialog, "class_1", Key.Key_Q)
    qtbot.keyClicks(dialog.reader, "A")
    save(qtbot, dock, dialog)
    dialog = opened(dock, qtbot)
    qtbot.mouseClick(dialog.defaults_button, LEFT)
    assert dialog.edits["class_1"].key == "1"
    save(qtbot, dock, dialog)
    assert json.loads(preferences_file.read_text()) == {"reader": "", "keys": {}}
    press(qtbot, dock, Key.Key_1)
    assert tags(dock) == [1, -1]


def test_cancel_changes_nothing(qtbot, dock, dialog, preferences_file):
    choose(qtbot, dialog, "class_1", Key.Key_Q)
    dialog.reject()
    activate(qtbot, dock.window())
    press(qtbot, dock, Key.Key_Q)
    assert tags(dock) == [-1, -1]
    press(qtbot, dock, Key.Key_1)
    assert tags(dock) == [1, -1]
    assert not preferences_file.exists()


def test_keys_do_not_tag_while_they_are_chosen(qtbot, dock, dialog):
    choose(qtbot, dialog, "class_1", Key.Key_2)
    choose(qtbot, dialog, "class_1", Key.Key_0)
    assert (dock.session.table.values == -1).all()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"strange": 1}',
        b'{"keys": {"undo": "1"}}',
        b'{"keys": {"undo": "Ctrl+Shift"}}',
        b'{"keys": {"undo": "A, B"}}',
        b'{"keys": {"undo": "nonsense"}}',
        b'{"keys": {"fly": "F"}}',
    ],
)
def test_damaged_preferences_are_told_and_kept_until_others_are_saved(
    qtbot, make_dock, preferences_file, told, content
):
    preferences_file.parent.mkdir()
    preferences_file.write_bytes(content)
    dock = make_dock()
    assert len([told_ for told_ in told if str(preferences_file) in told_.message]) == 1
    assert "\n" not in told[0].message
    press(qtbot, dock, Key.Key_1)
    assert tags(dock) == [1, -1]
    dialog = opened(dock, qtbot)
    assert preferences_file.read_bytes() == content
    save(qtbot, dock, dialog)
    assert Preferences.read(preferences_file) == Preferences()


def test_preferences_that_cannot_be_written_stay_in_the_dialog(
    qtbot, dock, dialog, preferences_file
):
    preferences_file.mkdir(parents=True)
    choose(qtbot, dialog, "class_1", Key.Key_Q)
    qtbot.mouseClick(dialog.save_button, LEFT)
    assert "cannot write" in dialog.reason.text()
    assert dialog.isVisible()
    assert dock.slices.preferences.current == Preferences()
    dialog.reject()


def test_the_dialog_shows_what_another_window_has_saved(qtbot, dock, preferences_file):
    Preferences(reader="B", keys={"class_1": "Q"}).write(preferences_file)
    dialog = opened(dock, qtbot)
    assert dialog.reader.text() == "B"
    dialog.reject()
    activate(qtbot, dock.window())
    press(qtbot, dock, Key.Key_Q)
    assert tags(dock) == [1, -1]


def test_every_key_can_be_changed():
    letters = [f"Ctrl+Alt+{letter}" for letter in ascii_uppercase]
    free = letters + [f"F{number}" for number in range(1, 13)]
    others = {action.name: key for action, key in zip(ACTIONS, free, strict=False)}
    assert len(others) == len(ACTIONS), "there are more actions than keys in this test"
    assert checked_keys(others) == others
    lines = help_text(others).splitlines()
    assert lines[0].startswith("Ctrl+Alt+A Ctrl+Alt+B ")
    assert len(lines) == len(help_text(DEFAULT_KEYS).splitlines()) == 13


@pytest.mark.parametrize(("written", "meant"), [("enter", "Return"), ("num+7", "7"), ("q", "Q")])
def test_a_key_has_one_way_to_be_written(written, meant):
    free = {"class_7": "F7", "confirm": "F1"}
    assert checked_keys({**free, "undo": written})["undo"] == meant


def test_keys_may_be_swapped_but_not_given_twice():
    assert checked_keys({"undo": "1", "class_1": "Ctrl+Z"})["undo"] == "1"
    with pytest.raises(McwssError, match="two actions"):
        checked_keys({"undo": "1"})


def test_a_dock_made_over_an_open_study_has_the_keys_and_the_name(qtbot, dock, preferences_file):
    Preferences(reader="C", keys={"class_2": "Q"}).write(preferences_file)
    second = TaggingDock(dock.viewer)
    qtbot.addWidget(second)
    assert second.slices.buttons.buttons[1].key == "Q"
    assert dock.session.study.tags.reader == "C"
    assert np.array_equal(second.session.table.values, dock.session.table.values)


@pytest.mark.parametrize("key", ["A", "a"])
def test_keys_of_actions_that_were_added_later_give_way(key):
    keys = checked_keys({"class_1": key})
    assert (keys["class_1"], keys["accept_here"]) == ("A", "Ctrl+Alt+A")
    assert checked_keys({})["accept_here"] == "A"
    with pytest.raises(McwssError, match="A is the key of two actions"):
        checked_keys({"class_1": key, "accept_here": "A"})
