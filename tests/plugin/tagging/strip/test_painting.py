"""The tag strip as it is seen: its pixels."""

import numpy as np
import pytest
from helpers.strips import (
    CONTROL,
    PATIENCE,
    TEXT,
    Asked,
    PaintedAreas,
    cell,
    contrast,
    drag,
    middle,
    picture,
    rgb,
    share,
    specs,
    tooltip,
    turn,
    unknown,
)
from qtpy.QtCore import QPoint, QRect

from napari_mcwss.plugin.tagging.strip.cells import LEAST
from napari_mcwss.study.description import PALETTE, ClassSpec

pytestmark = pytest.mark.gui


def test_a_present_tag_is_a_block_in_the_colour_of_its_class(strip):
    tags = unknown(25, 2)
    tags[3, 0] = tags[20, 1] = 1
    strip.set_tags(tags)
    for index, row in ((3, 0), (20, 1)):
        assert share(cell(strip, index, row), PALETTE[row]) > 0.3
        assert share(cell(strip, index, 1 - row), PALETTE[1 - row]) == 0


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("slices", [25, 155, 1000])
def test_all_looks_differ_without_colour_and_stand_out_from_the_ground(make, theme, slices):
    """Whatever the class's colour is, even that of the ground itself, if columns are not narrow."""
    strip = make(slices, 2, theme)
    ground = cell(strip, 2, 0)[0, 0]
    hidden = "#{:02x}{:02x}{:02x}".format(*ground)
    # In columns of a pixel, it is the colour that shows how high a suggestion is.
    colour = PALETTE[0] if slices == 155 else hidden
    strip.set_classes([ClassSpec(name="hidden", colour=colour)])
    tags = unknown(slices, 1)
    tags[[4, 5, 6, 8]] = [[1], [0], [1], [0]]
    strip.set_tags(tags)
    flags = np.zeros(tags.shape, bool)
    flags[[6, 8]] = True
    strip.set_disagreements(flags)
    suggestions = np.full(tags.shape, np.nan)
    suggestions[10], suggestions[12] = 0.9, 0.02
    strip.set_suggestions(suggestions)
    looks = {index: cell(strip, index, 0) for index in (2, 4, 5, 6, 8, 10, 12)}
    for first, look in looks.items():
        strongest = max(contrast(colour, ground) for colour in look[:-1].reshape(-1, 3))
        assert strongest > 2.5, first
        for second, other in looks.items():
            if first < second:
                width = min(look.shape[1], other.shape[1])
                differ = (look[:, :width] != other[:, :width]).any(-1).sum()
                assert differ >= (2 if slices == 155 else 3), (first, second)


def test_a_suggestion_is_as_high_as_it_is_probable_and_gives_way_to_a_tag(strip):
    chances = np.full((25, 2), np.nan)
    chances[5:9, 0] = [0.1, 0.5, 0.9, 0.9]
    tags = unknown(25, 2)
    tags[8, 0] = 0
    strip.set_tags(tags)
    strip.set_suggestions(chances)
    heights = [(cell(strip, n, 0) == rgb(PALETTE[0])).all(-1).any(1).sum() for n in range(4, 9)]
    assert heights[0] == heights[4] == 0
    assert 0 < heights[1] < heights[2] - 2 < heights[3] - 4
    assert share(cell(strip, 7, 0), PALETTE[0]) < 0.35  # hatched, not a block
    before = cell(strip, 8, 0)
    strip.set_suggestions(None)
    np.testing.assert_array_equal(cell(strip, 8, 0), before)
    np.testing.assert_array_equal(cell(strip, 7, 0), cell(strip, 9, 0))


def test_a_flag_comes_and_goes_with_the_disagreement(strip):
    plain = cell(strip, 6, 1)
    strip.set_disagreements(np.arange(50).reshape(25, 2) == 13)
    assert (cell(strip, 6, 1) != plain).any(-1).mean() > 0.5
    np.testing.assert_array_equal(cell(strip, 6, 0), cell(strip, 7, 0))
    strip.set_disagreements(None)
    np.testing.assert_array_equal(cell(strip, 6, 1), plain)


def test_another_number_of_slices_takes_away_what_lay_over_the_old_ones(strip):
    strip.set_disagreements(np.ones((25, 2), bool))
    strip.set_suggestions(np.ones((25, 2)))
    strip.set_tags(unknown(30, 2))
    fresh = picture(strip)
    strip.set_disagreements(None)
    strip.set_suggestions(None)
    np.testing.assert_array_equal(picture(strip), fresh)
    assert share(fresh, PALETTE[0]) < 0.05  # its swatch only


@pytest.mark.parametrize(("slices", "zoom"), [(25, 0), (300, 0), (300, 4)])
def test_changed_tags_look_as_if_all_were_drawn_anew(make, slices, zoom):
    random = np.random.default_rng(slices)
    strip = make(slices, 3)
    strip.set_slice(slices // 2)
    turn(strip, 120 * zoom, CONTROL)
    tags = unknown(slices, 3)
    for _ in range(30):
        tags[random.integers(slices // 3, slices), random.integers(3)] = random.integers(-1, 2)
        strip.set_tags(tags)
        picture(strip)
    changed = picture(strip)
    assert strip.cell(slices // 2, 0).width() > (LEAST + 3 if zoom else 0)
    strip.set_theme("light")
    assert (picture(strip) != changed).any()
    strip.set_theme("dark")  # this draws all
    np.testing.assert_array_equal(picture(strip), changed)


def test_only_the_column_that_changes_is_painted(qtbot, strip):
    before = picture(strip)
    painted = PaintedAreas()
    qtbot.wait(100)  # until what came before is on screen
    strip.installEventFilter(painted)
    tags = unknown(25, 2)
    tags[4, 1] = 1
    strip.set_tags(tags)
    qtbot.waitUntil(lambda: painted.areas != [], timeout=PATIENCE)
    (area,) = painted.areas
    place = strip.cell(4, 1)
    assert area.contains(place)
    assert area.width() < 3 * place.width()
    changed = (picture(strip) != before).any(-1)
    assert changed[place.top() : place.bottom() + 1, place.left() : place.right() + 1].any()
    changed[place.top() : place.bottom() + 1, place.left() : place.right() + 1] = False
    assert not changed.any()


def test_the_same_tags_are_not_painted_again(qtbot, strip):
    painted = PaintedAreas()
    qtbot.wait(100)
    strip.installEventFilter(painted)
    strip.set_tags(unknown(25, 2))
    qtbot.wait(100)
    assert painted.areas == []


def test_tags_are_copied(strip):
    tags = unknown(25, 2)
    strip.set_tags(tags)
    before = picture(strip)
    tags[:] = 1
    strip.set_slice(12)
    np.testing.assert_array_equal(picture(strip), before)
    assert tooltip(strip, middle(strip, 4, 0)).endswith("unknown")
    strip.set_tags(tags)
    assert (picture(strip) != before).any()


def test_the_current_slice_is_marked_across_all_rows(make):
    strip = make(25, 5)
    tags = unknown(25, 5)
    tags[:, ::2] = 1
    strip.set_tags(tags)
    without = picture(strip)
    for index in (12, 3):
        strip.set_slice(index)
        seen = picture(strip)
        left, right = strip.cell(index, 0).left() - 1, strip.cell(index, 0).right() + 1
        rows = slice(strip.cell(index, 0).top(), strip.cell(index, 4).bottom())
        for x in (left, right):
            assert share(seen[rows, x], TEXT) == 1
            assert share(without[rows, x], TEXT) < 0.5
        # What is tagged on it can still be read.
        np.testing.assert_array_equal(seen[rows, left + 1 : right], without[rows, left + 1 : right])
    strip.set_slice(None)
    np.testing.assert_array_equal(picture(strip), without)


def test_numbers_stand_above_their_slices(strip):
    strip.set_slice(None)
    axis = picture(strip, QRect(0, 0, strip.width(), strip.cell(0, 0).top() - 4))
    inked = (axis != axis[0, 0]).any(-1).any(0)
    for index in (0, 5, 10, 15, 20):
        assert inked[strip.cell(index, 0).left() : strip.cell(index, 0).right() + 1].any(), index
    for index in (2, 7, 13, 18):
        assert not inked[strip.cell(index, 0).center().x()], index


def test_the_selected_row_is_seen(strip):
    strip.selected_class = 1
    first = picture(strip)
    strip.selected_class = 0
    place = strip.cell(0, 0)
    changed = (picture(strip) != first).any(-1)[:, : place.left() - 2]
    assert changed[place.top() : place.bottom()].mean() > 0.5
    assert changed[place.bottom() + 1 : place.bottom() + place.height()].mean() > 0.5


def test_a_selected_class_stays_selected_when_classes_are_added(strip):
    strip.selected_class = 1
    strip.set_classes(specs(4)[1:])
    assert strip.selected_class == 0
    strip.set_classes(specs(1))
    assert strip.selected_class == 0
    strip.set_classes([])
    assert strip.selected_class is None
    with pytest.raises(ValueError, match="class 0"):
        strip.selected_class = 0


@pytest.mark.parametrize("classes", range(2, 11))
def test_it_fits_a_narrow_dock(make, classes):
    strip = make(155, classes)
    assert strip.sizeHint().width() <= 300
    assert strip.minimumSizeHint().width() <= 200
    assert strip.sizeHint().height() < 300
    strip.set_classes(
        [ClassSpec(name="an enhancing part " * 5, colour="#000000"), *specs(classes)[1:]]
    )
    strip.set_tags(unknown(155, classes))
    assert 0.35 * 300 <= strip.cell(0, 0).left() <= 0.42 * 300
    last = strip.cell(0, classes - 1)
    assert last.bottom() < strip.height()
    # Each row is as high as its text.
    assert last.height() >= strip.fontMetrics().height()


def test_a_strip_without_tags_shows_rows_and_asks_for_nothing(qtbot, strip, asked):
    place = middle(strip, 20, 0)
    strip.set_tags(None)
    drag(qtbot, strip, place, place - QPoint(60, 0))
    turn(strip, -120)
    assert asked == Asked()
    assert share(picture(strip), PALETTE[0]) > 0
    strip.set_tags(np.zeros((0, 2), np.int8))
    drag(qtbot, strip, place, place - QPoint(60, 0))
    turn(strip, -120)
    assert tooltip(strip, place) == ""
    assert asked == Asked()


def test_arrays_of_another_shape_are_refused(strip):
    with pytest.raises(ValueError, match=r"\(25, 3\).*\(slices, 2\)"):
        strip.set_tags(unknown(25, 3))
    for lay_over in (strip.set_disagreements, strip.set_suggestions):
        with pytest.raises(ValueError, match=r"\(24, 2\).*\(25, 2\)"):
            lay_over(np.zeros((24, 2), bool))
