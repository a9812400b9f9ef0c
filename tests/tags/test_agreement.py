"""Agreement is that of the slices which both readers have tagged."""

import math

import numpy as np
import pytest

from napari_mcwss.tags.agreement import Agreement, agreement, class_agreement, disagreements
from napari_mcwss.tags.table import TagTable


def tags(*values):
    return np.array(values, np.int8)


def table(*rows):
    return TagTable(("TC", "ED"), np.array(rows, np.int8))


def test_kappa_of_a_worked_example():
    # 20 both present, 15 both absent, 5 and 10 otherwise: 0.7 observed, 0.5 by chance.
    first = np.repeat(tags(1, 1, 0, 0), [20, 5, 10, 15])
    second = np.repeat(tags(1, 0, 1, 0), [20, 5, 10, 15])
    found = agreement(first, second)
    assert (found.compared, found.agreed) == (50, 35)
    assert found.kappa == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        (tags(1, 0, 1, 0), tags(1, 0, 1, 0), 1),
        (tags(1, 0, 1, 0), tags(0, 1, 0, 1), -1),
        (tags(1, 0, 1, 0), tags(1, 1, 0, 0), 0),
        (tags(1, 1, 1, 1), tags(1, 0, 1, 0), 0),
    ],
)
def test_kappa_at_its_ends(first, second, kappa):
    assert agreement(first, second).kappa == pytest.approx(kappa)


def test_unknown_slices_are_left_out():
    found = agreement(tags(1, 0, -1, 1, -1), tags(1, 0, 1, -1, -1))
    assert found == Agreement(2, 2, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "compared"),
    [(tags(1, 1), tags(1, 1), 2), (tags(1, -1), tags(-1, 0), 0), (tags(), tags(), 0)],
)
def test_kappa_is_not_a_number_where_it_says_nothing(first, second, compared):
    found = agreement(first, second)
    assert (found.compared, found.agreed) == (compared, compared)
    assert math.isnan(found.kappa)


def test_classes_are_compared_over_all_scans():
    pairs = [
        (table([1, 0], [0, 0]), table([1, 1], [0, 0])),
        (table([1, -1]), TagTable(("ED", "TC"), tags([0, 0]))),
    ]
    assert class_agreement(pairs, "TC") == Agreement(3, 2, pytest.approx(0.4))
    assert class_agreement(pairs, "ED").compared == 2
    assert class_agreement([], "TC").compared == 0


def test_disagreements_are_where_both_know():
    first, second = table([1, 0], [-1, 1], [0, 0]), table([1, 1], [0, 1], [1, -1])
    assert disagreements(first, second).tolist() == [[False, True], [False, False], [True, False]]
