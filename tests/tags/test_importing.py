"""Masks give tags, and a plan says what an import would change."""

import numpy as np
import pytest

from napari_mcwss.tags.importing import Conflict, ImportCounts, ImportPlan, tags_from_mask
from napari_mcwss.tags.table import Tag, TagTable


def test_one_voxel_is_enough():
    mask = np.zeros((4, 5, 6), np.int32)
    mask[1, 4, 5] = 4
    mask[2, 0, 0] = 1
    mask[2, 0, 1] = 2
    mask[3] = 3
    tags = tags_from_mask(mask, {"ED": [2], "TC": [1, 4], "none": [9]})
    assert tags.classes == ("ED", "TC", "none")
    assert tags.values.dtype == np.int8
    assert tags.values.tolist() == [[0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]]


CURRENT = [[1, 0], [-1, 1], [-1, -1]]
IMPORTED = [[1, 1], [0, -1], [-1, 1]]


def plan():
    def table(values):
        return TagTable(("TC", "ED"), np.array(values, np.int8))

    same = [[1, -1]]
    return ImportPlan(
        {"a": table(CURRENT), "b": table(same)}, {"a": table(IMPORTED), "b": table(same)}
    )


def test_a_plan_tells_new_from_conflicting_and_unchanged_tags():
    made = plan()
    counts = made.counts()
    assert (counts.new, counts.unchanged) == (2, 2)
    assert made.conflicts == [Conflict("a", 0, "ED", Tag.ABSENT, Tag.PRESENT)]


def test_a_plan_counts_each_class():
    made = plan()
    assert made.counts("TC") == ImportCounts(new=1, conflicting=0, unchanged=2)
    assert made.counts("ED") == ImportCounts(new=1, conflicting=1, unchanged=0)
    assert made.counts() == ImportCounts(new=2, conflicting=1, unchanged=2)


@pytest.mark.parametrize(
    ("overwrite", "values"),
    [(True, [[1, 1], [0, 1], [-1, 1]]), (False, [[1, 0], [0, 1], [-1, 1]])],
)
def test_conflicting_tags_are_taken_over_or_kept(overwrite, values):
    made = plan()
    result = made.result(overwrite=overwrite)
    assert {scan: table.values.tolist() for scan, table in result.items()} == {"a": values}
    assert made.current["a"].values.tolist() == CURRENT
