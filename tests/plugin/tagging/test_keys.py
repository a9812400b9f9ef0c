"""The whole table of keys, pressed for real, whatever layer is active."""

import numpy as np
import pytest
from helpers.questions import User
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_mcwss.plugin.tagging.dock import TaggingDock

pytestmark = pytest.mark.gui
PATIENCE = 30_000
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
PLAIN = Qt.KeyboardModifier.NoModifier
Key = Qt.Key


@pytest.fixture
def dock(tagging_dock, phantom_study, qtbot) -> TaggingDock:
    """The dock on a study, in a window that has the keyboard, tagging switched on."""
    with qtbot.waitSignal(tagging_dock.settled, timeout=PATIENCE):
        tagging_dock.open_study(phantom_study.folder)
    qtbot.mouseClick(tagging_dock.slices.switch, Qt.MouseButton.LeftButton)
    return tagging_dock


class Keyboard:
    """Presses keys with the canvas focused, and counts them."""

    def __init__(self, qtbot, dock) -> None:
        self.qtbot = qtbot
        self.dock = dock
        self.count = 0

    def __call__(self, *keys, modifier=PLAIN) -> None:
        canvas = self.dock.viewer.window._qt_viewer.canvas.native

        def focused() -> bool:
            # After a dialog, the window manager may leave the keyboard nowhere for a moment.
            canvas.activateWindow()
            canvas.setFocus()
            return bool(canvas.hasFocus())

        self.qtbot.waitUntil(focused, timeout=PATIENCE)
        for key in keys:
            self.qtbot.keyClick(canvas, key, modifier)
            self.count += 1


@pytest.fixture
def keys(qtbot, dock) -> Keyboard:
    return Keyboard(qtbot, dock)


def tags(dock, slice_index: int) -> list[int]:
    return dock.session.study.tags.read(dock.session.scan).values[slice_index].tolist()


@pytest.mark.parametrize("active", ["image", "labels", "points", "none"])
def test_every_key_does_what_the_table_says(dock, keys, active):
    viewer = dock.viewer
    if active == "labels":
        viewer.add_labels(np.zeros((25, 81, 72), np.uint8))
    elif active == "points":
        viewer.add_points(ndim=3)
    elif active == "none":
        viewer.layers.selection.clear()
    keys(Key.Key_1)
    assert tags(dock, 12) == [1, -1]
    keys(Key.Key_2, modifier=SHIFT)
    assert tags(dock, 12) == [1, 0]
    keys(Key.Key_Period)
    assert dock.session.slice_index == 13
    keys(Key.Key_0)
    assert tags(dock, 13) == [0, 0]
    keys(Key.Key_Comma, Key.Key_Comma)
    assert dock.session.slice_index == 11
    keys(Key.Key_Return)
    assert dock.session.slice_index == 14
    keys(Key.Key_Z, modifier=CONTROL)
    assert tags(dock, 13) == [-1, -1]
    assert dock.session.slice_index == 13
    keys(Key.Key_Z, modifier=CONTROL)
    assert tags(dock, 12) == [1, -1]
    keys(Key.Key_Z, modifier=CONTROL | SHIFT)
    assert tags(dock, 12) == [1, 0]
    keys(Key.Key_1)
    assert tags(dock, 12) == [0, 0]


def test_a_scan_of_two_classes_is_tagged_in_less_than_20_keystrokes(dock, keys, qtbot):
    for number, first, last in ((Key.Key_1, 8, 15), (Key.Key_2, 5, 19)):
        dock.session.go_to(first)
        keys(number, Key.Key_BracketLeft)
        dock.session.go_to(last)
        keys(Key.Key_BracketRight)
    assert keys.count < 20
    values = dock.session.study.tags.read(dock.session.scan).values
    assert np.flatnonzero(values[:, 0] == 1).tolist() == list(range(8, 16))
    assert np.flatnonzero(values[:, 1] == 1).tolist() == list(range(5, 20))
    assert (values != -1).all()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        keys(Key.Key_N)
    assert dock.session.scan == "phantom02"


def test_a_range_is_one_step(dock, keys):
    keys(Key.Key_BracketLeft, Key.Key_Period, Key.Key_Period, Key.Key_BracketRight)
    assert (dock.session.table.values[:, 0] != -1).all()
    keys(Key.Key_Z, modifier=CONTROL)
    assert (dock.session.table.values == -1).all()


def test_the_hint_of_a_range_follows_what_was_done(dock, keys):
    keys(Key.Key_BracketLeft)
    assert "TC starts at slice 12: press ]" in dock.slices.note.text()
    keys(Key.Key_Comma, Key.Key_BracketRight)
    assert dock.slices.note.text() == "TC is present on slices 11 to 12, absent on all others."
    keys(Key.Key_Period)
    assert not dock.slices.note.text()
    keys(Key.Key_BracketRight)
    assert "Press [" in dock.slices.note.text()
    assert tags(dock, 13)[0] == 0


def test_an_end_without_a_start_tags_nothing_and_says_why(dock, keys):
    keys(Key.Key_BracketRight)
    assert (dock.session.table.values == -1).all()
    assert "Press [" in dock.slices.note.text()


def test_undo_leaves_other_scans_alone_unless_the_user_says_so(dock, keys, qtbot):
    keys(Key.Key_1)
    before = dock.session.scan
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        keys(Key.Key_N)
    user = User(qtbot, "Keep")
    keys(Key.Key_Z, modifier=CONTROL)
    assert user.questions == ["The step to undo changed 1 tag of phantom01. Undo it?"]
    assert dock.session.study.tags.read(before).values[12].tolist() == [1, -1]
    assert dock.slices.note.text() == "Nothing was changed."


def test_undo_takes_a_stroke_back_if_that_came_last(dock, keys):
    keys(Key.Key_1)
    dock.session.correcting.begin("")
    layer = dock.session.correcting.layer
    layer.paint((12, 40, 40), 1)
    keys(Key.Key_Z, modifier=CONTROL)
    assert not layer.data.any()
    assert tags(dock, 12) == [1, -1]
    assert dock.slices.note.text() == "Undone: a stroke in corrected mask."
    keys(Key.Key_Z, modifier=CONTROL)
    assert tags(dock, 12) == [-1, -1]
    assert dock.slices.note.text() == "Undone: 1 tag of phantom01."
    keys(Key.Key_Z, Key.Key_Z, modifier=CONTROL | SHIFT)
    assert layer.data.any()
    assert tags(dock, 12) == [1, -1]


def test_an_undo_is_saved_and_says_so(dock, keys):
    keys(Key.Key_1)
    dock.slices.saved.label.clear()
    keys(Key.Key_Z, modifier=CONTROL)
    assert dock.slices.saved.text().startswith("saved")


def test_undo_reaches_other_scans_and_earlier_sessions(dock, keys, qtbot):
    keys(Key.Key_1)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        keys(Key.Key_N)
    keys(Key.Key_2)
    folder = dock.session.study.folder
    dock.session.close()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(folder)
    user = User(qtbot, "Undo", "Redo")
    for _ in range(2):
        # The question takes the keyboard.
        keys(Key.Key_Z, modifier=CONTROL)
    qtbot.waitUntil(
        lambda: all("(0 of 25" in dock.scans.item(row).text() for row in range(2)),
        timeout=PATIENCE,
    )
    study = dock.session.study
    assert all((study.tags.read(scan).values == -1).all() for scan in study.scan_names)
    assert len(user.questions) == 1
    assert "phantom01" in dock.slices.note.text()
    keys(Key.Key_Z, Key.Key_Z, modifier=CONTROL | SHIFT)
    assert [study.tags.read(scan).values[12].tolist() for scan in study.scan_names] == [
        [1, -1],
        [-1, 1],
    ]


def test_a_text_field_gets_its_keys(dock, qtbot):
    field = QLineEdit()
    dock.viewer.window.add_dock_widget(field, name="Field")
    field.setFocus()
    qtbot.waitUntil(field.hasFocus, timeout=PATIENCE)
    entered = []
    field.returnPressed.connect(lambda: entered.append(True))
    qtbot.keyClicks(field, "1[n,")
    qtbot.keyClick(field, Key.Key_Return)
    assert (field.text(), entered) == ("1[n,", [True])
    assert (dock.session.table.values == -1).all()


def test_switched_off_the_keys_are_naparis_again(dock, keys, qtbot):
    layer = dock.viewer.add_labels(np.zeros((25, 81, 72), np.uint8))
    qtbot.mouseClick(dock.slices.switch, Qt.MouseButton.LeftButton)
    assert layer.mode == "pan_zoom"
    keys(Key.Key_1, Key.Key_0, Key.Key_N)
    assert (dock.session.table.values == -1).all()
    keys(Key.Key_2)
    assert layer.mode != "pan_zoom"


def test_keys_that_are_switched_off_say_so_once(tagging_dock, phantom_study, qtbot, told):
    dock = tagging_dock
    keys = Keyboard(qtbot, dock)
    keys(Key.Key_1)
    assert not told, "without a study there is nothing to tag"
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    keys(Key.Key_X)
    assert not told
    keys(Key.Key_2, modifier=SHIFT)
    keys(Key.Key_1)
    assert [notification.message for notification in told] == [
        "“Tagging” is off: keys do not tag. Switch it on in the Tagging dock."
    ]
    assert (dock.session.table.values == -1).all()


def test_keys_that_were_switched_off_by_the_user_say_nothing(dock, keys, qtbot, told):
    qtbot.mouseClick(dock.slices.switch, Qt.MouseButton.LeftButton)
    keys(Key.Key_1)
    assert not told


def test_buttons_do_what_keys_do_not(dock, qtbot):
    buttons = dock.slices.edit_buttons

    def click(name: str) -> None:
        qtbot.mouseClick(buttons[name], Qt.MouseButton.LeftButton)

    qtbot.mouseClick(dock.slices.buttons.buttons[1], Qt.MouseButton.LeftButton)
    click("Rest absent")
    assert tags(dock, 12) == [0, 1]
    dock.session.go_to(13)
    click("Copy previous")
    assert tags(dock, 13) == [0, 1]
    click("Clear")
    assert tags(dock, 13) == [-1, -1]
    click("Nowhere")
    assert (dock.session.table.values[:, 1] == 0).all()
    click("Undo")
    assert tags(dock, 12) == [0, 1]
    click("Redo")
    assert tags(dock, 12) == [0, 0]


def test_tags_are_written_over_the_image_on_request(dock, keys, qtbot):
    box = dock.slices.overlay
    box.setChecked(True)
    keys(Key.Key_1)
    overlay = dock.viewer.canvas.overlays.text
    assert overlay.visible
    assert overlay.text.splitlines() == ["TC ● present", "ED ? unknown"]
    dock.session.go_to(3)
    assert "TC ? unknown" in overlay.text
    box.setChecked(False)
    assert not overlay.visible


def test_the_strip_shows_the_scan_and_tags_what_is_dragged_over(dock, keys, qtbot):
    strip = dock.slices.strip
    left = Qt.MouseButton.LeftButton
    start, end = (strip.cell(index, 1).center() for index in (6, 9))
    qtbot.mousePress(strip, left, pos=start)
    qtbot.mouseMove(strip, end)
    qtbot.mouseRelease(strip, left, pos=end)
    values = dock.session.study.tags.read(dock.session.scan).values
    assert np.flatnonzero(values[:, 1] == 1).tolist() == [6, 7, 8, 9]
    assert dock.slices.note.text() == "ED is present on slices 6 to 9."
    assert (values[:, 0] == -1).all()
    assert (np.delete(values[:, 1], range(6, 10)) == -1).all()
    qtbot.mouseClick(strip, left, pos=strip.cell(20, 0).center())
    assert dock.session.slice_index == 20
    dock.slices.nowhere()
    qtbot.mousePress(strip, left, pos=start)
    qtbot.mouseMove(strip, end)
    qtbot.mouseRelease(strip, left, pos=end)
    assert dock.slices.note.text() == (
        "ED is present on slices 6 to 9; 4 tags were absent before (Ctrl+Z undoes this)."
    )
    # The class of the drag is the selected one, so a range by key is its, too.
    keys(Key.Key_BracketLeft, Key.Key_Period, Key.Key_BracketRight)
    values = dock.session.study.tags.read(dock.session.scan).values
    assert np.flatnonzero(values[:, 1] == 1).tolist() == [20, 21]


def test_the_study_is_counted_and_what_it_cannot_teach_is_told(dock, keys, qtbot):
    summary = dock.summary
    qtbot.waitUntil(lambda: "unknown" in summary.text(), timeout=PATIENCE)
    assert "\u26a0" not in summary.text(), "before anything is tagged there is nothing to say"
    keys(Key.Key_1, Key.Key_BracketLeft, Key.Key_Period, Key.Key_BracketRight)
    row = "<td>TC</td>" + "".join(f"<td align='right'>&nbsp;{n}</td>" for n in (2, 23, 25))
    qtbot.waitUntil(lambda: row in summary.text(), timeout=PATIENCE)
    assert "TC is tagged present on only 2 slices" in summary.text()
    assert "\u26a0 phantom01 is the only scan with tags" in summary.text(), "as it is named"
