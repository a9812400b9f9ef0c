"""The state of the Results dock, without a window."""

import os
import shutil
from collections.abc import Iterator

import pytest
from napari.components import ViewerModel
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QObject

from napari_mcwss.model.checkpoint import read_info, save_info
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import Step
from napari_mcwss.segmentation.masks.volume_ranges import VolumeRange
from napari_mcwss.study.model_states import ModelState

pytestmark = pytest.mark.gui


@pytest.fixture
def state(qapp, trained_study) -> Iterator[ResultState]:
    parent = QObject()
    session = Session.of(ViewerModel())
    state = ResultState(session, parent)
    session.open(trained_study)
    yield state
    session.close()
    WorkerBase.await_workers(60_000)


def test_a_new_model_is_chosen_and_else_the_choice_stays(state, trained_study):
    assert (state.models, state.model) == ((ModelState("model-1"),), "model-1")
    for name in ("model-2", "model-0"):
        shutil.copytree(trained_study.model_folder("model-1"), trained_study.model_folder(name))
        os.utime(trained_study.model_folder(name) / "config.json")
        state.session.models_changed.emit()
        assert state.model == name
    state.choose_model("model-1")
    state.session.models_changed.emit()
    assert state.model == "model-1"
    shutil.rmtree(trained_study.model_folder("model-1"))
    state.session.models_changed.emit()
    assert state.model == "model-0"


def test_a_stopped_training_leaves_the_chosen_model_where_it_is(state, trained_study):
    stopped = trained_study.model_folder("stopped")
    shutil.copytree(trained_study.model_folder("model-1"), stopped)
    info = read_info(stopped).model_copy(update={"stopped": "epoch 1 of 10"})
    save_info(stopped, info)
    state.session.models_changed.emit()
    assert [found.label for found in state.models] == [
        "model-1",
        "stopped (stopped in epoch 1 of 10)",
    ]
    assert state.model == "model-1"
    save_info(stopped, info.model_copy(update={"stopped": ""}))
    state.session.models_changed.emit()
    assert state.model == "stopped", "it was continued to its end"


def test_the_settings_of_a_stored_mask_come_back(qtbot, state):
    chosen = MaskSettings(
        0.31,
        None,
        None,
        (Step("small", 0.123), Step("holes", None)),
        {"TC": VolumeRange(0, 5)},
        {"ED": 0.6},
    )
    with qtbot.waitSignal(state.settings_restored):
        state.restore(chosen.record())
    assert state.settings.record() == chosen.record()
    assert not state.use_tags


def test_what_cannot_be_read_of_a_stored_mask_is_left_out(state):
    state.change(steps=(Step("small", 3.0),), volumes={"TC": VolumeRange(1, 2)})
    state.restore(
        {
            "threshold": 0.2,
            "steps": "polish",
            "volumes": {"bone": "1:2"},
            "thresholds": {"bone": 0.1},
        }
    )
    assert state.settings.threshold == 0.2
    assert state.settings.steps == (Step("small", 3.0),)
    assert not state.settings.volumes
    assert not state.settings.thresholds
    assert state.use_tags


def test_ranges_of_volumes_and_thresholds_do_not_outlive_the_classes(state, trained_study):
    state.change(volumes={"TC": VolumeRange(1, 2)}, thresholds={"TC": 0.4})
    state.session.study_changed.emit()
    assert state.settings.volumes
    trained_study.add_classes(["necrosis"])
    state.session.study_changed.emit()
    assert not state.settings.volumes
    assert not state.settings.thresholds


def test_a_result_of_another_model_or_scan_is_not_taken(state, trained_study):
    class Other:
        model, scan = "model-1", trained_study.scan_names[1]

    state.session.scan = trained_study.scan_names[0]
    state.take(Other())
    assert state.result is None
    assert not state.pending
