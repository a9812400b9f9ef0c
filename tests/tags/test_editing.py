"""What a reader does to a scan's tags at once."""

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags import editing
from napari_mcwss.tags.table import Tag, TagTable

CLASSES = ("TC", "ED")


@pytest.fixture
def table() -> TagTable:
    return TagTable(CLASSES, np.array([[1, -1], [0, 1], [-1, -1], [1, 0]], np.int8))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda t: editing.with_tag(t, 2, "ED", Tag.ABSENT), [[1, -1], [0, 1], [-1, 0], [1, 0]]),
        (lambda t: editing.toggled(t, 0, "TC"), [[0, -1], [0, 1], [-1, -1], [1, 0]]),
        (lambda t: editing.toggled(t, 1, "TC"), [[1, -1], [-1, 1], [-1, -1], [1, 0]]),
        (lambda t: editing.with_range(t, "ED", 1, 2), [[1, 0], [0, 1], [-1, 1], [1, 0]]),
        (lambda t: editing.with_range(t, "ED", 2, 1), [[1, 0], [0, 1], [-1, 1], [1, 0]]),
        (lambda t: editing.present_on(t, "ED", 2, 3), [[1, -1], [0, 1], [-1, 1], [1, 1]]),
        (lambda t: editing.nowhere(t, "TC"), [[0, -1], [0, 1], [0, -1], [0, 0]]),
        (lambda t: editing.nothing_here(t, 3), [[1, -1], [0, 1], [-1, -1], [0, 0]]),
        (lambda t: editing.rest_absent(t, 0), [[1, 0], [0, 1], [-1, -1], [1, 0]]),
        (lambda t: editing.copied_from_previous(t, 2), [[1, -1], [0, 1], [0, 1], [1, 0]]),
        (lambda t: editing.copied_from_previous(t, 0), [[1, -1], [0, 1], [-1, -1], [1, 0]]),
        (lambda t: editing.cleared(t, 3), [[1, -1], [0, 1], [-1, -1], [-1, -1]]),
    ],
)
def test_each_act_changes_what_it_says_in_a_new_table(table, act, expected):
    before = table.values.copy()
    assert act(table).values.tolist() == expected
    assert np.array_equal(table.values, before)


@pytest.mark.parametrize(
    "act",
    [
        lambda t: editing.toggled(t, 4, "TC"),
        lambda t: editing.toggled(t, 0, "XX"),
        lambda t: editing.with_range(t, "TC", 0, 4),
        lambda t: editing.with_range(t, "TC", -1, 2),
        lambda t: editing.with_range(t, "XX", 0, 1),
        lambda t: editing.nowhere(t, "XX"),
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
