"""Looking into the evidence and refining the mask: by clicks, on real layers."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_mcwss.model.presets.local import Local
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.segmentation.results import load_mask, stored_settings
from napari_mcwss.tags.changes import changes_between
from napari_mcwss.tags.editing import set_all_absent

pytestmark = pytest.mark.gui
PATIENCE = 120_000


@pytest.fixture
def dock(qtbot, results_dock: ResultsDock, trained_study) -> ResultsDock:
    """The dock on a scan that was just segmented."""
    results_dock.session.open(trained_study)
    results_dock.session.show(trained_study.scan_names[0])
    with qtbot.waitSignal(results_dock.state.shown, timeout=PATIENCE):
        click(qtbot, results_dock.one.segment_button)
    return results_dock


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def click_box(qtbot, box) -> None:
    # The middle of a wide box is beyond its label, where it takes no click.
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))


def type_in(qtbot, box, text: str) -> None:
    """Write a number in place of the one in a spin box, and press Enter."""
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def mask(dock):
    (layer,) = study_layers(dock.viewer, "mask")
    return layer.data


def refined(dock) -> bool:
    return (
        dock.state.mask is not None and dock.state.mask.settings.steps == dock.state.settings.steps
    )


def test_steps_are_seen_before_and_after_and_the_mask_is_saved_with_them(qtbot, dock):
    study, scan = dock.session.study, dock.session.scan
    dock.gate.setChecked(False)
    dock.use_tags.setChecked(False)
    dock.threshold.setValue(0.3)
    row = dock.refining.rows["small"]
    row.value.setValue(100)  # more than the scan has
    assert not row.before.isEnabled()
    click_box(qtbot, row.box)
    qtbot.waitUntil(
        lambda: refined(dock) and len(dock.state.mask.after_steps) == 3, timeout=PATIENCE
    )
    without, emptied, filled = dock.state.mask.after_steps
    assert without.any()
    assert not emptied.any()
    np.testing.assert_array_equal(mask(dock), filled)
    assert row.effect.text().startswith(("TC -", "ED -"))
    assert row.effect.text().endswith(" mL")
    assert dock.refining.rows["holes"].effect.text() == "changes no volume"

    click(qtbot, row.before)
    np.testing.assert_array_equal(mask(dock), without)
    holes = dock.refining.rows["holes"]
    click(qtbot, holes.before)  # one look at a time
    assert not row.before.isChecked()
    np.testing.assert_array_equal(mask(dock), emptied)
    click(qtbot, holes.before)
    np.testing.assert_array_equal(mask(dock), filled)

    assert "threshold 0.5" in dock.stored_mask.status.text()
    assert stored_settings(study, "model-1", scan)["steps"] == "holes"
    with qtbot.waitSignal(dock.stored_mask.background.ended, timeout=PATIENCE):
        click(qtbot, dock.stored_mask.save_button)
    assert stored_settings(study, "model-1", scan) == {
        "threshold": 0.3,
        "gate": None,
        "tags": False,
        "steps": "small=100,holes",
    }
    np.testing.assert_array_equal(load_mask(study, "model-1", scan), filled)
    assert dock.stored_mask.status.text() == "The stored mask was made with these settings."
    assert not dock.stored_mask.back_button.isEnabled()

    click_box(qtbot, row.box)
    dock.threshold.setValue(0.7)
    qtbot.waitUntil(
        lambda: refined(dock) and len(dock.state.mask.after_steps) == 2, timeout=PATIENCE
    )
    click(qtbot, dock.stored_mask.back_button)
    qtbot.waitUntil(
        lambda: refined(dock) and len(dock.state.mask.after_steps) == 3, timeout=PATIENCE
    )
    assert dock.threshold.value() == 0.3
    np.testing.assert_array_equal(mask(dock), filled)


def test_volumes_are_kept_in_a_range_and_seen_before_and_after(qtbot, dock):
    study, scan = dock.session.study, dock.session.scan
    dock.gate.setChecked(False)
    dock.use_tags.setChecked(False)
    dock.threshold.setValue(0.3)
    row = dock.refining.rows["volumes"]
    assert not dock.refining.ranges.isVisible()
    click_box(qtbot, row.box)
    least, most = dock.refining.ranges.limits["TC"]
    assert least.isVisible()
    assert most.text() == "any"
    qtbot.waitUntil(lambda: row.effect.text() == "no range is given", timeout=PATIENCE)
    voxel = np.prod(dock.state.result.geometry.spacing) / 1000
    type_in(qtbot, most, "5")
    qtbot.waitUntil(lambda: len(dock.state.mask.after_steps) == 3, timeout=PATIENCE)
    without, kept, filled = dock.state.mask.after_steps
    # The CAMs of a network that has hardly learnt have many voxels of equal evidence.
    assert (without == 1).sum() * voxel > 5 >= (kept == 1).sum() * voxel > 1
    assert "TC -" in row.effect.text()
    np.testing.assert_array_equal(mask(dock), filled)
    click(qtbot, row.before)
    np.testing.assert_array_equal(mask(dock), without)
    click(qtbot, row.before)

    with qtbot.waitSignal(dock.stored_mask.background.ended, timeout=PATIENCE):
        click(qtbot, dock.stored_mask.save_button)
    assert stored_settings(study, "model-1", scan)["volumes"] == {"TC": ":5"}
    type_in(qtbot, least, "20")  # more than at most: both are
    assert most.value() == 20
    assert "out of range" not in row.effect.text()
    type_in(qtbot, least, "5000")  # more than the scan has
    qtbot.waitUntil(
        lambda: row.effect.text().endswith("; still out of range: TC"), timeout=PATIENCE
    )
    click_box(qtbot, row.box)
    qtbot.waitUntil(lambda: "volumes: TC=:5" in dock.stored_mask.status.text(), timeout=PATIENCE)
    click(qtbot, dock.stored_mask.back_button)
    assert row.box.isChecked()
    assert (least.value(), most.value()) == (0, 5)
    qtbot.waitUntil(lambda: np.array_equal(mask(dock), filled), timeout=PATIENCE)


def test_scores_that_contradict_a_tag_stand_out_and_are_gone_to(qtbot, dock):
    session, scores = dock.session, dock.state.result.prediction.scores
    table = session.table.copy()
    table.values[:] = scores >= 0.5
    session.change_tags(changes_between(session.table, table))
    widget = dock.slice_scores
    assert widget.count.text() == "No disagreement"
    click(qtbot, widget.next_button)
    qtbot.waitUntil(lambda: "any segmented scan" in widget.count.text(), timeout=PATIENCE)
    for index in (2, 6):
        table = session.table.copy()
        table.values[index, 0] = scores[index, 0] < 0.5
        session.change_tags(changes_between(session.table, table))
    assert widget.count.text() == "Disagreements on 2 slices"
    session.go_to(3)
    assert "<b" not in widget.here.text()
    dock.viewer.dims.order = (1, 0, 2)  # from a rolled view, too
    assert "Turn the view" in widget.here.text()
    dock.viewer.dims.order = (0, 1, 2)
    for expected in (6, 2):
        click(qtbot, widget.next_button)
        qtbot.waitUntil(lambda at=expected: session.slice_index == at, timeout=PATIENCE)
        word = "present" if scores[expected, 0] < 0.5 else "absent"
        assert f">tagged {word}, predicted {scores[expected, 0]:.2f}</b>" in widget.here.text()
    session.change_tags(set_all_absent(session.table, 2))
    assert "not tagged" not in widget.here.text()


def hover(qtbot, dock, position) -> str:
    """Move the mouse over the middle of the picture, at which the camera looks."""
    dock.viewer.camera.center = position
    QApplication.processEvents()
    canvas = dock.viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    qtbot.mouseMove(canvas, middle - QPoint(3, 3))
    qtbot.mouseMove(canvas, middle)
    return dock.hover.text()


def test_the_voxel_below_the_mouse_tells_what_each_class_has_there(qtbot, dock):
    cams, spacing = dock.state.result.prediction.cams, np.array(dock.state.result.geometry.spacing)
    z, y, x = np.unravel_index(cams[1].argmax(), cams[1].shape)
    dock.session.go_to(int(z))
    dock.viewer.camera.zoom = 20

    def said(where) -> str:
        values = cams[(slice(None), *where)]
        return f"TC {values[0]:.2f}, ED {values[1]:.2f} (slice {z}, row {y}, column {x})"

    here = hover(qtbot, dock, np.array([z, y, x]) * spacing)
    assert here == said((z, y, x))
    dock.viewer.dims.order = (1, 0, 2)
    dock.viewer.dims.set_point(1, y * spacing[1])
    dock.viewer.camera.zoom = 20
    assert hover(qtbot, dock, np.array([y, z, x]) * spacing[[1, 0, 2]]) == said((z, y, x))
    dock.viewer.dims.order = (0, 1, 2)
    dock.viewer.dims.ndisplay = 3
    dock.viewer.camera.angles = (0, 0, 90)
    text = hover(qtbot, dock, np.array([z, y, x]) * spacing)
    assert text.endswith("(highest behind the mouse)")
    assert f"ED {cams[1].max():.2f}" in text


def test_more_maps_come_on_request_and_give_the_cams_back(qtbot, dock, monkeypatch):
    box, here = dock.more_maps, dock.session.slice_index
    cams = study_layers(dock.viewer, "cam")
    cams[0].visible = False
    dock.cam_opacity.setValue(0.4)
    with qtbot.waitSignal(box.background.ended, timeout=PATIENCE):
        click(qtbot, box.slice_button)
    names = [box.shown.itemText(index) for index in range(box.shown.count())]
    assert names[:3] == ["CAM", "deep", "shallow"]
    assert names[-1] == "LayerCAM"
    assert box.shown.currentText() == "deep"
    layers = study_layers(dock.viewer, "map")
    assert [layer.name for layer in layers] == ["TC, deep", "ED, deep"]
    assert all(layer.opacity == 0.4 for layer in layers)
    assert layers[1].data[here].any()
    assert not np.delete(layers[1].data, here, axis=0).any()
    assert not any(layer.visible for layer in cams)
    deep = layers[1].data.copy()
    box.shown.setCurrentText("shallow")
    assert layers[1].name == "ED, shallow"
    assert not np.array_equal(layers[1].data, deep)
    dock.session.go_to(here + 1)
    assert box.status.text() == f"Computed for slice {here}."
    box.shown.setCurrentText("CAM")
    assert [layer.visible for layer in cams] == [False, True]
    assert not any(layer.data.any() for layer in layers)
    with qtbot.waitSignal(box.background.ended, timeout=PATIENCE):
        click(qtbot, box.scan_button)
        click(qtbot, box.cancel_button)
    assert box.slice_button.isEnabled()

    monkeypatch.setattr(Local, "other_maps", lambda *_: {})
    monkeypatch.setattr(Local, "no_other_maps", "it is too small")
    with qtbot.waitSignal(box.background.ended, timeout=PATIENCE):
        click(qtbot, box.slice_button)
    assert box.status.text() == "This model has no further maps: it is too small."
