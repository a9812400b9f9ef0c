"""What goes wrong while a network learns, in plain words."""

import numpy as np

from napari_mcwss.training.diagnostics import PATIENCE, poorly_learnt

CLASSES = ("TC", "ED")
TAGS = np.array([[1, 1]] * 9 + [[0, 1]] * 8 + [[0, 0]] * 3, np.int8)


def test_a_class_at_chance_is_named_with_the_tags_that_it_lacks():
    found = poorly_learnt({"TC": 0.97, "ED": 0.512}, TAGS, CLASSES, PATIENCE)
    assert list(found) == ["ED"]
    assert f"AUC of ED is 0.51 after {PATIENCE} epochs" in found["ED"]
    assert "3 slices are tagged absent" in found["ED"]


def test_nothing_is_said_too_early_nor_twice():
    aucs = {"TC": 0.4, "ED": 0.5}
    assert not poorly_learnt(aucs, TAGS, CLASSES, PATIENCE - 1)
    assert list(poorly_learnt(aucs, TAGS, CLASSES, PATIENCE, told={"TC"})) == ["ED"]


def test_a_class_without_a_figure_is_not_accused():
    assert not poorly_learnt({}, TAGS, CLASSES, PATIENCE)
    assert not poorly_learnt({"TC": float("nan")}, TAGS, CLASSES, PATIENCE)
