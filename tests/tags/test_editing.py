"""What a reader does to a scan's tags at once."""

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags import editing
from napari_mcwss.tags.changes import changes_between
from napari_mcwss.tags.table import Tag, TagTable

CLASSES = ("TC", "ED")


@pytest.fixture
def table() -> TagTable:
    return TagTable(CLASSES, np.array([[1, -1], [0, 1], [-1, -1], [1, 0]], np.int8))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda t: editing.set_tag(t, 2, "ED", Tag.ABSENT), [[1, -1], [0, 1], [-1, 0], [1, 0]]),
        (lambda t: editing.set_range(t, "ED", 1, 2), [[1, 0], [0, 1], [-1, 1], [1, 0]]),
        (lambda t: editing.set_range(t, "ED", 2, 1), [[1, 0], [0, 1], [-1, 1], [1, 0]]),
        (lambda t: editing.set_present(t, "ED", 2, 3), [[1, -1], [0, 1], [-1, 1], [1, 1]]),
        (lambda t: editing.set_absent_everywhere(t, "TC"), [[0, -1], [0, 1], [0, -1], [0, 0]]),
        (lambda t: editing.set_all_absent(t, 3), [[1, -1], [0, 1], [-1, -1], [0, 0]]),
        (lambda t: editing.set_rest_absent(t, 0), [[1, 0], [0, 1], [-1, -1], [1, 0]]),
        (lambda t: editing.copy_previous(t, 2), [[1, -1], [0, 1], [0, 1], [1, 0]]),
        (lambda t: editing.copy_previous(t, 0), [[1, -1], [0, 1], [-1, -1], [1, 0]]),
        (lambda t: editing.clear(t, 3), [[1, -1], [0, 1], [-1, -1], [-1, -1]]),
    ],
)
def test_each_act_lists_what_it_changes_and_nothing_else(table, act, expected):
    before = table.values.copy()
    wanted = TagTable(CLASSES, np.array(expected, np.int8))
    assert act(table) == changes_between(table, wanted)
    assert np.array_equal(table.values, before)


@pytest.mark.parametrize(
    "act",
    [
        lambda t: editing.set_tag(t, 4, "TC", Tag.PRESENT),
        lambda t: editing.set_tag(t, 0, "XX", Tag.PRESENT),
        lambda t: editing.set_range(t, "TC", 0, 4),
        lambda t: editing.set_range(t, "TC", -1, 2),
        lambda t: editing.set_range(t, "XX", 0, 1),
        lambda t: editing.set_absent_everywhere(t, "XX"),
    ],
)
def test_slices_and_classes_that_are_not_there_are_refused(table, act):
    with pytest.raises(McwssError):
        act(table)


def test_the_next_untagged_slice_comes_from_the_start_again(table):
    assert editing.next_untagged(table, 0) == 2
    assert editing.next_untagged(table, 2) == 0
    assert editing.next_untagged(table, 3) == 0
    table.values[0] = 0
    assert editing.next_untagged(table, 2) == 2
    table.values[:] = 0
    assert editing.next_untagged(table, 2) is None
