"""Suggestions in the Tagging dock: seen, accepted, gone over in the order of doubt."""

import os
import shutil

import numpy as np
import pytest
from helpers.docks import opened
from qtpy.QtCore import QPoint, Qt

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import read_info, save_info
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.segmentation.prediction import predict
from napari_mcwss.tags.table import TagTable

pytestmark = pytest.mark.gui
PATIENCE = 30_000


@pytest.fixture
def dock(tagging_dock, trained_study, qtbot) -> TaggingDock:
    """The dock on a study with a model, of which two scans have no tags."""
    for scan in trained_study.scan_names[:2]:
        slices = trained_study.scan(scan).slices
        trained_study.tags.write({scan: TagTable.empty(slices, trained_study.class_names)})
    return opened(qtbot, tagging_dock, trained_study)


@pytest.fixture
def scores(monkeypatch) -> dict[str, np.ndarray]:
    """What the model says: the more surely present, the higher the slice; set before asked."""
    scores: dict[str, np.ndarray] = {}

    def predicted(_model, scan):
        yield predict.Progress(0, scan.slices)
        values = np.linspace(0, 1, scan.slices, dtype=np.float32)
        return scores.setdefault(scan.name, np.stack([values, values], 1))

    monkeypatch.setattr(predict, "predict_scores", predicted)
    return scores


def click(qtbot, button) -> None:
    assert button.isEnabled()
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(8, button.height() // 2))


def ask(qtbot, dock) -> None:
    with qtbot.waitSignal(dock.suggesting.background.ended, timeout=PATIENCE):
        click(qtbot, dock.suggesting.suggest_button)


def test_without_a_model_there_is_no_box(make_napari_viewer, phantom_study, qtbot):
    viewer = make_napari_viewer(show=True)
    dock = TaggingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Tagging")
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    assert not dock.suggesting.isVisible()


def test_suggestions_come_for_scans_that_lack_tags_and_change_none(qtbot, dock, trained_study):
    before = [trained_study.tags.read(scan).values for scan in trained_study.scan_names]
    ask(qtbot, dock)
    assert set(dock.suggesting._found) == set(trained_study.scan_names[:2])
    assert dock.suggesting.here.text().startswith("Suggested: TC ")
    after = [trained_study.tags.read(scan).values for scan in trained_study.scan_names]
    assert all(map(np.array_equal, before, after))
    journal = trained_study.folder / "tags" / ".journal" / f"{dock.session.scan}.jsonl"
    written = journal.read_text() if journal.exists() else ""
    click(qtbot, dock.suggesting.doubt_button)
    assert (journal.read_text() if journal.exists() else "") == written


def test_accepting_here_tags_this_slice_and_can_be_undone(qtbot, dock, scores):
    ask(qtbot, dock)
    dock.session.go_to(8)
    assert dock.suggesting.here.text() == "Suggested: TC present 1.00, ED present 1.00"
    click(qtbot, dock.suggesting.accept_button)
    assert dock.session.table.values[8].tolist() == [1, 1]
    assert dock.session.table.tagged.sum() == 1
    assert not dock.suggesting.here.text()
    assert not dock.suggesting.accept_button.isEnabled()
    dock.slices.undoing.undo()
    assert not dock.session.table.tagged.any()
    assert dock.suggesting.here.text()


def test_suggestions_are_gone_through_by_keys(qtbot, dock, scores):
    click(qtbot, dock.slices.switch)
    canvas = dock.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
    qtbot.keyClick(canvas, Qt.Key.Key_D)
    assert dock.slices.note.text().startswith("No tags are suggested yet")
    qtbot.keyClick(canvas, Qt.Key.Key_A)
    assert dock.slices.note.text() == "Nothing is suggested on this slice."
    ask(qtbot, dock)
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
    assert dock.suggesting.doubt_button.toolTip().endswith("(D)")
    dock.session.go_to(8)
    qtbot.keyClick(canvas, Qt.Key.Key_D)
    assert dock.session.slice_index == 4
    qtbot.keyClick(canvas, Qt.Key.Key_A)
    assert dock.session.table.values[4].tolist() == [1, 1]
    assert dock.session.table.tagged.sum() == 1


def test_accepting_all_takes_those_that_are_sure_enough_in_one_step(qtbot, dock, scores):
    ask(qtbot, dock)
    dock.suggesting.confidence.setValue(0.8)
    click(qtbot, dock.suggesting.all_button)
    assert dock.session.table.values[:, 0].tolist() == [0, 0, -1, -1, -1, -1, -1, 1, 1]
    assert dock.suggesting.here.text() == "8 suggestions accepted as tags of this scan."
    dock.suggesting.accept_all()
    assert dock.suggesting.here.text() == (
        "No suggestion of this scan has a probability of 0.8 or more."
    )
    dock.slices.undoing.undo()
    assert not dock.session.table.tagged.any()


def test_the_most_uncertain_slices_come_in_order_over_scans(qtbot, dock, scores, trained_study):
    first, second = trained_study.scan_names[:2]
    ask(qtbot, dock)
    scores[second][:] = 0.5
    click(qtbot, dock.suggesting.doubt_button)
    qtbot.waitUntil(lambda: dock.session.scan == first, timeout=PATIENCE)
    assert dock.session.slice_index == 4
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, dock.suggesting.doubt_button)
    assert (dock.session.scan, dock.session.slice_index) == (second, 0)


def test_without_a_slice_on_screen_nothing_is_accepted(qtbot, dock, scores):
    ask(qtbot, dock)
    dock.viewer.dims.ndisplay = 3
    assert not dock.suggesting.accept_button.isEnabled()
    dock.suggesting.accept_here()
    assert not dock.session.table.tagged.any()


def test_a_model_that_was_trained_anew_suggests_nothing_until_it_is_asked(qtbot, dock, scores):
    ask(qtbot, dock)
    assert dock.suggesting.here.text()
    dock.session.models_changed.emit()
    assert not dock.suggesting.here.text()
    assert dock.suggesting.model.currentText() == "model-1"


def test_a_new_model_is_the_one_that_is_asked_and_a_choice_is_kept_otherwise(qtbot, dock):
    models = dock.session.study.folder / "models"
    shutil.copytree(models / "model-1", models / "anew")
    os.utime(models / "anew" / "config.json")
    dock.session.models_changed.emit()
    assert dock.suggesting.model.currentText() == "anew"
    dock.suggesting.model.setCurrentText("model-1")
    dock.session.models_changed.emit()
    assert dock.suggesting.model.currentText() == "model-1"
    shutil.rmtree(models / "model-1")
    dock.session.models_changed.emit()
    assert dock.suggesting.model.currentText() == "anew"


def test_a_stopped_model_says_so_and_is_not_asked_unless_it_is_chosen(qtbot, dock):
    models = dock.session.study.folder / "models"
    shutil.copytree(models / "model-1", models / "half")
    info = read_info(models / "half").model_copy(update={"stopped": "epoch 1 of 10"})
    save_info(models / "half", info)
    dock.session.models_changed.emit()
    assert dock.suggesting.model.model == "model-1"
    dock.suggesting.model.setCurrentIndex(1)
    assert dock.suggesting.model.currentText() == "half (stopped in epoch 1 of 10)"
    dock.session.models_changed.emit()
    assert dock.suggesting.model.model == "half"


def test_a_scan_that_cannot_be_read_is_told_and_a_blind_reader_sees_no_name(
    qtbot, dock, monkeypatch, told
):
    def fails(_model, scan):
        raise McwssError(f"cannot read '{scan.name}/t1c.nii.gz'")
        yield

    dock.session.order.set_blind(True)
    monkeypatch.setattr(predict, "predict_scores", fails)
    ask(qtbot, dock)
    assert "cannot read" in told[-1].message
    assert not any(name in told[-1].message for name in dock.session.study.scan_names)


def test_a_new_study_forgets_the_suggestions(qtbot, dock, scores, phantom_study):
    ask(qtbot, dock)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(phantom_study.folder)
    assert not dock.suggesting._found
    assert not dock.suggesting.isVisible()
