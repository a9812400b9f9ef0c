"""The tag strip, with real clicks, drags and turns of the wheel, and its pixels."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt
from qtpy.QtGui import QColor, QHelpEvent, QImage, QWheelEvent
from qtpy.QtWidgets import QApplication, QLineEdit, QToolTip, QVBoxLayout, QWidget

from napari_mcwss.description import PALETTE, ClassSpec
from napari_mcwss.plugin.tag_strip import TagStrip
from napari_mcwss.plugin.tag_strip_cells import LEAST, WIDEST, Columns

pytestmark = pytest.mark.gui
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


@pytest.fixture
def make(qtbot) -> Callable[..., TagStrip]:
    """Make strips without tags on screen."""
    windows = []

    def strip(slices=25, classes=2, theme="dark", width=300) -> TagStrip:
        # A window manager may give a window another size: the strip inside keeps its own.
        windows.append(QWidget())
        qtbot.addWidget(windows[-1])
        strip = TagStrip(theme, windows[-1])
        strip.set_classes(specs(classes))
        strip.resize(width, strip.sizeHint().height())
        strip.set_tags(unknown(slices, classes))
        windows[-1].resize(strip.size())
        with qtbot.waitExposed(windows[-1], timeout=PATIENCE):
            windows[-1].show()
        return strip

    return strip


def watch(strip: TagStrip) -> Asked:
    """Go to the slices that the strip asks for, as the dock does, and note all."""
    asked = Asked()
    strip.slice_chosen.connect(strip.set_slice)
    strip.slice_chosen.connect(asked.slices.append)
    strip.range_chosen.connect(lambda *what: asked.ranges.append(what))
    strip.class_selected.connect(asked.classes.append)
    return asked


@pytest.fixture
def strip(make) -> TagStrip:
    """25 unknown slices of TC and ED in a narrow dock, the 12th on screen."""
    strip = make()
    strip.set_slice(12)
    return strip


@pytest.fixture
def asked(strip) -> Asked:
    return watch(strip)


def picture(strip: TagStrip, place: QRect | None = None) -> np.ndarray:
    """Give the colours that are seen, (y, x, 3)."""
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
    """Give the part of pixels that have a colour."""
    return float((pixels == rgb(colour)).all(-1).mean())


def luminance(colour: np.ndarray) -> float:
    parts = colour / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Give the contrast of two colours as the WCAG defines it."""
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


# --- what is seen -----------------------------------------------------------


def test_a_present_tag_is_a_block_in_the_colour_of_its_class(strip):
    tags = unknown(25, 2)
    tags[3, 0] = tags[20, 1] = 1
    strip.set_tags(tags)
    for index, row in ((3, 0), (20, 1)):
        assert share(cell(strip, index, row), PALETTE[row]) > 0.3
        assert share(cell(strip, index, 1 - row), PALETTE[1 - row]) == 0


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("slices", [25, 1000])
def test_all_looks_differ_without_colour_and_stand_out_from_the_ground(make, theme, slices):
    """Whatever the class's colour is: here it is that of the ground itself."""
    strip = make(slices, 2, theme)
    ground = cell(strip, 2, 0)[0, 0]
    hidden = ClassSpec(name="hidden", colour="#{:02x}{:02x}{:02x}".format(*ground))
    strip.set_classes([hidden])
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
                assert (look[:, :width] != other[:, :width]).any(-1).sum() >= 3, (first, second)


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


# --- what is asked for ------------------------------------------------------


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
    strip = make(155, width=300)
    strip.set_slice(150)
    before = strip.cell(0, 0).left()
    strip.resize(1200, strip.height())
    qtbot.waitUntil(lambda: strip.cell(0, 0).left() > max(before, 0), timeout=PATIENCE)
    assert strip.cell(154, 0).right() < 1200
    assert strip.cell(154, 0).right() > 1150


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
            assert widths.min() >= LEAST * unit
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
