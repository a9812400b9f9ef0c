"""The form and the options of a training, generated from the fields of its settings."""

from typing import Annotated, Any

import pytest
import typer
from pydantic import Field
from qtpy.QtWidgets import QFormLayout
from typer.testing import CliRunner

from napari_mcwss.base.settings import Shown
from napari_mcwss.cli.settings import with_settings
from napari_mcwss.plugin.training import settings as form
from napari_mcwss.training import config
from napari_mcwss.training.config import TrainingConfig

pytestmark = pytest.mark.gui


class More(TrainingConfig):
    """A setting is added, as one field."""

    blur: Annotated[float | None, Shown(unit="mm", step=0.5)] = Field(
        default=None, ge=0.5, le=8, title="Blur", description="Blurs the images by so much."
    )
    steps_ahead: Annotated[int, Shown(form=False)] = Field(
        default=3, ge=1, title="Ahead", description="Steps read ahead."
    )


@pytest.fixture
def settings(qtbot, monkeypatch) -> form.TrainingSettings:
    monkeypatch.setattr(form, "TrainingConfig", More)
    monkeypatch.setattr(config, "TrainingConfig", More)
    settings = form.TrainingSettings()
    qtbot.addWidget(settings)
    return settings


def test_a_field_is_a_row_of_the_form(qtbot, settings):
    assert settings.config == More()
    box = settings.fields["blur"].native
    layout = settings.layout()
    assert isinstance(layout, QFormLayout)
    assert layout.labelForField(box).text() == "Blur"
    assert box.toolTip() == "Blurs the images by so much."
    assert (box.text(), box.maximum(), box.singleStep()) == ("automatic", 8, 0.5)
    with qtbot.waitSignal(settings.changed):
        box.stepUp()
    assert box.text() == "0.50 mm"
    assert settings.config == More(blur=0.5)
    assert "steps_ahead" not in settings.fields


def test_limits_and_defaults_are_those_of_the_fields(settings):
    width = settings.fields["width"].native
    assert (width.minimum(), width.maximum(), width.value()) == (1, 256, 16)
    width.setValue(1000)
    assert settings.config == More(width=256)


@pytest.mark.parametrize("preset", ["local", "mcwss"])
def test_a_method_that_learns_from_tags_alone_needs_a_second_stage_for_masks(settings, preset):
    refine = settings.fields["refine"].native
    settings.fields["preset"].value = preset
    settings.trust.setChecked(True)
    assert refine.isChecked()
    assert settings.config == More(preset=preset, refine=True)
    refine.setChecked(False)
    assert not settings.trust.isChecked()


@pytest.mark.parametrize("preset", ["auto", "features"])
def test_a_method_that_learns_from_masks_itself_needs_no_second_stage(settings, preset):
    refine = settings.fields["refine"].native
    settings.fields["preset"].value = preset
    settings.trust.setChecked(True)
    assert not refine.isChecked()
    refine.setChecked(True)
    refine.setChecked(False)
    assert settings.trust.isChecked()
    settings.fields["preset"].value = "local"
    assert refine.isChecked(), "or nothing would learn from the masks"


def test_a_field_is_an_option():
    given: list[dict[str, Any]] = []

    @with_settings(More)
    def command(study: str, *, settings: dict[str, Any], resume: bool = False) -> None:
        given.append({"study": study, **settings, "resume": resume})

    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, ["here", "--blur", "2", "--refine", "--batch-size", "8"])
    assert done.exit_code == 0
    assert given[0]["study"] == "here"
    assert (given[0]["blur"], given[0]["refine"], given[0]["batch_size"]) == (2.0, True, 8)
    assert (given[0]["steps_ahead"], given[0]["pixel"], given[0]["resume"]) == (3, None, False)
    assert "learning_rate" not in given[0]
    text = CliRunner().invoke(app, ["--help"]).output
    assert "--steps-ahead" in text
    assert "Blurs the images by so much." in text
    assert "--no-refine" not in text
