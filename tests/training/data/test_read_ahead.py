from contextlib import closing
from threading import Event
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.training.data.read_ahead import read_ahead

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
        return np.zeros((1, *SHAPE), np.float32)


def test_the_next_scan_is_read_while_one_is_used():
    study = Watched("abc")
    with closing(read_ahead(study, "abc")) as names:
        for name, following in [("a", "b"), ("b", "c")]:
            assert next(names) == name
            assert study.read[following].wait(PATIENCE)
        assert next(names) == "c"
        study.scan("c").volume()
    assert study.reads == {"a": 0, "b": 1, "c": 1}


def test_a_damaged_scan_stops_nobody_before_its_turn():
    study = Watched("abc", damaged="b")
    with closing(read_ahead(study, "abc")) as names:
        assert next(names) == "a"
        assert study.read["b"].wait(PATIENCE)
        study.scan("a").volume()
        assert next(names) == "b"
        with pytest.raises(McwssError, match="b is damaged"):
            study.scan("b").volume()


def test_what_was_read_ahead_is_freed_when_reading_stops():
    study = Watched("ab")
    with closing(read_ahead(study, "ab")) as names:
        next(names)
        assert study.read["b"].wait(PATIENCE)
    study.scan("b").volume()
    assert study.reads["b"] == 2


def test_a_scan_that_would_fill_the_memory_is_not_read_ahead(monkeypatch):
    study = Watched("ab")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100))
    assert list(read_ahead(study, "ab")) == ["a", "b"]
    assert study.reads == {"a": 0, "b": 0}


def test_stopping_tells_nothing_of_a_scan_whose_turn_never_came():
    study = Watched("ab")
    study.scans["b"] = Scan("b", ["t1"], study.scans["a"].geometry, load=lambda: 1 / 0)
    with closing(read_ahead(study, "ab")) as names:
        assert next(names) == "a"
