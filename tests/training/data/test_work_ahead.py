from contextlib import closing
from threading import Event
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.training.data.work_ahead import work_ahead

SHAPE = (2, 3, 4)
PATIENCE = 30.0


class Watched:
    """Stands in for a study of scans that tell when they are read."""

    def __init__(self, names: str, damaged: str = "") -> None:
        self.reads = dict.fromkeys(names, 0)
        self.read = {name: Event() for name in names}
        self.damaged = damaged
        geometry = Geometry(SHAPE[::-1], np.eye(4))
        self.scans = {
            name: Scan(name, ["t1"], geometry, lambda name=name: self._load(name)) for name in names
        }

    def scan(self, name: str) -> Scan:
        return self.scans[name]

    def _load(self, name: str) -> np.ndarray:
        self.reads[name] += 1
        self.read[name].set()
        if name in self.damaged:
            raise McwssError(f"{name} is damaged")
        return np.full((1, *SHAPE), ord(name), np.float32)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)


def first_voxel(scan: Scan) -> str:
    return chr(int(scan.volume().flat[0]))


def test_the_next_scan_is_worked_on_while_one_is_used():
    study = Watched("abc")
    with closing(work_ahead(study, "abc", first_voxel)) as results:
        for name, following in [("a", "b"), ("b", "c")]:
            assert next(results) == name
            assert study.read[following].wait(PATIENCE)
        assert next(results) == "c"
    assert study.reads == {"a": 1, "b": 1, "c": 1}


def test_results_keep_the_order_of_the_scans(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    study = Watched("abcde")

    def slow_first(scan: Scan) -> str:
        if scan.name == "a":
            assert study.read["c"].wait(PATIENCE)
        return first_voxel(scan)

    assert list(work_ahead(study, "abcde", slow_first)) == list("abcde")


def test_a_damaged_scan_stops_nobody_before_its_turn():
    study = Watched("abc", damaged="b")
    with closing(work_ahead(study, "abc", first_voxel)) as results:
        assert next(results) == "a"
        assert study.read["b"].wait(PATIENCE)
        with pytest.raises(McwssError, match="b is damaged"):
            next(results)


def test_what_was_read_ahead_is_freed_when_the_work_stops():
    study = Watched("ab")
    with closing(work_ahead(study, "ab", first_voxel)) as results:
        next(results)
        assert study.read["b"].wait(PATIENCE)
    study.scan("b").volume()
    assert study.reads["b"] == 2


def test_a_scan_that_would_fill_the_memory_waits_for_its_turn(monkeypatch):
    study = Watched("abc")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100))
    for name, result in zip("abc", work_ahead(study, "abc", first_voxel), strict=True):
        assert result == name
        assert study.reads == {other: int(other <= name) for other in "abc"}


def test_stopping_tells_nothing_of_a_scan_whose_turn_never_came():
    study = Watched("ab")
    study.scans["b"] = Scan("b", ["t1"], study.scans["a"].geometry, load=lambda: 1 / 0)
    with closing(work_ahead(study, "ab", first_voxel)) as results:
        assert next(results) == "a"
