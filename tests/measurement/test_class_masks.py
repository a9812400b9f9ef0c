import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.class_masks import class_masks, with_unions

CLASSES = ["TC", "ED"]


def test_raw_values_become_class_masks():
    raw = np.array([[[0, 1, 2, 4]]])
    masks = class_masks(raw, CLASSES, {"ED": (2,), "TC": (1, 4)})
    assert masks[:, 0, 0].tolist() == [[False, True, False, True], [False, False, True, False]]
    overlapping = class_masks(raw, CLASSES, {"TC": (1, 4), "ED": (1, 2, 4)})
    assert overlapping[:, 0, 0, 1].all()


def test_a_class_without_values_is_refused():
    with pytest.raises(McwssError, match=r"given for TC, but the classes are TC, ED"):
        class_masks(np.zeros((2, 3, 4), int), CLASSES, {"TC": (1,)})


@pytest.mark.parametrize(
    ("unions", "message"),
    [
        ({"WT": ["TC", "NC"]}, "union WT joins NC, but the classes are TC, ED"),
        ({"TC": ["TC", "ED"]}, "union TC has the name of a class"),
    ],
)
def test_wrong_unions_are_refused(unions, message):
    with pytest.raises(McwssError, match=message):
        with_unions(CLASSES, unions)
