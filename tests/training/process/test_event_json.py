"""Events as lines of JSON."""

import json
import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress, Segmented
from napari_mcwss.training.events import (
    Advice,
    Batch,
    Checkpoint,
    Epoch,
    Finished,
    Message,
    Preview,
    Started,
)
from napari_mcwss.training.process.event_json import (
    Began,
    Cancelled,
    Error,
    Line,
    from_line,
    to_line,
)
from napari_mcwss.training.process.steering import Paused, Resumed

EVENTS = [
    Began("first"),
    Started("first", "cpu", ("pat1", "pat 2"), (), 31, None),
    Started("first", "cuda:1", ("pat1",), ("pat2",), 31, 20),
    Batch(1, 2, 3, {"total": 0.1 + 0.2}, 1 / 3, 1e-7),
    Batch(1, 2, 3, {"total": math.inf}, 0.0, 5.0),
    Epoch(2, {"total": 0.5}, {"TC": 0.75, "Ödem": 1.0}),
    Checkpoint(Path("a study") / "models" / "first", 3),
    Message("reading pat1\n(1 of 2)"),
    Advice("tag “more” slices"),
    Paused(),
    Resumed(),
    Finished("first", Path("models"), 20, 61.5),
    ScanProgress("pat1", 1, 2, 12, 155),
    ScanDone("pat1", 2.5, problem="it has no channel flair"),
    Segmented("1 scan segmented"),
    Cancelled(),
    Error("no tags: tag some"),
]


def test_every_kind_is_tried():
    # A preview has a test of its own: arrays are not simply equal.
    assert {type(event) for event in EVENTS} | {Preview} == set(get_args(Line))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event):
    line = to_line(event)
    assert from_line(line) == event
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["event"] == type(event).__name__.lower()


def test_a_preview_comes_back_as_it_was():
    cams = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    read = from_line(to_line(Preview("pat1", 7, cams)))
    assert isinstance(read, Preview)
    assert (read.scan, read.slice_index) == ("pat1", 7)
    np.testing.assert_array_equal(read.cams, cams)


@pytest.mark.parametrize("cams", [3, {"shape": [2]}, {"shape": [2, 2], "data": "AAAA"}])
def test_a_damaged_preview_is_refused(cams):
    line = {"event": "preview", "scan": "pat1", "slice_index": 7, "cams": cams}
    with pytest.raises(McwssError, match="event 'preview' is damaged: cams"):
        from_line(json.dumps(line))


def test_a_number_that_is_none_comes_back_as_none():
    read = from_line(to_line(Epoch(1, {}, {"TC": math.nan})))
    assert isinstance(read, Epoch)
    assert math.isnan(read.validation["TC"])


def test_fields_of_a_newer_version_are_left_out():
    line = json.dumps({"event": "message", "text": "reading", "colour": "red"})
    assert from_line(line) == Message("reading")


def test_a_kind_of_a_newer_version_is_refused_by_its_name():
    with pytest.raises(McwssError, match=r"unknown event 'dream'.*newer version"):
        from_line('{"event": "dream", "text": "sheep"}')


@pytest.mark.parametrize("line", ["", "epoch 1", '{"event": "mess', "[1]", "3", '{"text": "a"}'])
def test_what_is_no_event_is_refused(line):
    with pytest.raises(McwssError, match="expected a line of JSON"):
        from_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"event": ' * 100_000,
        f'{{"event": "epoch", "epoch": {"9" * 5000}}}',
        '{"event": ["epoch"]}',
        '{"event": {"a": 1}}',
        '{"event": "epoch", "epoch": Infinity, "losses": {}, "validation": {}}',
        '{"event": "began", "model": "m", "process": 0}',
        '{"event": "began", "model": "m", "process": 1e400}',
        '{"event": "began", "model": "m", "time": "yesterday"}',
    ],
    ids=lambda line: line[:40],
)
def test_damage_of_any_kind_is_told_in_one_line(line):
    with pytest.raises(McwssError) as told:
        from_line(line)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500


def test_a_damaged_field_is_named():
    with pytest.raises(McwssError, match=r"'epoch' is damaged: losses"):
        from_line('{"event": "epoch", "epoch": 1, "losses": 5, "validation": {}}')


def test_who_writes_knows_whether_it_has_ended():
    assert not Began("first").holder.gone
    assert Began("first", process=2**31 - 2).holder.gone
    assert Began("first", time="2001-01-01T00:00:00+00:00").holder.gone
