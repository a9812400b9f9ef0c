"""The tag strip, with real clicks, drags and turns of the wheel."""

import numpy as np
import pytest
from helpers.strips import (
    CONTROL,
    LEFT,
    PATIENCE,
    RIGHT,
    Asked,
    drag,
    middle,
    on_axis,
    picture,
    specs,
    tooltip,
    turn,
    unknown,
    watch,
)
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QLineEdit, QToolTip, QVBoxLayout, QWidget

from napari_mcwss.plugin.tagging.strip.cells import LEAST, WIDEST, Columns
from napari_mcwss.plugin.tagging.strip.widget import TagStrip

pytestmark = pytest.mark.gui


def test_a_click_goes_to_its_slice(qtbot, strip, asked):
    for row, index in enumerate((4, 20)):
        qtbot.mouseClick(strip, LEFT, pos=middle(strip, index, row))
    qtbot.mouseClick(strip, LEFT, pos=on_axis(strip, 7))
    assert asked == Asked(slices=[4, 20, 7])


def test_a_hand_that_shakes_tags_no_range(qtbot, strip, asked):
    place = middle(strip, 10, 0)
    drag(qtbot, strip, place, place + QPoint(5, 0), place + QPoint(3, 1))
    assert asked == Asked(slices=[10])


@pytest.mark.parametrize(("start", "end"), [(4, 9), (9, 4)])
def test_a_drag_along_a_row_asks_for_its_range(qtbot, strip, asked, start, end):
    # On its way it leaves the row: that of the beginning counts.
    drag(qtbot, strip, *(middle(strip, *at) for at in ((start, 1), (6, 0), (end, 1))))
    assert asked == Asked(ranges=[(1, 4, 9)])


def test_a_drag_back_to_its_beginning_asks_for_one_slice(qtbot, strip, asked):
    drag(qtbot, strip, *(middle(strip, at, 0) for at in (4, 9, 4)))
    assert asked == Asked(ranges=[(0, 4, 4)])


def test_a_range_is_seen_while_it_is_dragged(qtbot, strip, asked):
    before = picture(strip)
    qtbot.mousePress(strip, LEFT, pos=middle(strip, 4, 1))
    qtbot.mouseMove(strip, middle(strip, 9, 1))
    changed = (picture(strip) != before).any(-1)
    inside = strip.cell(4, 1) | strip.cell(9, 1)
    assert changed[inside.top() + 1 : inside.bottom(), inside.left() + 1 : inside.right()].all()
    assert QToolTip.text() == "ED: slices 4 to 9"
    qtbot.mouseRelease(strip, LEFT, pos=middle(strip, 9, 1))
    np.testing.assert_array_equal(picture(strip), before)


def test_the_right_button_gives_a_drag_up(qtbot, strip, asked):
    before = picture(strip)
    qtbot.mousePress(strip, LEFT, pos=middle(strip, 4, 1))
    qtbot.mouseMove(strip, middle(strip, 9, 1))
    qtbot.mouseClick(strip, RIGHT, pos=middle(strip, 9, 1))
    qtbot.mouseMove(strip, middle(strip, 11, 1))
    qtbot.mouseRelease(strip, LEFT, pos=middle(strip, 11, 1))
    assert asked == Asked()
    np.testing.assert_array_equal(picture(strip), before)


def test_another_scan_gives_a_drag_up(qtbot, strip, asked):
    qtbot.mousePress(strip, LEFT, pos=middle(strip, 4, 1))
    qtbot.mouseMove(strip, middle(strip, 9, 1))
    strip.set_tags(unknown(8, 2))
    qtbot.mouseRelease(strip, LEFT, pos=middle(strip, 2, 1))
    assert asked == Asked()


def test_a_strip_that_is_disabled_gives_a_drag_up(qtbot, strip, asked):
    qtbot.mousePress(strip, LEFT, pos=middle(strip, 4, 1))
    qtbot.mouseMove(strip, middle(strip, 9, 1))
    strip.setEnabled(False)
    strip.setEnabled(True)
    qtbot.mouseRelease(strip, LEFT, pos=middle(strip, 9, 1))
    assert asked == Asked()


def test_a_drag_along_the_numbers_goes_through_the_slices(qtbot, strip, asked):
    drag(qtbot, strip, *(on_axis(strip, at) for at in (4, 5, 5, 8, 6)))
    assert asked == Asked(slices=[4, 5, 8, 6])


def test_a_click_on_a_name_selects_the_class(qtbot, strip, asked):
    assert strip.selected_class == 0
    qtbot.mouseClick(strip, LEFT, pos=QPoint(20, middle(strip, 0, 1).y()))
    assert strip.selected_class == 1
    assert asked == Asked(classes=[1])
    strip.selected_class = 0
    qtbot.mouseClick(strip, LEFT, pos=QPoint(20, 4))  # above the names
    assert (strip.selected_class, asked.classes) == (0, [1])


def test_a_notch_of_the_wheel_is_a_slice(strip, asked):
    turn(strip, -120)
    turn(strip, -120)
    turn(strip, 120)
    assert asked.slices == [13, 14, 13]
    turn(strip, -360)
    assert asked.slices[-1] == 16


def test_the_small_steps_of_a_touchpad_add_up_to_a_notch(strip, asked):
    for _ in range(7):
        turn(strip, -40)
    assert asked.slices == [13, 14]


def test_the_wheel_stops_at_the_ends_and_without_a_slice(strip, asked):
    strip.set_slice(24)
    turn(strip, -120)
    strip.set_slice(1)
    turn(strip, 600)
    turn(strip, 120)
    strip.set_slice(None)
    turn(strip, -120)
    assert asked.slices == [0]


def test_a_disabled_strip_is_pale_and_asks_for_nothing(qtbot, strip, asked):
    before = picture(strip)
    strip.setEnabled(False)
    drag(qtbot, strip, *(middle(strip, at, 0) for at in (4, 9)))
    qtbot.mouseClick(strip, LEFT, pos=on_axis(strip, 7))
    turn(strip, -120)
    assert asked == Asked()
    assert np.ptp(picture(strip)) < np.ptp(before)


def test_the_keyboard_stays_where_it_was(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    field, strip = QLineEdit(), TagStrip("dark")
    strip.set_classes(specs(2))
    strip.set_tags(unknown(25, 2))
    layout = QVBoxLayout(window)
    layout.addWidget(strip)
    layout.addWidget(field)
    window.show()
    window.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus, timeout=PATIENCE)
    asked = watch(strip)
    drag(qtbot, strip, middle(strip, 4, 0), middle(strip, 9, 0))
    turn(strip, -120)
    assert len(asked.ranges) == 1
    assert field.hasFocus()
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert field.hasFocus()


# --- more slices than there is room for -------------------------------------


def test_columns_stay_wide_enough_and_the_current_one_in_sight(qtbot, make):
    strip = make(1000, 10)
    asked = watch(strip)
    strip.set_slice(0)
    left = strip.cell(0, 0).left()
    assert all(strip.cell(index, 0).width() >= LEAST for index in range(1000))
    for index in (999, 0, 500, 510, 420):
        strip.set_slice(index)
        assert left <= strip.cell(index, 0).left()
        assert strip.cell(index, 0).right() < strip.width()
    before = strip.cell(420, 0).left()
    turn(strip, -120)
    assert asked.slices == [421]
    # Neighbours come without a jump of the whole strip.
    assert strip.cell(420, 0).left() == before
    for _ in range(100):
        turn(strip, -120)
    assert strip.cell(521, 0).right() < strip.width()
    qtbot.mouseClick(strip, LEFT, pos=middle(strip, 519, 3))
    assert asked.slices[-1] == 519


def test_control_and_wheel_zoom_around_the_current_slice(make):
    strip = make(300)
    asked = watch(strip)
    strip.set_slice(150)
    place = middle(strip, 140, 0)
    turn(strip, 240, CONTROL, place)
    wider = strip.cell(140, 0)
    assert wider.width() > 1.3 * LEAST
    assert abs(wider.center().x() - place.x()) <= wider.width()
    turn(strip, 120 * 30, CONTROL, place)
    assert WIDEST - 1 <= strip.cell(150, 0).width() <= WIDEST
    assert strip.cell(150, 0).left() > 0
    assert strip.cell(150, 0).right() < strip.width()
    turn(strip, -120 * 60, CONTROL, place)
    assert strip.cell(150, 0).width() == LEAST
    assert asked == Asked()


def test_a_drag_held_beyond_the_end_scrolls_on(qtbot, make):
    strip = make(300)
    asked = watch(strip)
    strip.set_slice(0)
    edge = QPoint(strip.width() + 5, middle(strip, 0, 1).y())
    qtbot.mousePress(strip, LEFT, pos=middle(strip, 10, 1))
    qtbot.mouseMove(strip, edge)
    qtbot.waitUntil(lambda: strip.cell(100, 1).right() < strip.width(), timeout=PATIENCE)
    qtbot.mouseRelease(strip, LEFT, pos=edge)
    ((row, first, last),) = asked.ranges
    assert (row, first) == (1, 10)
    assert last >= 99
    stopped = strip.cell(100, 1)
    qtbot.wait(200)
    assert strip.cell(100, 1) == stopped


def test_a_wider_dock_shows_more_slices(qtbot, make):
    strip = make(400, width=300)
    strip.set_slice(390)
    before = strip.cell(0, 0).left()
    strip.resize(1200, strip.height())
    qtbot.waitUntil(lambda: strip.cell(0, 0).left() > max(before, 0), timeout=PATIENCE)
    assert strip.cell(399, 0).right() < 1200
    assert strip.cell(399, 0).right() > 1150


@pytest.mark.parametrize("scan_slice", [0, 154])
def test_a_head_of_155_slices_is_seen_as_a_whole(make, scan_slice):
    strip = make(155, width=300)
    strip.set_slice(scan_slice)
    names = strip.cell(0, 0).left()
    assert 0 < names < strip.cell(154, 0).left()
    assert strip.cell(154, 0).right() < strip.width()
    assert all(strip.cell(index, 0).width() >= 1 for index in range(155))


# --- words ------------------------------------------------------------------


def test_the_tooltip_says_all_that_is_known(strip):
    tags = unknown(25, 2)
    tags[4, 1] = 0
    strip.set_tags(tags)
    flags = np.zeros((25, 2), bool)
    flags[4, 1] = True
    strip.set_disagreements(flags)
    chances = np.full((25, 2), np.nan)
    chances[5, 0] = 0.934
    strip.set_suggestions(chances)
    assert tooltip(strip, middle(strip, 9, 0)) == "Slice 9, TC: unknown"
    both = "Slice 4, ED: absent\nThe second reader differs"
    assert tooltip(strip, middle(strip, 4, 1)) == both
    suggested = "Slice 5, TC: unknown\nSuggested: present with probability 0.93"
    assert tooltip(strip, middle(strip, 5, 0)) == suggested
    strip.note = lambda index, row: f"by reader {index} {row}"
    assert tooltip(strip, middle(strip, 4, 1)) == f"{both}\nby reader 4 1"
    assert tooltip(strip, QPoint(20, middle(strip, 0, 1).y())) == "ED"


def test_readers_of_the_screen_are_told_what_is_seen(strip):
    tags = unknown(25, 2)
    tags[12] = [1, 0]
    assert strip.accessibleName() == "Tag strip"
    assert strip.accessibleDescription() == "Slice 12 (0 to 24): TC unknown, ED unknown"
    strip.set_tags(tags)
    assert strip.accessibleDescription() == "Slice 12 (0 to 24): TC present, ED absent"
    strip.set_slice(None)
    assert strip.accessibleDescription() == "25 slices"
    strip.set_tags(None)
    assert strip.accessibleDescription() == "No tags to show"


# --- where columns lie ------------------------------------------------------


@pytest.mark.parametrize("unit", [1, 2])
@pytest.mark.parametrize("count", [1, 7, 73, 155, 1000])
def test_every_place_belongs_to_the_column_that_is_drawn_there(count, unit):
    for room in (1, 230, 1801):
        columns = Columns(count, room, unit)
        for zoom in (1, 1.7, 50):
            zoomed = columns.zoomed(zoom, room / 2).scrolled(count * unit)
            widths = np.diff(zoomed.edges)
            assert widths.min() >= (LEAST if count * unit > room else 1) * unit
            assert np.ptp(widths) <= 1
            assert widths.max() <= WIDEST * unit
            for index in range(0, count, 7):
                left, right = zoomed.span(index)
                for x in (left, right - 1):
                    if 0 <= x < room:
                        assert zoomed.index_at(x) == index
            places = np.arange(min(room, zoomed.length - zoomed.offset))
            index, _ = zoomed.kinds(places + zoomed.offset)
            assert [zoomed.index_at(x) for x in places[::13]] == index[::13].tolist()


def test_columns_scroll_no_further_than_they_reach():
    columns = Columns(1000, 230)
    assert columns.scrolled(-5).offset == 0
    assert columns.scrolled(10**6).span(999)[1] == 230
    assert Columns(5, 230).scrolled(7).offset == 0
