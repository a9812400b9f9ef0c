"""A new kind of step is one module and one line of the registry: all else follows from it."""

import numpy as np
import pytest
from helpers.additions import run_with_additions as run
from helpers.dilate_step import DILATE
from qtpy.QtWidgets import QWidget

from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import STEP_KINDS, parse_steps
from napari_mcwss.segmentation.results import load_mask, stored_settings


def test_a_new_step_is_in_the_help():
    assert "holes, dilate=2 (mm)" in run("mask", "--help")


def test_a_new_step_runs_by_its_name_and_is_recorded(segmented_study):
    study, name = segmented_study, segmented_study.scan_names[0]
    options = ("mask", study.folder, "--model", "model-1", "--scans", name)
    run(*options, "--steps", "none", "--threshold", "0.45")
    before = load_mask(study, "model-1", name)
    run(*options, "--steps", "dilate=4", "--threshold", "0.45")
    after = load_mask(study, "model-1", name)
    assert stored_settings(study, "model-1", name)["steps"] == "dilate=4"
    assert (after > 0).sum() > (before > 0).sum() > 0
    np.testing.assert_array_equal(after[before > 0], before[before > 0])


def test_a_new_step_is_in_the_record_of_settings(monkeypatch):
    monkeypatch.setitem(STEP_KINDS, "dilate", DILATE)
    assert MaskSettings(steps=parse_steps("dilate,holes")).record()["steps"] == "dilate=2,holes"


@pytest.mark.gui
def test_a_new_step_is_a_row_of_the_dock(qtbot, monkeypatch):
    monkeypatch.setitem(STEP_KINDS, "dilate", DILATE)
    from napari.components import ViewerModel

    from napari_mcwss.plugin.results.refining import RefiningBox
    from napari_mcwss.plugin.results.state import ResultState
    from napari_mcwss.plugin.session.session import Session

    parent = QWidget()
    qtbot.addWidget(parent)
    state = ResultState(Session.of(ViewerModel()), parent)
    box = RefiningBox(state)
    qtbot.addWidget(box)
    assert box.rows["dilate"].box.text() == "Dilate (mm)"
    box.rows["dilate"].box.setChecked(True)
    assert [str(step) for step in state.settings.steps] == ["holes", "dilate=2"]
