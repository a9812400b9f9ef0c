"""The table of presets: adding one is a module and an entry."""

import pytest
import typer
from qtpy.QtWidgets import QComboBox
from typer.testing import CliRunner

from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.settings import with_settings
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.model.presets.registry import (
    DEFAULT_PRESET,
    PRESETS,
    PresetEntry,
    first_stages,
    learns_from_masks,
    second_stage,
    tried,
)
from napari_mcwss.plugin.training.settings import TrainingSettings
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig, training_config

MODULE = '''
from napari_mcwss.model.presets.mcwss import Mcwss

class Trial(Mcwss):
    """A preset that somebody adds."""
'''


@pytest.fixture
def trial(tmp_path, monkeypatch) -> None:
    """Add a preset ``trial``."""
    (tmp_path / "preset_on_trial.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    entry = PresetEntry("trial (new)", "a preset that somebody adds", "preset_on_trial:Trial")
    monkeypatch.setitem(PRESETS, "trial", entry)


def test_each_entry_names_a_class_and_the_default_can_be_chosen():
    for name, entry in PRESETS.items():
        for tried_name in tried(name):
            source = PRESETS[tried_name]
            assert source.preset_class.__name__ == source.source.partition(":")[2]
        assert not entry.tries or not entry.source
    assert list(first_stages()) == ["auto", "local", "features", "mcwss", "published"]
    assert DEFAULT_PRESET == TrainingConfig().preset == "auto"
    assert second_stage(volumetric=False) == "refined"
    assert second_stage(volumetric=True) == "refined_volume"


def test_the_table_says_which_presets_learn_from_masks():
    for name, entry in PRESETS.items():
        if not entry.tries:
            assert learns_from_masks(name) == entry.preset_class.fits_features
    assert learns_from_masks("auto")


def test_an_added_preset_is_an_option_and_trains_and_is_loaded(trial, run, tagged_study: Study):
    app = typer.Typer()
    app.command()(with_settings(TrainingConfig)(lambda settings: None))
    text = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    assert (
        "auto; local; features; mcwss (the paper's); published (to compare); trial (new)." in text
    )
    options = ("--preset", "trial", "--epochs", 1, "--width", 2, "--pixel", 4, "--device", "cpu")
    code, _, _ = run("train", tagged_study.folder, "--model", "m", *options)
    assert code == 0
    model = load_model(tagged_study.model_folder("m"), device="cpu")
    assert model.info.preset == "trial"
    assert type(model.preset).__name__ == "Trial"


@pytest.mark.gui
def test_an_added_preset_can_be_chosen_in_the_dock(trial, qtbot):
    settings = TrainingSettings()
    qtbot.addWidget(settings)
    box = settings.fields["preset"].native
    assert isinstance(box, QComboBox)
    assert [box.itemText(index) for index in range(box.count())] == [
        "auto",
        "local",
        "features",
        "mcwss (the paper's)",
        "published (to compare)",
        "trial (new)",
    ]
    assert "trial (new): a preset that somebody adds" in box.toolTip()
    with qtbot.waitSignal(settings.changed):
        box.setCurrentText("trial (new)")
    assert settings.config == training_config(preset="trial")


def test_unknown_names_are_refused_with_those_that_are_known(trial):
    with pytest.raises(
        McwssError, match=r"expected one of auto, local, features, mcwss, published, trial$"
    ):
        training_config(preset="magic")
