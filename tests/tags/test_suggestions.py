"""What is suggested for slices without tags, and what becomes of it."""

import numpy as np
import pytest

from napari_mcwss.tags.changes import with_changes
from napari_mcwss.tags.suggestions import accepted, most_uncertain, open_suggestions
from napari_mcwss.tags.table import TagTable


def table(*rows: tuple[int, int]) -> TagTable:
    return TagTable(("TC", "ED"), np.array(rows, np.int8))


PROBABILITIES = np.array([[0.9, 0.2], [0.55, 0.97], [0.1, 0.03]], np.float32)


def test_a_tagged_slice_has_no_suggestion():
    suggested = open_suggestions(PROBABILITIES, table((1, -1), (-1, -1), (0, 0)))
    assert np.isnan(suggested).tolist() == [[True, False], [False, False], [True, True]]


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (0.5, [[0, 0], [1, 1], [0, 0]]),
        (0.9, [[0, -1], [-1, 1], [0, 0]]),
        (1.0, [[0, -1], [-1, -1], [-1, -1]]),
    ],
)
def test_sure_suggestions_become_tags_and_known_tags_stay(confidence, expected):
    before = table((0, -1), (-1, -1), (-1, -1))
    changes = accepted(before, PROBABILITIES, confidence)
    assert with_changes(before, changes).values.tolist() == expected
    assert before.values.tolist() == [[0, -1], [-1, -1], [-1, -1]]


def test_one_slice_alone_can_be_accepted():
    before = table(*[(-1, -1)] * 3)
    found = with_changes(before, accepted(before, PROBABILITIES, slice_index=1))
    assert found.values.tolist() == [[-1, -1], [1, 1], [-1, -1]]


def test_the_least_sure_slices_of_all_scans_come_first():
    suggestions = {"a": PROBABILITIES, "b": np.array([[0.48, 0.95]] * 3, np.float32)}
    tables = {"a": table(*[(-1, -1)] * 3), "b": table((-1, -1), (0, -1), (0, 1))}
    visited: list[tuple[str, int]] = []
    while (place := most_uncertain(suggestions, tables, visited)) is not None:
        visited.append(place)
    assert visited == [("b", 0), ("a", 1), ("a", 0), ("a", 2), ("b", 1)]
    assert most_uncertain(suggestions, {}) is None
