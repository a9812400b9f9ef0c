"""Maps that follow the tags while keys are pressed."""

import numpy as np
import pytest
from helpers.blobs import SLICES, blob_scan
from qtpy.QtCore import QPoint, Qt

from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.plugin.tagging.live_maps import DRAWN
from napari_mcwss.plugin.tagging.preferences import Preferences
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.study import Study
from napari_mcwss.training.features import store
from napari_mcwss.training.process.steering import Paused, Resumed

pytestmark = pytest.mark.gui
PATIENCE = 60_000
SHIFT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
Key = Qt.Key


@pytest.fixture
def study(tmp_path, monkeypatch) -> Study:
    """Two scans with a blob on the later slices, without tags, and an empty cache."""
    monkeypatch.setattr(store, "cache_folder", lambda name: tmp_path / name)
    files = {}
    for seed in range(2):
        scan, _ = blob_scan(seed)
        path = tmp_path / f"{scan.name}.nii.gz"
        write_volume(path, scan.volume()[0], scan.geometry, dtype=np.float32)
        files[scan.name] = [path]
    return Study.create(tmp_path / "study", scans=files, channels=["t1"], classes=["blob"])


@pytest.fixture
def dock(tagging_dock, study, qtbot) -> TaggingDock:
    """The dock on the study, in a window that has the keyboard, tagging switched on."""
    with qtbot.waitSignal(tagging_dock.settled, timeout=PATIENCE):
        tagging_dock.open_study(study.folder)
    qtbot.mouseClick(tagging_dock.slices.switch, Qt.MouseButton.LeftButton)
    return tagging_dock


def press(qtbot, dock, *keys, modifier=PLAIN) -> None:
    canvas = dock.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
    for key in keys:
        qtbot.keyClick(canvas, key, modifier)


def switch(qtbot, dock) -> None:
    box = dock.live.box
    assert box.isVisible()
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))


def tag_slices(qtbot, dock) -> None:
    """Tag the scan on screen by keys, but for its first slice."""
    dock.session.go_to(1)
    for index in range(1, SLICES):
        press(qtbot, dock, Key.Key_1, modifier=PLAIN if index > SLICES // 2 else SHIFT)
        if index < SLICES - 1:
            press(qtbot, dock, Key.Key_Period)


def live_layers(dock) -> list:
    return study_layers(dock.viewer, "live")


def brightness(dock) -> float:
    """Return the mean of the map of the slice on screen, 0..255."""
    (layer,) = live_layers(dock)
    return float(layer.data[dock.session.slice_index].mean())


def test_without_the_box_nothing_is_encoded_and_nothing_shown(dock, qtbot, study):
    assert not dock.live.box.isChecked()
    tag_slices(qtbot, dock)
    assert not dock.live.isVisible()
    assert not live_layers(dock)
    assert not store.cache_folder("features").exists()


def test_maps_follow_the_tags_the_slices_and_the_scans(dock, qtbot, preferences_file):
    with qtbot.waitSignal(dock.live.encoding.background.ended, timeout=PATIENCE):
        switch(qtbot, dock)
    assert set(dock.live.encoding.scans) == {"scan-0", "scan-1"}
    assert Preferences.read(preferences_file).live_maps
    qtbot.waitUntil(lambda: dock.live.text() == "Live maps: tag slices: blob present")
    with qtbot.waitSignal(dock.live.shown, timeout=PATIENCE):
        tag_slices(qtbot, dock)
    assert dock.session.slice_index == SLICES - 1
    (layer,) = live_layers(dock)
    assert layer.name == "live: blob"
    assert brightness(dock) > 80
    assert not dock.live.isVisible()
    with qtbot.waitSignal(dock.live.shown, timeout=PATIENCE):
        press(qtbot, dock, Key.Key_Comma)
    assert brightness(dock) > 80
    assert not layer.data[SLICES - 1].any()
    # A scan without tags, whose features are there.
    with qtbot.waitSignals([dock.live.shown, dock.settled], timeout=PATIENCE):
        dock._read("scan-1")
    for index, present in ((SLICES - 2, True), (2, False)):
        with qtbot.waitSignal(dock.live.shown, timeout=PATIENCE):
            dock.session.go_to(index)
        assert (brightness(dock) > 80) == present
    switch(qtbot, dock)
    assert not layer.visible
    assert not layer.data.any()
    assert not Preferences.read(preferences_file).live_maps
    qtbot.waitUntil(lambda: layer not in dock.viewer.layers, timeout=PATIENCE)
    for index in range(SLICES):
        dock.session.go_to(index)
        dock.viewer.screenshot(flash=False)


def test_maps_that_are_switched_on_again_at_once_stay(dock, qtbot):
    tag_slices(qtbot, dock)
    with qtbot.waitSignal(dock.live.shown, timeout=PATIENCE):
        switch(qtbot, dock)
    (layer,) = live_layers(dock)
    switch(qtbot, dock)
    with qtbot.waitSignal(dock.live.shown, timeout=PATIENCE):
        switch(qtbot, dock)
    qtbot.wait(DRAWN + 200)
    assert live_layers(dock) == [layer]
    assert layer.visible
    assert brightness(dock) > 80


def test_a_tag_during_a_fit_begins_it_anew(dock, qtbot):
    with qtbot.waitSignal(dock.live.encoding.background.ended, timeout=PATIENCE):
        switch(qtbot, dock)
    outcomes = []
    dock.live.fitting.ended.connect(outcomes.append)
    tag_slices(qtbot, dock)
    qtbot.waitUntil(lambda: dock.live.fitting.running, timeout=PATIENCE)
    with qtbot.waitSignal(dock.live.shown, timeout=PATIENCE):
        dock.session.go_to(0)
        press(qtbot, dock, Key.Key_1, modifier=SHIFT)
        dock.session.go_to(SLICES - 1)
    assert [outcome.cancelled for outcome in outcomes] == [True, False]
    assert brightness(dock) > 80


def test_a_fit_pauses_the_encoding_of_further_scans(dock, qtbot):
    tag_slices(qtbot, dock)
    seen = []
    dock.live.encoding.background.event_received.connect(seen.append)
    with qtbot.waitSignal(dock.live.encoding.encoded, timeout=PATIENCE):
        switch(qtbot, dock)
    dock.live.encoding.background.pause()
    qtbot.waitUntil(lambda: any(isinstance(e, Paused) for e in seen), timeout=PATIENCE)
    dock.live.encoding.background.resume()
    qtbot.waitUntil(lambda: len(dock.live.encoding.scans) == 2, timeout=PATIENCE)
    assert any(isinstance(e, Resumed) for e in seen)


def test_tags_of_scans_that_are_not_encoded_yet_are_not_asked_for(dock, qtbot, monkeypatch):
    tag_slices(qtbot, dock)
    monkeypatch.setattr(dock.live.encoding.background, "start", lambda _: None)
    switch(qtbot, dock)
    qtbot.waitUntil(dock.live.isVisible, timeout=PATIENCE)
    dock.live._fit()
    assert dock.live.text() == "Live maps: features: 0 of 2 scans"


def test_closing_the_study_stops_the_encoding(dock, qtbot):
    switch(qtbot, dock)
    qtbot.waitUntil(lambda: dock.live.encoding.background.running, timeout=PATIENCE)
    with qtbot.waitSignal(dock.live.encoding.background.ended, timeout=PATIENCE) as ended:
        dock.session.close()
        dock.session.study_changed.emit()
    assert ended.args[0].cancelled
    assert not dock.live.encoding.scans


def test_suggestions_follow_live_maps(dock, qtbot):
    suggesting = dock.suggesting
    assert not suggesting.isVisible()
    with qtbot.waitSignal(dock.live.encoding.background.ended, timeout=PATIENCE):
        switch(qtbot, dock)
    with qtbot.waitSignal(dock.live.suggested, timeout=PATIENCE):
        tag_slices(qtbot, dock)
    # The scan is tagged but for its first slice.
    assert suggesting.isVisible()
    assert not suggesting.suggest_button.isVisible()
    with qtbot.waitSignals([dock.live.suggested, dock.settled], timeout=PATIENCE):
        dock._read("scan-1")
    for index, word in ((SLICES - 2, "present"), (2, "absent")):
        dock.session.go_to(index)
        assert suggesting.here.text().startswith(f"Suggested: blob {word}")
    qtbot.mouseClick(suggesting.accept_button, Qt.MouseButton.LeftButton)
    assert dock.session.table.values[2, 0] == 0
    switch(qtbot, dock)
    assert not suggesting.isVisible()
