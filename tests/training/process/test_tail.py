"""What is told of a process that trains, to whoever finds it later."""

import itertools

import pytest

from napari_mcwss.training.events import Batch, Epoch, Finished
from napari_mcwss.training.process.event_json import Began, to_line
from napari_mcwss.training.process.launcher import BATCHES, follow
from napari_mcwss.training.process.run_folder import RunFolder


@pytest.mark.parametrize("batches", [10, 1000])
def test_curves_of_a_run_that_is_found_again_keep_their_shape(phantom_study, batches):
    run = RunFolder.of(phantom_study, "m")
    run.make()
    lines = [Began("m", time="2001-01-01T00:00:00+00:00")]
    for epoch in (1, 2):
        lines += [Batch(epoch, n + 1, batches, {"total": 1}, 0, 0) for n in range(batches)]
        lines.append(Epoch(epoch, {"total": 1}, {}))
    lines.append(Finished("m", run.folder, 2, 1))
    run.events.write_text("".join(f"{to_line(line)}\n" for line in lines))
    told = [event for event in follow(run) if event is not None]
    assert [type(event) for event in told if not isinstance(event, Batch)] == [
        *(Epoch, Epoch, Finished)
    ]
    places = [event.epoch * batches + event.batch for event in told if isinstance(event, Batch)]
    assert min(2 * batches, BATCHES / 2) <= len(places) <= BATCHES
    assert places[-1] == 3 * batches
    assert len({b - a for a, b in itertools.pairwise(places)}) == 1
