"""A training that goes on as long as it gets better, and the rate at which it learns meanwhile."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.study.study import Study
from napari_mcwss.training import length as lengths
from napari_mcwss.training import run, stages
from napari_mcwss.training.config import TrainingConfig, training_config
from napari_mcwss.training.events import Batch, Epoch, Started
from napari_mcwss.training.length import Length
from napari_mcwss.training.loop import resume, train

PATIENT = TrainingConfig(preset="local", epochs=10, patience=3)
TINY = TrainingConfig(preset="local", width=2, epochs=2, patience=2, batch_size=8, device="cpu")


def shares(
    length: Length, losses: Iterable[float], aucs: Callable[[int], float] | None = None
) -> list[float]:
    """Give the share that is done after each epoch, until all is."""
    found = []
    for epoch, loss in enumerate(losses, 1):
        measured = {"TC": aucs(epoch)} if aucs else {}
        length.judge(epoch, {"total": loss}, measured)
        found.append(length.share(epoch, 0.0))
        if found[-1] == 1:
            return found
    raise AssertionError("it never ends")


def improving(epochs: int) -> list[float]:
    """Losses that fall for some epochs, and then no more."""
    return [1 / min(epoch, epochs) for epoch in range(1, 200)]


def test_the_share_stands_still_while_the_loss_falls_and_then_goes_on():
    found = shares(Length(PATIENT), improving(8))
    held = 8 + 3  # those that were better, the first included, and its patience
    assert found[:held] == [pytest.approx(0.1)] * held
    assert found[held:] == pytest.approx([0.1 * n for n in range(2, 11)])


def test_one_that_gets_no_better_waits_its_patience_alone():
    assert len(shares(Length(PATIENT), improving(1))) == 10 + 3


def test_a_loss_that_hardly_falls_is_no_better():
    slow = [1 - 0.001 * epoch for epoch in range(100)]
    # Each tenth is a per cent better than the best before it.
    assert len(shares(Length(PATIENT), slow)) == 10 + 3


def test_held_back_tags_count_more_than_the_loss():
    found = shares(Length(PATIENT), improving(100), lambda epoch: min(0.5 + 0.05 * epoch, 0.7))
    assert len(found) == 10 + 3 + (4 - 1)


def test_every_stage_of_a_preset_is_waited_for_the_later_ones_by_their_loss():
    length = Length(PATIENT, (0.0, 0.6))
    found = shares(length, improving(30), lambda _: 0.8)
    held = [share for share, after in pairwise(found) if share == after]
    assert {round(share, 3) for share in held} == {0.06, 0.64}
    assert held.count(held[0]) == 3
    assert held.count(held[-1]) > 10, "the loss still falls, the area does not count"


def test_it_ends_even_if_it_gets_better_for_ever():
    falling = [0.9**epoch for epoch in range(500)]
    found = shares(Length(PATIENT), falling)
    assert len(found) <= lengths.MOST * 10


def test_the_state_of_one_makes_another_go_on():
    losses = improving(6)
    whole = shares(Length(PATIENT), losses)
    for stop in range(1, len(whole)):
        one, other = Length(PATIENT), Length(PATIENT)
        for epoch in range(1, stop + 1):
            one.judge(epoch, {"total": losses[epoch - 1]}, {})
        other.restore(one.state())
        assert other.share(stop + 0.5, 0.0) == one.share(stop + 0.5, 0.0)
        assert other.share(stop, 0.0) == whole[stop - 1]
        assert other.waits == one.waits


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """The learning rate of each step."""
    seen: list[float] = []
    step = run.torch.optim.AdamW.step

    def spy(self, *args, **kwargs):
        seen.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(run.torch.optim.AdamW, "step", spy)
    return seen


def test_the_rate_stays_high_while_it_gets_better_and_falls_then(
    tagged_study: Study, monkeypatch, rates
):
    aucs = iter([0.5, 0.6, 0.7, 0.8, *[0.8] * 20])
    monkeypatch.setattr(stages, "evaluate_tags", lambda *_: {"TC": next(aucs)})
    config = TINY.model_copy(update={"preset": "mcwss"})
    events = list(train(tagged_study, "m", config))
    epochs = [event.epoch for event in events if isinstance(event, Epoch)]
    assert epochs == list(range(1, 1 + len(epochs)))
    assert next(event.epochs for event in events if isinstance(event, Started)) is None
    batches = [event for event in events if isinstance(event, Batch)]
    open_ended = [event.epoch for event in batches if event.open_ended]
    assert max(open_ended) == 4 + 2, "it waits its patience after the last that was better"
    held = [rate for rate, batch in zip(rates, batches, strict=True) if 1 < batch.epoch <= 6]
    assert set(held) == {max(rates)}
    fallen = [rate for rate, batch in zip(rates, batches, strict=True) if batch.epoch > 6]
    assert fallen == sorted(fallen, reverse=True)
    assert fallen[-1] < 0.1 * max(rates)
    assert all(batch.seconds_left > 0 for batch in batches[:-1])


def test_one_that_was_stopped_waits_as_long_as_one_that_was_not(tagged_study: Study):
    epoch = 3  # in the middle of its waiting
    config = TINY.model_copy(update={"epochs": 1})
    told = list(train(tagged_study, "whole", config))
    events = train(tagged_study, "m", config)
    next(event for event in events if isinstance(event, Batch) and event.epoch == epoch)
    events.close()
    after = list(resume(tagged_study, "m"))
    last = [max(e.epoch for e in seen if isinstance(e, Epoch)) for seen in (told, after)]
    assert last[0] == last[1] > epoch
    one, other = (
        load_model(tagged_study.model_folder(name), device="cpu").preset.state_dict()
        for name in ("whole", "m")
    )
    assert all((one[key] == other[key]).all() for key in one)


def test_a_length_has_an_end():
    with pytest.raises(McwssError, match=r"minutes = inf: .* finite"):
        training_config(minutes=float("inf"))


def test_patience_and_minutes_exclude_each_other():
    with pytest.raises(McwssError, match="patience = 5: cannot be combined with minutes"):
        training_config(patience=5, minutes=2)
