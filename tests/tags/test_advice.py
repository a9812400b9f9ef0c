"""What is said of tags that cannot teach a class."""

import numpy as np
import pytest

from napari_mcwss.tags.advice import advise, level_area

CLASSES = ("TC", "ED")


def scans(count: int, *, shifted: bool, slices=60) -> dict[str, np.ndarray]:
    """Oedema with a core in its middle, at one level or at another in each scan."""
    found = {}
    for index in range(count):
        tags = np.zeros((slices, 2), np.int8)
        first = 2 + (index * 7 % 25 if shifted else 10 + index % 2)
        tags[first : first + 30, 1] = 1
        tags[first + 8 : first + 22, 0] = 1
        found[f"scan{index}"] = tags
    return found


def test_tags_that_teach_need_no_advice():
    assert advise(scans(6, shifted=True), CLASSES) == []


def test_a_class_that_comes_at_one_level_alone_is_told():
    one_level = scans(6, shifted=False)
    assert level_area(one_level, 0) > 0.95 > level_area(scans(6, shifted=True), 0)
    first, second = advise(one_level, CLASSES)
    assert "level of a slice predicts whether TC" in first
    assert "whether ED" in second


def test_the_level_is_measured_on_scans_left_out():
    (tags,) = scans(1, shifted=True).values()
    assert level_area({"a": tags}, 0) == 0.5
    # Two scans that contradict each other teach nothing of each other.
    assert level_area({"a": tags, "b": 1 - tags}, 1) < 0.2


def test_unknown_tags_count_for_nothing():
    tags = scans(6, shifted=False)
    for values in tags.values():
        values[:, 0] = -1
    assert level_area(tags, 0) == 0.5
    assert any(
        "TC is tagged present on no slice: tag some where it is present" in line
        for line in advise(tags, CLASSES)
    )


def test_few_slices_are_counted():
    tags = {name: values[10:45] for name, values in scans(6, shifted=True).items()}
    for values in tags.values():
        values[values[:, 1] == 0] = -1
        values[0] = 0
    assert "ED is tagged absent on only 6 slices: tag more of them" in advise(tags, CLASSES)


def test_a_class_of_one_scan_is_told():
    tags = scans(6, shifted=True)
    for name in list(tags)[1:]:
        tags[name][:, 0] = 0
    (line,) = advise(tags, CLASSES)
    assert line.startswith("TC is present only in scan0")


def test_a_single_tagged_scan_is_told_once():
    tags = scans(2, shifted=True)
    tags["scan1"][:] = -1
    (line,) = advise(tags, CLASSES)
    assert line.startswith("scan0 is the only scan with tags")
    assert advise({"scan0": tags["scan0"]}, CLASSES) == [line]


def test_classes_that_always_come_together_are_told():
    tags = scans(6, shifted=True)
    for values in tags.values():
        values[:, 1] = values[:, 0]
    (line,) = advise(tags, CLASSES)
    assert "TC and ED have the same tags on every slice" in line


def test_a_class_that_is_hardly_ever_without_another_is_told():
    tags = scans(6, shifted=True)
    for values in tags.values():
        values[:, 0] = values[:, 1]
        values[np.flatnonzero(values[:, 1])[0], 0] = 0
    (line,) = advise(tags, CLASSES)
    assert line.startswith("ED is without TC on only 6 slices")


@pytest.mark.parametrize("slices", [1, 7, 19])
def test_scans_of_few_slices_are_no_trouble(slices):
    tags = {"a": np.ones((slices, 1), np.int8), "b": np.zeros((slices, 1), np.int8)}
    assert 0 <= level_area(tags, 0) <= 1
    assert advise(tags, ["x"])
