"""The command that trains in a process of its own: it gets all settings as they are."""

import pytest

from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.process.launcher import Beginning, train_command

CONFIG = TrainingConfig(
    preset="local", epochs=1, width=2, pixel=4, device="cpu", learning_rate=1e-3
)


def test_a_process_trains_with_all_settings(run, tagged_study: Study):
    command = train_command(tagged_study, "m", CONFIG)
    options = command[command.index("train") : command.index("--events")]
    assert run(*options)[0] == 0
    assert read_info(tagged_study.model_folder("m")).training == CONFIG.model_dump()


def test_a_training_that_is_resumed_gets_no_settings(tagged_study: Study):
    command = train_command(tagged_study, "m", CONFIG, Beginning.RESUME, trust_corrected=True)
    assert "--resume" in command
    assert not {"--settings", "--trust"} & {*command}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--settings", "width=2"), "expected an object in JSON"),
        (("--settings", "[2]"), "expected an object in JSON"),
        (("--settings", '{"depth": 3}'), "no setting 'depth'"),
        (("--settings", "{}", "--width", "2"), "leave out --width"),
        (("--settings", "{}", "--resume"), "leave out --settings"),
    ],
)
def test_wrong_settings_are_refused(refused, tagged_study: Study, options, message):
    assert message in refused("train", tagged_study.folder, "--model", "m", *options)
    assert not tagged_study.model_names()
