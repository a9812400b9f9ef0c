"""The results dock: segment by a click, look, and adjust."""

import shutil
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from napari.layers import Labels
from napari.qt.threading import WorkerBase
from napari.utils.notifications import (
    NotificationSeverity,
)
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QSlider

from napari_mcwss.plugin.results import segmenting
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.segmentation.masks import make_masks as masks
from napari_mcwss.segmentation.masks.exclusive import exclusive_mask
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction import predict as predicting
from napari_mcwss.segmentation.results import load_mask
from napari_mcwss.tags.editing import set_all_absent

pytestmark = pytest.mark.gui
PATIENCE = 60_000


@pytest.fixture
def dock(results_dock: ResultsDock, trained_study) -> ResultsDock:
    """The dock on a study with a model."""
    results_dock.session.open(trained_study)
    results_dock.session.show(trained_study.scan_names[0])
    return results_dock


class WholeMasks:
    """Watches the making of whole scans' masks, and can hold it up."""

    def __init__(self, slices: int) -> None:
        self.threads: list[int] = []
        self.at_work, self._go_on = threading.Event(), threading.Event()
        self._slices = slices
        self.let_go()

    def make(self, cams, *arguments, **named):
        if cams.shape[1] == self._slices:
            self.threads.append(threading.get_ident())
            self.at_work.set()
            assert self._go_on.wait(PATIENCE / 1000)
        return exclusive_mask(cams, *arguments, **named)

    def hold(self) -> None:
        self.at_work.clear()
        self._go_on.clear()

    def let_go(self) -> None:
        self._go_on.set()


@pytest.fixture
def whole_masks(dock, trained_study, monkeypatch) -> Iterator[WholeMasks]:
    watched = WholeMasks(trained_study.scan(dock.session.scan).slices)
    monkeypatch.setattr(masks, "exclusive_mask", watched.make)
    yield watched
    watched.let_go()


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def segment(qtbot, dock) -> None:
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        click(qtbot, dock.one.segment_button)


def whole_mask(dock, settings):
    return dock.state.result.masked(settings).after_steps[-1]


def tags(dock):
    return dock.session.study.tags.read(dock.session.scan).values


def mask_layer(dock):
    (layer,) = study_layers(dock.viewer, "mask")
    return layer


def test_what_takes_long_before_a_first_mask_is_done_beside_the_screen(qtbot, dock, monkeypatch):
    threads: list[int] = []
    monkeypatch.setattr(segmenting, "prepare_labels", lambda: threads.append(threading.get_ident()))
    segment(qtbot, dock)
    assert threads
    assert threading.get_ident() not in threads


def test_layers_lie_on_the_scan(qtbot, dock, trained_study):
    segment(qtbot, dock)
    scan = trained_study.scan(dock.session.scan)
    cams, mask = study_layers(dock.viewer, "cam"), mask_layer(dock)
    assert [layer.name for layer in cams] == ["CAM TC", "CAM ED"]
    (image, *_) = study_layers(dock.viewer, "scan")
    for layer in [*cams, mask]:
        assert layer.data.shape == scan.geometry.shape
        assert tuple(layer.scale) == tuple(image.scale) == scan.geometry.spacing
    for layer, spec in zip(cams, trained_study.classes, strict=True):
        assert layer.blending == "translucent_no_depth"
        assert layer.colormap.map([0.0])[0, 3] == 0
        assert layer.colormap.map([1.0])[0] == pytest.approx(
            [int(spec.colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1]
        )
    np.testing.assert_array_equal(mask.data, load_mask(trained_study, "model-1", dock.session.scan))
    assert dock.one.background.thread_ident not in (None, threading.get_ident())
    assert "mL" in dock.volumes.text()


def test_the_threshold_acts_on_the_slice_at_once_and_on_the_scan_soon(qtbot, dock):
    segment(qtbot, dock)
    layer = mask_layer(dock)
    data, here = layer.data, dock.session.slice_index
    dock.gate.setChecked(False)
    dock.use_tags.setChecked(False)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(0.01)
    much, volumes = layer.data.copy(), dock.volumes.text()
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(1.0)
        assert np.count_nonzero(data[here]) < np.count_nonzero(much[here])
        np.testing.assert_array_equal(data[here - 1], much[here - 1])
    assert mask_layer(dock) is layer
    assert layer.data is data
    assert np.count_nonzero(data) < np.count_nonzero(much)
    assert dock.volumes.text() != volumes


def test_a_slice_that_has_followed_the_slider_is_not_drawn_again(qtbot, dock):
    segment(qtbot, dock)
    drawn: list[int] = []
    mask_layer(dock).events.set_data.connect(lambda: drawn.append(1))
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(0.2)
    assert len(drawn) == 1
    dock.viewer.dims.order = (1, 0, 2)
    drawn.clear()
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(0.9)
    assert drawn, "a slice of another direction shows only what the whole scan has"


def test_the_mask_of_the_whole_scan_follows_the_slider_beside_the_screen(
    qtbot, dock, trained_study, whole_masks
):
    segment(qtbot, dock)
    before, threshold = mask_layer(dock).data.copy(), dock.threshold.value()
    slider = dock.threshold.findChild(QSlider)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        near_zero = QPoint(slider.width() // 10, slider.height() // 2)
        qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=near_zero)
    assert dock.threshold.value() < threshold
    # Once to be stored, once to be shown, and once for the slider.
    assert len(whole_masks.threads) == 3
    assert threading.get_ident() not in whole_masks.threads
    expected = whole_mask(dock, MaskSettings(dock.threshold.value(), tags=tags(dock)))
    np.testing.assert_array_equal(mask_layer(dock).data, expected)
    assert not np.array_equal(expected, before)
    voxel = np.prod(dock.state.result.geometry.spacing) / 1000
    for label in (1, 2):
        assert f">{(expected == label).sum() * voxel:.1f} mL<" in dock.volumes.text()


def test_the_last_settings_win_over_a_mask_that_is_being_made(qtbot, dock, whole_masks):
    segment(qtbot, dock)
    dock.gate.setChecked(False)
    dock.use_tags.setChecked(False)
    changes: list[int] = []
    dock.state.mask_changed.connect(lambda: changes.append(1))
    whole_masks.hold()
    dock.threshold.setValue(0.01)
    qtbot.waitUntil(whole_masks.at_work.is_set, timeout=PATIENCE)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(1.0)
        here = mask_layer(dock).data[dock.session.slice_index].copy()
        whole_masks.let_go()
    data = mask_layer(dock).data
    np.testing.assert_array_equal(data, whole_mask(dock, dock.state.shown_settings))
    np.testing.assert_array_equal(data[dock.session.slice_index], here)
    assert len(changes) == 1


def test_a_mask_of_a_scan_that_has_left_the_screen_is_dropped(
    qtbot, dock, trained_study, whole_masks
):
    segment(qtbot, dock)
    whole_masks.hold()
    dock.threshold.setValue(0.01)
    qtbot.waitUntil(whole_masks.at_work.is_set, timeout=PATIENCE)
    dock.session.show(trained_study.scan_names[1])
    with qtbot.assertNotEmitted(dock.state.mask_changed), qtbot.assertNotEmitted(dock.state.shown):
        whole_masks.let_go()
        WorkerBase.await_workers(PATIENCE)
        QApplication.processEvents()
    layers = study_layers(dock.viewer, "cam", "mask")
    assert len(layers) == 3
    assert not any(layer.data.any() for layer in layers)
    assert not dock.volumes.text()


def test_tags_and_classifier_decide_where_a_class_can_be(qtbot, dock, trained_study):
    segment(qtbot, dock)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(0.01)
    absent = (trained_study.tags.read(dock.session.scan).values == 0).all(1)
    assert absent.any()
    assert not mask_layer(dock).data[absent].any()
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        click_box(qtbot, dock.gate)
        click_box(qtbot, dock.use_tags)
    assert mask_layer(dock).data[absent].any()


def test_a_new_tag_acts_on_the_mask(qtbot, dock, trained_study):
    segment(qtbot, dock)
    dock.gate.setChecked(False)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(0.01)
    here = dock.session.slice_index
    assert mask_layer(dock).data[here].any()
    dock.session.change_tags(set_all_absent(dock.session.table, here))
    assert not mask_layer(dock).data[here].any()


def test_damaged_tags_are_told_once_and_left_out(qtbot, dock, trained_study, told):
    segment(qtbot, dock)
    table = trained_study.folder / "tags" / f"{dock.session.scan}.csv"
    whole = table.read_bytes()
    table.write_text("slice,TC,ED\n0,1,perhaps\n")
    for threshold in (0.02, 0.01):
        with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
            dock.threshold.setValue(threshold)
    (notification,) = told
    assert table.name in notification.message
    assert notification.severity == NotificationSeverity.ERROR
    without_tags = whole_mask(dock, MaskSettings(0.01))
    np.testing.assert_array_equal(mask_layer(dock).data, without_tags)

    table.write_bytes(whole)
    dock.session.tags_changed.emit(dock.session.scan)
    assert dock.state.shown_settings.tags is not None
    table.write_text("")
    dock.session.tags_changed.emit(dock.session.scan)
    assert len(told) == 2


def test_no_mask_is_stored_without_the_tags_that_are_to_count(qtbot, dock, trained_study, told):
    table = trained_study.folder / "tags" / f"{dock.session.scan}.csv"
    table.write_text("")
    click(qtbot, dock.one.segment_button)
    assert len(told) == 1
    assert not dock.one.background.running
    table.unlink()
    segment(qtbot, dock)
    assert len(told) == 1


def test_opacities_act_at_once(qtbot, dock):
    segment(qtbot, dock)
    dock.cam_opacity.setValue(0.25)
    dock.mask_opacity.setValue(0.75)
    assert {layer.opacity for layer in study_layers(dock.viewer, "cam")} == {0.25}
    assert mask_layer(dock).opacity == 0.75


def test_a_stored_result_comes_with_its_scan(qtbot, dock, trained_study):
    segment(qtbot, dock)
    first, second = trained_study.scan_names[:2]
    mask = mask_layer(dock).data.copy()
    dock.session.show(second)
    layers = study_layers(dock.viewer, "cam", "mask")
    assert not any(layer.data.any() for layer in layers)
    assert not dock.settings.isEnabled()
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.session.show(first)
    assert study_layers(dock.viewer, "cam", "mask") == layers
    np.testing.assert_array_equal(mask_layer(dock).data, mask)
    assert not mask_layer(dock).editable
    assert dock.settings.isEnabled()


def test_a_model_without_a_result_empties_the_layers_and_the_screen_goes_on(
    qtbot, dock, trained_study
):
    segment(qtbot, dock)
    layers = study_layers(dock.viewer, "cam", "mask")
    layers[0].visible = False
    mask = mask_layer(dock).data.copy()
    other = trained_study.model_folder("other")
    shutil.copytree(trained_study.model_folder("model-1"), other)
    dock.session.models_changed.emit()
    assert dock.model.currentText() == "other"
    assert not any(np.any(layer.data) for layer in layers)
    for _ in range(3):  # software OpenGL crashed at the second picture where layers had gone
        dock.viewer.screenshot(canvas_only=False)
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        dock.model.setCurrentText("model-1")
    assert study_layers(dock.viewer, "cam", "mask") == layers
    assert not layers[0].visible
    np.testing.assert_array_equal(mask_layer(dock).data, mask)


def test_a_users_copy_of_the_mask_is_left_alone_and_ours_cannot_be_painted(
    qtbot, dock, trained_study
):
    segment(qtbot, dock)
    copy = Labels(mask_layer(dock).data + 1, metadata=dict(mask_layer(dock).metadata))
    dock.viewer.add_layer(copy)
    segment(qtbot, dock)
    assert not mask_layer(dock).editable
    shutil.copytree(trained_study.model_folder("model-1"), trained_study.model_folder("other"))
    dock.session.models_changed.emit()
    assert not mask_layer(dock).editable
    assert copy.data.all()
    assert copy.editable


def test_cancelling_leaves_no_result(qtbot, dock, trained_study, monkeypatch):
    at_work, go_on = threading.Event(), threading.Event()
    mirror_mean = predicting._mirror_mean

    def slow(*args):
        at_work.set()
        assert go_on.wait(PATIENCE / 1000)
        return mirror_mean(*args)

    monkeypatch.setattr(predicting, "_mirror_mean", slow)
    click(qtbot, dock.one.segment_button)
    qtbot.waitUntil(at_work.is_set, timeout=PATIENCE)
    with qtbot.waitSignal(dock.one.background.ended, timeout=PATIENCE):
        click(qtbot, dock.one.cancel_button)
        assert dock.one.status.text() == "Cancelling …"
        go_on.set()
    assert dock.one.status.text() == "Cancelled."
    assert dock.one.segment_button.isEnabled()
    assert not trained_study.result_folder("model-1", dock.session.scan).exists()
    assert not study_layers(dock.viewer, "cam", "mask")


def test_a_model_for_other_classes_is_refused(qtbot, dock, trained_study, told):
    path = trained_study.model_folder("model-1") / "config.json"
    path.write_text(path.read_text().replace('"TC"', '"lung"').replace('"ED"', '"heart"'))
    with qtbot.waitSignal(dock.one.background.ended, timeout=PATIENCE):
        click(qtbot, dock.one.segment_button)
    (notification,) = told
    assert "made for the classes lung, heart, found TC, ED" in notification.message
    assert dock.one.status.text() == "Failed."


def test_a_class_that_was_added_later_is_not_learnt(qtbot, dock, trained_study, told):
    trained_study.add_classes(["necrosis"])
    dock.session.reload_tags(trained_study.scan_names)
    dock.session.study_changed.emit()
    segment(qtbot, dock)
    assert not told
    assert "not learnt" in dock.volumes.text()
    assert "not tagged, not learnt" in dock.slice_scores.here.text()


def click_box(qtbot, box) -> None:
    # The middle of a wide box is beyond its label, where it takes no click.
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))


def test_a_class_that_the_threshold_empties_is_missed_until_slider_or_tags_change(qtbot, dock):
    segment(qtbot, dock)
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(1.0)
    assert dock.volumes.text().count("missed") == 2
    assert "tagged present on" in dock.volumes.text()
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(0.01)
    assert "missed" not in dock.volumes.text()
    with qtbot.waitSignal(dock.state.mask_changed, timeout=PATIENCE):
        dock.threshold.setValue(1.0)
    dock.use_tags.setChecked(False)
    for index in range(len(dock.session.table.values)):
        dock.session.change_tags(set_all_absent(dock.session.table, index))
    assert "missed" not in dock.volumes.text()
