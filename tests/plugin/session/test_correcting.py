"""Masks corrected by hand: strokes of the brush are kept, and never written over unasked."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.questions import LEFT, User
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QPoint, Qt

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.segmentation.corrected import read_corrected, right_scans
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import load_mask, save_result
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 30_000
MODEL = "model-1"


def write_result(study: Study, scan: str, label: int) -> None:
    """Store a result without a network: a block of one class."""
    geometry = study.scan(scan).geometry
    mask = np.zeros(geometry.shape, np.uint8)
    mask[2:6, 10:20, 10:20] = label
    cams = np.stack([mask == 1, mask == 2]).astype(np.float32)
    scores = cams.max(axis=(2, 3)).T.copy()
    run = json.loads((study.model_folder(MODEL) / "config.json").read_bytes())["run"]
    found = Prediction(scan, study.class_names, scores, cams)
    save_result(study, MODEL, run, found, mask, MaskSettings(), geometry)


@pytest.fixture
def dock(qtbot, make_napari_viewer, trained_study) -> Iterator[ResultsDock]:
    """The dock on a scan with a stored mask of class TC."""
    scan = trained_study.scan_names[0]
    write_result(trained_study, scan, 1)
    viewer = make_napari_viewer(show=True)
    dock = ResultsDock(viewer)
    viewer.window.add_dock_widget(dock, name="Results")
    # The fixture closes the viewer once more, which napari only can while the window exists.
    dock.window().setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    dock.session.open(trained_study)
    dock.use_tags.setChecked(False)
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.session.show(scan)
    yield dock
    saving = dock.session.correcting.saving
    saving.finish()
    qtbot.waitUntil(lambda: not saving._background.running, timeout=PATIENCE)
    dock.session.window_closed = not dock.window().isVisible()
    dock.session.close()
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def box(dock):
    return dock.correction


@pytest.fixture
def scan(dock) -> str:
    return dock.session.scan


@pytest.fixture
def full_disk(monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    """A disk that is full until this is undone."""

    def full(*_: object, **__: object) -> None:
        raise McwssError("cannot write 'x': No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_mcwss.segmentation.corrected.write_volume", full)
        yield patch


def click(qtbot, button) -> None:
    assert button.isEnabled()
    # The middle of a wide check box is beyond its label, where it takes no click.
    qtbot.mouseClick(button, LEFT, pos=QPoint(10, button.height() // 2))


def saved(qtbot, dock) -> None:
    """Wait until all that was painted is on the disk."""
    saving = dock.session.correcting.saving
    qtbot.waitUntil(lambda: not saving.waiting, timeout=PATIENCE)


def on_disk(qtbot, dock, labels) -> None:
    """Wait until these labels are what the disk has of the scan on screen."""

    def there() -> bool:
        found = read_corrected(dock.session.study, dock.session.scan)
        return found is not None and np.array_equal(found.labels, labels)

    qtbot.waitUntil(there, timeout=PATIENCE)
    saved(qtbot, dock)


def begin(qtbot, dock):
    click(qtbot, dock.correction.begin_button)
    saved(qtbot, dock)
    (layer,) = study_layers(dock.viewer, "corrected")
    return layer


def stroke(qtbot, dock, label: int) -> None:
    """Drag a brush over the middle of the canvas, and wait until it is on the disk."""
    box = dock.correction
    box.label.setCurrentIndex(label)
    box.label.activated.emit(label)
    box._correcting.layer.brush_size = 6
    canvas = dock.viewer.window._qt_viewer.canvas.native
    middle = canvas.rect().center()
    before = box._correcting.layer.data.copy()
    qtbot.mousePress(canvas, LEFT, pos=middle)
    for step in range(1, 6):
        qtbot.mouseMove(canvas, middle + QPoint(8 * step, 0))
    qtbot.mouseRelease(canvas, LEFT, pos=middle + QPoint(40, 0))
    assert not np.array_equal(box._correcting.layer.data, before), "the brush has painted"
    on_disk(qtbot, dock, box._correcting.layer.data.copy())


def test_a_stroke_of_the_brush_is_on_the_disk_soon(qtbot, dock, scan, trained_study):
    (mask,) = study_layers(dock.viewer, "mask")
    layer = begin(qtbot, dock)
    np.testing.assert_array_equal(layer.data, mask.data)
    assert layer.editable
    assert not mask.visible
    stroke(qtbot, dock, 2)
    found = read_corrected(Study.open(trained_study.folder), scan)
    np.testing.assert_array_equal(found.labels, layer.data)
    assert (found.labels == 2).any()
    assert not found.right
    assert found.model == MODEL
    np.testing.assert_array_equal(load_mask(trained_study, MODEL, scan), mask.data)
    assert "saved at" in dock.correction.status.text()


def test_a_mask_on_its_way_to_the_screen_is_waited_for(qtbot, dock, box, trained_study):
    other = trained_study.scan_names[1]
    write_result(trained_study, other, 2)
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.session.show(other)
        assert not box.begin_button.isEnabled()
    assert box.begin_button.isEnabled()
    assert (begin(qtbot, dock).data == 2).any()


def test_a_mask_that_was_hidden_for_the_corrected_one_is_seen_again(qtbot, dock, trained_study):
    write_result(trained_study, trained_study.scan_names[1], 2)
    layer = begin(qtbot, dock)
    (mask,) = study_layers(dock.viewer, "mask")
    assert not mask.visible
    dock.viewer.layers.remove(layer)
    assert mask.visible
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.session.show(trained_study.scan_names[1])
    (mask,) = study_layers(dock.viewer, "mask")
    assert mask.visible
    assert mask.data.any()


def test_a_mask_begun_from_nothing_is_of_no_model(qtbot, dock, trained_study):
    bare = trained_study.scan_names[2]
    dock.session.show(bare)
    assert not begin(qtbot, dock).data.any()
    assert read_corrected(trained_study, bare).model == ""


def test_undoing_a_stroke_is_saved_too(qtbot, dock, scan, trained_study):
    layer = begin(qtbot, dock)
    before = layer.data.copy()
    stroke(qtbot, dock, 2)
    layer.undo()
    on_disk(qtbot, dock, before)


def test_what_was_just_painted_is_kept_when_another_scan_comes(qtbot, dock, scan, trained_study):
    layer = begin(qtbot, dock)
    layer.data[0, :5, :5] = 2
    painted = layer.data.copy()
    dock.session.show(trained_study.scan_names[1])
    assert not study_layers(dock.viewer, "corrected")
    saved(qtbot, dock)
    np.testing.assert_array_equal(read_corrected(trained_study, scan).labels, painted)
    dock.session.show(scan)
    qtbot.waitUntil(lambda: dock.session.correcting.layer is not None, timeout=PATIENCE)
    np.testing.assert_array_equal(dock.session.correcting.layer.data, painted)


def test_closing_the_window_saves_without_a_question(qtbot, dock, scan, trained_study):
    layer = begin(qtbot, dock)
    layer.data[0, :5, :5] = 2
    user = User(qtbot, "Cancel")
    window = dock.viewer.window._qt_window
    window.close()
    assert not window.isVisible()
    assert user.questions == []
    assert (read_corrected(trained_study, scan).labels[0, :5, :5] == 2).all()


def test_closing_the_window_asks_where_the_disk_is_full(
    qtbot, dock, scan, trained_study, full_disk
):
    click(qtbot, dock.correction.begin_button)
    qtbot.waitUntil(lambda: bool(dock.session.correcting.saving.problem), timeout=PATIENCE)
    assert "Not saved" in dock.correction.status.text()
    window = dock.viewer.window._qt_window
    user = User(qtbot, "Cancel", full_disk.undo, "Try again")
    window.close()
    assert window.isVisible()
    assert "corrected mask" in user.questions[0]
    assert "No space left" in user.questions[0]
    window.close()
    assert not window.isVisible()
    assert user.satisfied
    assert read_corrected(trained_study, scan) is not None


def test_only_its_user_calls_a_mask_right_and_the_next_stroke_takes_it_back(
    qtbot, dock, box, scan, trained_study
):
    begin(qtbot, dock)
    assert right_scans(trained_study) == []
    click(qtbot, box.right)
    saved(qtbot, dock)
    assert box.right.isChecked()
    assert right_scans(trained_study) == [scan]
    stroke(qtbot, dock, 2)
    assert not box.right.isChecked()
    assert right_scans(trained_study) == []


def test_a_mask_with_labels_of_no_class_is_not_called_right(
    qtbot, dock, box, scan, trained_study, told
):
    layer = begin(qtbot, dock)
    layer.data[3, 0, 0] = 7
    click(qtbot, box.right)
    assert not box.right.isChecked()
    assert "label 7 on slice 3, which stands for no class" in told[-1].message
    saved(qtbot, dock)
    assert right_scans(trained_study) == []
    assert read_corrected(trained_study, scan).labels[3, 0, 0] == 7, "it is kept all the same"


def test_a_new_result_leaves_the_corrected_mask_alone(qtbot, dock, scan, trained_study):
    layer = begin(qtbot, dock)
    layer.data[0, :5, :5] = 2
    painted = layer.data.copy()
    write_result(trained_study, scan, 2)
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.session.models_changed.emit()
    np.testing.assert_array_equal(layer.data, painted)
    dock.session.correcting.save_painted()
    saved(qtbot, dock)
    np.testing.assert_array_equal(read_corrected(trained_study, scan).labels, painted)


def test_beginning_anew_asks_first(qtbot, dock, box, scan, trained_study):
    layer = begin(qtbot, dock)
    model_mask = layer.data.copy()
    layer.data[0, :5, :5] = 2
    dock.session.correcting.save_painted()
    user = User(qtbot, "Keep", "Replace")
    click(qtbot, box.anew_button)
    assert (layer.data[0, :5, :5] == 2).all()
    click(qtbot, box.anew_button)
    assert user.satisfied
    assert "What was painted is lost" in user.questions[0]
    saved(qtbot, dock)
    np.testing.assert_array_equal(layer.data, model_mask)
    np.testing.assert_array_equal(read_corrected(trained_study, scan).labels, model_mask)


def test_a_removed_layer_is_kept_and_comes_back(qtbot, dock, box, scan, trained_study):
    layer = begin(qtbot, dock)
    layer.data[0, :5, :5] = 2
    dock.viewer.layers.remove(layer)
    assert box.begin_button.text() == "Show corrected mask"
    again = begin(qtbot, dock)
    qtbot.waitUntil(lambda: bool(study_layers(dock.viewer, "corrected")), timeout=PATIENCE)
    assert (again.data[0, :5, :5] == 2).all()


def test_a_damaged_corrected_mask_is_told_and_not_written_over(
    qtbot, dock, box, scan, trained_study, told
):
    begin(qtbot, dock)
    path = trained_study.folder / "corrected" / f"{scan}.nii.gz"
    dock.session.show(trained_study.scan_names[1])
    saved(qtbot, dock)
    path.write_bytes(b"half")
    dock.session.show(scan)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert path.name in told[0].message
    assert not box.begin_button.isEnabled()
    assert path.read_bytes() == b"half"


def test_two_windows_do_not_paint_one_mask(qtbot, dock, box, scan, trained_study):
    begin(qtbot, dock)
    dock.session.show(trained_study.scan_names[1])
    saved(qtbot, dock)
    dock.session.read_only = "another program changes the tags"
    dock.session.show(scan)
    qtbot.waitUntil(lambda: dock.session.correcting.layer is not None, timeout=PATIENCE)
    assert not dock.session.correcting.layer.editable
    assert not box.right.isEnabled()
    assert "another program" in box.status.text()
    dock.session.read_only = ""


def test_the_class_to_paint_is_chosen_by_name(qtbot, dock):
    layer = begin(qtbot, dock)
    assert dock.viewer.layers.selection.active is layer
    dock.correction.label.setFocus()
    qtbot.keyClick(dock.correction.label, Qt.Key.Key_Down)
    assert dock.correction.label.currentText() == "ED"
    assert layer.selected_label == 2
    assert layer.mode == "paint"
