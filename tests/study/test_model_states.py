"""How far models are trained, and which one is used if none is chosen."""

import json

import pytest

from napari_mcwss.study.model_states import ModelState, default_model, model_states
from napari_mcwss.study.study import Study

DONE, STOPPED = ModelState("done"), ModelState("stopped", "stopped in epoch 1 of 10")


def give_model(study: Study, name: str, content: str) -> None:
    folder = study.model_folder(name)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(content)


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("{}", "m"),
        (json.dumps({"stopped": "epoch 6 of 10"}), "m (stopped in epoch 6 of 10)"),
        (
            json.dumps({"stopped": "epoch 2", "undivided": [["TC", "ED"]]}),
            "m (stopped in epoch 2, TC and ED not told apart)",
        ),
        (json.dumps({"undivided": [["TC", "ED"]]}), "m (TC and ED not told apart)"),
        ("", "m (cannot be read)"),
        (json.dumps({"stopped": 3}), "m (cannot be read)"),
    ],
)
def test_a_model_says_what_its_training_lacks(phantom_study: Study, content, label):
    give_model(phantom_study, "m", content)
    (state,) = model_states(phantom_study)
    assert state.label == label
    assert state.finished == (label == "m")


def test_a_model_of_an_older_version_is_stopped_if_its_training_can_be_resumed(
    phantom_study: Study,
):
    for name, key in (("m", "one"), ("m-stopped", "two"), ("other", "three")):
        give_model(phantom_study, name, json.dumps({"key": key}))
    working = phantom_study.model_folder("m").with_name(".m.training")
    working.mkdir()
    (working / "config.json").write_text(json.dumps({"key": "two"}))
    labels = sorted(state.label for state in model_states(phantom_study))
    assert labels == ["m", "m-stopped (stopped)", "other"]


@pytest.mark.parametrize(
    ("states", "chosen", "known", "model"),
    [
        ([], "", (), ""),
        ([DONE, STOPPED], "", (), "done"),
        ([STOPPED], "", (), "stopped"),
        ([DONE, STOPPED], "done", {"done"}, "done"),
        ([DONE, STOPPED], "stopped", {"done"}, "stopped"),
        ([STOPPED, DONE], "stopped", (), "done"),
        ([DONE, STOPPED], "removed", {"done"}, "done"),
        ([DONE, ModelState("newer"), STOPPED], "done", {"done", "newer"}, "done"),
        ([DONE, ModelState("newer"), STOPPED], "done", {"done"}, "newer"),
    ],
)
def test_the_newest_finished_model_is_used_and_a_stopped_one_takes_no_place(
    states, chosen, known, model
):
    assert default_model(states, chosen, known) == model
