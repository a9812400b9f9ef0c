"""Which scans are trained on, and which are for validation."""

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.training.data.split import split_scans


def tagged(scans: int) -> dict[str, NDArray[np.int8]]:
    return {f"scan{index}": np.array([[0, 1], [1, 0]], np.int8) for index in range(scans)}


def test_validation_takes_whole_scans_and_shares_none_with_training():
    split = split_scans(tagged(10), 0.2, seed=3)
    assert len(split.validation) == 2
    assert sorted([*split.training, *split.validation]) == list(tagged(10))
    assert split == split_scans(tagged(10), 0.2, seed=3)
    assert len({split_scans(tagged(10), 0.2, seed=seed).validation for seed in range(5)}) > 1


def test_few_scans_are_all_trained_on():
    assert split_scans(tagged(9), 0.2, seed=0).validation == ()
    assert len(split_scans(tagged(10), 0.01, seed=0).validation) == 1
    assert split_scans(tagged(10), 0.0, seed=0).validation == ()


def test_scans_to_be_kept_are_never_held_back():
    for seed in range(5):
        split = split_scans(tagged(10), 0.5, seed=seed, keep=list(tagged(7)))
        assert set(split.validation) == set(list(tagged(10))[7:])
    assert split_scans(tagged(10), 0.2, seed=0, keep=tagged(10)).validation == ()


def test_scans_that_alone_show_a_class_present_or_absent_are_never_held_back():
    tags = tagged(12)
    for name, values in tags.items():
        # Only two scans show the first class at all, only one the second one absent.
        values[:, 0] = [0, 1] if name in ("scan3", "scan5") else -1
        values[:, 1] = [0, 1] if name == "scan7" else 1
    for seed in range(20):
        split = split_scans(tags, 0.5, seed)
        assert len(split.validation) == 6
        assert "scan7" in split.training
        assert {"scan3", "scan5"} & set(split.training)
