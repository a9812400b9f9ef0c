"""A training that was interrupted goes on as if it had not been."""

import itertools
from collections.abc import Callable, Generator

import numpy as np
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.study.study import Study
from napari_mcwss.training import clock
from napari_mcwss.training.checkpoints.state import read_state
from napari_mcwss.training.checkpoints.unfinished import STATE, unfinished_training, working_folder
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Advice, Batch, Checkpoint, Epoch, Event, Message, Started
from napari_mcwss.training.loop import resume, train

TINY = TrainingConfig(preset="local", width=2, epochs=2, batch_size=8, device="cpu")


def weights(study: Study, name: str) -> dict[str, torch.Tensor]:
    return load_model(study.model_folder(name), device="cpu").preset.state_dict()


def history(study: Study, name: str) -> str:
    return (study.model_folder(name) / "history.csv").read_text()


def stop_at(events: Generator[Event, None, None], wanted: Callable[[Event], bool]) -> list[Event]:
    """Drive a training to an event, and close it there."""
    seen = []
    for event in events:
        seen.append(event)
        if wanted(event):
            events.close()
            return seen
    raise AssertionError("the training ended before it was stopped")


def same(study: Study, one: str, other: str) -> bool:
    first, second = weights(study, one), weights(study, other)
    return all(torch.allclose(first[k], second[k], rtol=0, atol=1e-6) for k in first)


def batch(epoch: int, number: int) -> Callable[[Event], bool]:
    return lambda e: isinstance(e, Batch) and (e.epoch, e.batch) == (epoch, number)


def says(text: str) -> Callable[[Event], bool]:
    return lambda e: isinstance(e, Message) and text in e.text


@pytest.mark.parametrize(
    "wanted",
    [batch(1, 1), batch(2, 3), lambda e: isinstance(e, Epoch), lambda e: isinstance(e, Checkpoint)],
)
@pytest.mark.parametrize("preset", ["local", "mcwss"])
def test_a_stopped_training_ends_as_one_that_was_not(tagged_study: Study, preset, wanted):
    config = TINY.model_copy(update={"preset": preset})
    list(train(tagged_study, "whole", config))
    before = stop_at(train(tagged_study, "m", config), wanted)
    after = list(resume(tagged_study, "m"))
    assert same(tagged_study, "whole", "m")
    assert history(tagged_study, "whole") == history(tagged_study, "m")
    assert read_info(tagged_study.model_folder("m")).epochs == 2
    batches = [(e.epoch, e.batch) for e in before + after if isinstance(e, Batch)]
    assert len(batches) == len(set(batches)), "no batch is learnt from twice"
    assert unfinished_training(tagged_study, "m") is None
    assert not list((tagged_study.folder / "models").glob(".*"))


def test_it_may_be_stopped_again_and_again(tagged_study: Study):
    list(train(tagged_study, "whole", TINY))
    stop_at(train(tagged_study, "m", TINY), batch(1, 1))
    for _ in range(5):
        stop_at(resume(tagged_study, "m"), lambda e: isinstance(e, Batch))
    list(resume(tagged_study, "m"))
    assert same(tagged_study, "whole", "m")
    assert tagged_study.model_names() == ["whole", "m"]


@pytest.mark.parametrize("place", ["validating (0", "validating (8"])
@pytest.mark.parametrize("preset", ["local", "mcwss"])
def test_stopped_while_validating(tagged_study: Study, monkeypatch, place, preset):
    monkeypatch.setattr("napari_mcwss.training.data.split.MIN_SCANS_TO_VALIDATE", 2)
    config = TINY.model_copy(update={"validation_share": 0.5, "preset": preset, "batch_size": 4})
    list(train(tagged_study, "whole", config))
    stop_at(train(tagged_study, "m", config), says(place))
    list(resume(tagged_study, "m"))
    assert same(tagged_study, "whole", "m")
    assert history(tagged_study, "whole") == history(tagged_study, "m")


@pytest.mark.parametrize(
    "wanted",
    [says("labelling phantom01"), says("labelling phantom03"), batch(2, 1), batch(2, 3)],
)
def test_stopped_in_labelling_or_in_the_second_stage(tagged_study: Study, wanted):
    config = TINY.model_copy(update={"refine": True, "epochs": 1})
    list(train(tagged_study, "whole", config))
    stop_at(train(tagged_study, "m", config), wanted)
    assert read_info(tagged_study.model_folder("m")).preset == "local"
    list(resume(tagged_study, "m"))
    assert read_info(tagged_study.model_folder("m")).preset == "refined"
    assert same(tagged_study, "whole", "m")


def test_labels_are_not_made_twice(tagged_study: Study):
    config = TINY.model_copy(update={"refine": True, "epochs": 1})
    stop_at(train(tagged_study, "m", config), batch(2, 1))
    events = list(resume(tagged_study, "m"))
    texts = [event.text for event in events if isinstance(event, Message)]
    labelled = [text for text in texts if "labelling" in text]
    assert len(labelled) == len(set(labelled)) == 4


def test_masks_that_were_given_are_still_there(tagged_study: Study):
    scan = tagged_study.scan_names[1]
    labels = np.zeros(tagged_study.scan(scan).geometry.shape, np.uint8)
    labels[:, 10:20, 10:20] = 1
    config = TINY.model_copy(update={"refine": True, "epochs": 1})
    list(train(tagged_study, "whole", config, trusted={scan: labels}))
    stop_at(train(tagged_study, "m", config, trusted={scan: labels}), batch(1, 2))
    list(resume(tagged_study, "m"))
    assert read_info(tagged_study.model_folder("m")).trusted_scans == (scan,)
    assert same(tagged_study, "whole", "m")
    stop_at(train(tagged_study, "n", config, trusted={scan: labels}), batch(1, 2))
    (working_folder(tagged_study, "n") / "trusted" / f"{scan}.npz").unlink()
    with pytest.raises(McwssError, match=f"masks of {scan}"):
        list(resume(tagged_study, "n"))


def test_minutes_go_on_where_they_were_and_pauses_do_not_count(tagged_study: Study, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    config = TrainingConfig(preset="local", width=2, minutes=1, batch_size=8, device="cpu")

    def driven(events, *, stop_after: float = 1e9) -> list[Event]:
        """Each step takes ten seconds; between two the driver pauses for an hour."""
        seen = []
        for event in events:
            seen.append(event)
            if isinstance(event, Batch):
                if event.progress >= stop_after:
                    events.close()
                    break
                now[0] += 3600
        return seen

    step = torch.optim.AdamW.step

    def slow(self, *args, **kwargs):
        now[0] += 10
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", slow)
    whole = driven(train(tagged_study, "whole", config))
    before = driven(train(tagged_study, "m", config), stop_after=0.4)
    after = driven(resume(tagged_study, "m"))
    both = [event.progress for event in before + after if isinstance(event, Batch)]
    assert both == [event.progress for event in whole if isinstance(event, Batch)]
    assert both[-1] == 1
    assert same(tagged_study, "whole", "m")
    assert whole[-1].seconds == after[-1].seconds == 60


def test_a_resumed_training_tells_what_it_told_at_first(tagged_study: Study):
    before = stop_at(train(tagged_study, "m", TINY), batch(2, 2))
    after = list(resume(tagged_study, "m"))
    told = [[e for e in events if isinstance(e, Started | Advice)] for events in (before, after)]
    assert told[0] == told[1]
    progress = [event.progress for event in before + after if isinstance(event, Batch)]
    assert progress == sorted(progress)


def test_a_state_is_written_every_minute_and_every_epoch(tagged_study: Study, monkeypatch):
    now = itertools.count(step=10.0)
    monkeypatch.setattr(clock.time, "monotonic", lambda: next(now))
    events = list(train(tagged_study, "m", TINY.model_copy(update={"epochs": 20})))
    states = [e for e in events if isinstance(e, Checkpoint) and e.kind == "state"]
    batches = max(event.batches for event in events if isinstance(event, Batch))
    assert any(state.batch < batches for state in states)
    assert states[-1].epoch == 20


def test_nothing_is_loaded_that_is_not_whole(tagged_study: Study):
    stop_at(train(tagged_study, "m", TINY), batch(1, 2))
    path = working_folder(tagged_study, "m") / STATE
    content = path.read_bytes()
    state = read_state(path)
    assert state.config["width"] == 2
    for damaged in (content[:-100], content[: len(content) // 2], b"", b"\x80\x04N."):
        path.write_bytes(damaged)
        with pytest.raises(McwssError, match="cannot be read as the state of a training"):
            list(resume(tagged_study, "m"))
    weight = max(state.run["network"].values(), key=torch.numel).numpy().tobytes()
    flipped = bytearray(content)
    flipped[content.index(weight)] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(McwssError, match="cannot be read"):
        list(resume(tagged_study, "m"))


def test_a_state_holds_no_code(tagged_study: Study):
    stop_at(train(tagged_study, "m", TINY), batch(1, 2))
    path = working_folder(tagged_study, "m") / STATE
    torch.save({"format": 1, "key": Study}, path)
    with pytest.raises(McwssError, match="UnpicklingError"):
        list(resume(tagged_study, "m"))


def test_other_tags_than_it_began_with_are_refused(tagged_study: Study):
    stop_at(train(tagged_study, "m", TINY), batch(1, 2))
    scan = tagged_study.scan_names[2]
    table = tagged_study.tags.read(scan)
    table.values[0, 0] = -1
    tagged_study.tags.write({scan: table})
    with pytest.raises(McwssError, match=rf"have changed \(tags of {scan}\)"):
        list(resume(tagged_study, "m"))
    assert unfinished_training(tagged_study, "m") is not None


def test_another_scan_than_it_began_with_is_refused(tagged_study: Study):
    stop_at(train(tagged_study, "m", TINY), batch(1, 2))
    first, second = (tagged_study.files(name)[0] for name in tagged_study.scan_names[:2])
    first.write_bytes(second.read_bytes())
    study = Study.open(tagged_study.folder)
    with pytest.raises(McwssError, match=rf"have changed \(scan {study.scan_names[0]}\)"):
        list(resume(study, "m"))


def test_another_class_than_it_began_with_is_refused(tagged_study: Study):
    stop_at(train(tagged_study, "m", TINY), batch(1, 2))
    tagged_study.add_classes(["necrosis"])
    with pytest.raises(McwssError, match=r"have changed.*classes"):
        list(resume(tagged_study, "m"))
