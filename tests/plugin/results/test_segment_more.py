"""All scans by a click, and layers that are no scan of a study."""

import shutil

import numpy as np
import pytest
from helpers.questions import User
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.results.layer_channels import LayerChannelsDialog, remembered_layers
from napari_mcwss.scans.reading import read_scan
from napari_mcwss.segmentation.results import has_result

pytestmark = pytest.mark.gui
PATIENCE = 120_000
LEFT = Qt.MouseButton.LeftButton
MODEL = "model-1"


@pytest.fixture
def dock(results_dock: ResultsDock) -> ResultsDock:
    return results_dock


def click(qtbot, button) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)


def run(qtbot, dock, button) -> str:
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        click(qtbot, button)
    return dock.more.status.text()


def test_all_scans_are_segmented_past_a_bad_file_and_done_ones_are_skipped(
    qtbot, dock, trained_study
):
    bad, *good = trained_study.scan_names
    trained_study.files(bad)[0].write_bytes(b"half a file")
    dock.session.open(trained_study)
    text = run(qtbot, dock, dock.more.all_button)
    assert text.startswith("3 scans segmented, ")
    assert "s each; 1 could not be segmented" in text
    assert f"\n{bad}: " in text
    assert all(has_result(trained_study, MODEL, scan) for scan in good)
    assert run(qtbot, dock, dock.more.all_button).startswith("0 scans segmented; 3 were done")


def test_open_layers_need_a_model_of_the_study_if_there_is_one(dock, tagged_study):
    assert dock.more.layers_button.isEnabled(), "its folder is asked for"
    dock.session.open(tagged_study)
    assert not dock.more.layers_button.isEnabled()


def test_a_folder_is_added_to_the_study_and_segmented_past_a_bad_file(
    qtbot, dock, trained_study, tmp_path, monkeypatch
):
    folder = tmp_path / "more"
    for scan, name in zip(trained_study.scan_names, ("x", "y"), strict=False):
        shutil.copytree(trained_study.files(scan)[0].parent, folder / name)
    (folder / "x" / "t1c.nii.gz").write_bytes(b"half a file")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    before = trained_study.scan_names
    dock.session.open(trained_study)
    changed: list[int] = []
    dock.session.study_changed.connect(lambda: changed.append(1))
    said: list[str] = []
    dock.more.background.event_received.connect(lambda _: said.append(dock.more.status.text()))
    user = User(qtbot, "Segment", "Segment")
    text = run(qtbot, dock, dock.more.folder_button)
    assert "2 scans" in user.questions[0]
    assert "Added to the study: x, y." in user.questions[0]
    assert "a folder of 5 files" in user.questions[0]
    assert len(list(trained_study.result_folder(MODEL, "y").iterdir())) == 5
    assert text.startswith("1 scan segmented, ")
    assert "\nx: " in text
    assert trained_study.scan_names == (*before, "y")
    assert has_result(trained_study, MODEL, "y")
    assert changed
    assert any("y (1 of 1)" in line for line in said)
    assert "1 was done already" in run(qtbot, dock, dock.more.folder_button)


def test_a_folder_is_left_alone_if_the_user_thinks_better_of_it(
    qtbot, dock, trained_study, tmp_path, monkeypatch
):
    scan = trained_study.scan_names[0]
    shutil.copytree(trained_study.files(scan)[0].parent, tmp_path / "more" / "x")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "more"))
    dock.session.open(trained_study)
    before = trained_study.scan_names
    user = User(qtbot, "Keep")
    click(qtbot, dock.more.folder_button)
    qtbot.waitUntil(lambda: user.satisfied, timeout=PATIENCE)
    assert trained_study.scan_names == before
    assert not dock.more.background.running


@pytest.mark.parametrize("answer", ["Slices of one scan", "Scans or channels", "Cancel"])
def test_what_pictures_in_a_folder_are_is_asked(
    qtbot, dock, trained_study, tmp_path, monkeypatch, answer
):
    (tmp_path / "more" / "x").mkdir(parents=True)
    for name in ("t1c", "flair"):
        Image.new("L", (41, 36)).save(tmp_path / "more" / "x" / f"{name}.png")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "more"))
    dock.session.open(trained_study)
    before = trained_study.scan_names
    asked: list[bool] = []
    monkeypatch.setattr(dock.more, "segment_folder", lambda folder, *, stacks: asked.append(stacks))
    user = User(qtbot, answer, *(["Segment"] if answer != "Cancel" else []))
    click(qtbot, dock.more.folder_button)
    qtbot.waitUntil(lambda: user.satisfied, timeout=PATIENCE)
    expected = {"Slices of one scan": [True], "Scans or channels": [False], "Cancel": []}
    qtbot.waitUntil(lambda: asked == expected[answer], timeout=PATIENCE)
    assert "slices of one scan" in user.questions[0]
    assert trained_study.scan_names == before


def test_the_scan_on_screen_shows_its_new_result(qtbot, dock, trained_study):
    dock.session.open(trained_study)
    dock.session.show(trained_study.scan_names[0])
    with qtbot.waitSignal(dock.state.shown, timeout=PATIENCE):
        click(qtbot, dock.more.all_button)
    assert dock.state.result.scan == trained_study.scan_names[0]
    dock.more.background.cancel()


def test_a_cancelled_batch_says_so(qtbot, dock, trained_study):
    dock.session.open(trained_study)
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        click(qtbot, dock.more.all_button)
        click(qtbot, dock.more.cancel_button)
    assert dock.more.status.text() == "Cancelled."
    assert dock.more.all_button.isEnabled()


def open_layers(dock, study, names: dict[str, str]) -> np.ndarray:
    """Open the channels of a scan by hand, under other names, in reverse order."""
    scan = study.scan(study.scan_names[0])
    volume = read_scan("x", scan.channels, scan.paths).volume()
    for channel, voxels in reversed(list(zip(scan.channels, volume, strict=True))):
        dock.viewer.add_image(voxels, name=names[channel], scale=(5, 2, 2), translate=(0, 7, 9))
    return volume


def answer(qtbot, channels: dict[str, str]) -> dict[str, str]:
    """Wait for the dialog, choose layers, accept; give what was proposed."""
    found: list[LayerChannelsDialog] = []

    def there() -> bool:
        found[:] = [
            w
            for w in QApplication.topLevelWidgets()
            if isinstance(w, LayerChannelsDialog) and w.isVisible()
        ]
        return bool(found)

    qtbot.waitUntil(there, timeout=PATIENCE)
    dialog = found[0]
    proposed = {channel: box.currentText() for channel, box in dialog.choices.items()}
    for channel, name in channels.items():
        dialog.choices[channel].setCurrentText(name)
    qtbot.mouseClick(dialog.ok_button, LEFT)
    return proposed


def test_open_layers_are_segmented_without_a_study(qtbot, dock, trained_study, monkeypatch):
    names = {"t1c": "series 4", "flair": "series 7"}
    volume = open_layers(dock, trained_study, names)
    folder = str(trained_study.model_folder(MODEL))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: folder)
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        click(qtbot, dock.more.layers_button)
        answer(qtbot, names)
    mask = dock.viewer.layers["mask of series 4"]
    assert mask.data.shape == volume.shape[1:]
    assert tuple(mask.scale) == (5, 2, 2)
    assert tuple(mask.translate) == (0, 7, 9)
    assert mask.editable, "it is the user's own"
    assert {"CAM TC of series 4", "CAM ED of series 4"} <= {x.name for x in dock.viewer.layers}
    assert "only if you save" in dock.more.status.text()
    assert remembered_layers() == names

    # Once more: what was said is proposed, and no layer is written over.
    mask.data[0, :3, :3] = 2
    with qtbot.waitSignal(dock.more.ended, timeout=PATIENCE):
        click(qtbot, dock.more.layers_button)
        assert answer(qtbot, {}) == names
    assert (mask.data[0, :3, :3] == 2).all()
    assert "mask of series 4 [1]" in {layer.name for layer in dock.viewer.layers}


def test_layers_that_do_not_fit_are_refused_in_the_dialog(qtbot, dock):
    for name, shape in (("t1c", (4, 8, 8)), ("flair", (4, 8, 9))):
        dock.viewer.add_image(np.zeros(shape, np.float32), name=name)
    dialog = LayerChannelsDialog(dock, dock.viewer, ["t1c", "flair"])
    qtbot.addWidget(dialog)
    dialog.show()
    assert {c: box.currentText() for c, box in dialog.choices.items()} == {
        "t1c": "t1c",
        "flair": "flair",
    }
    qtbot.mouseClick(dialog.ok_button, LEFT)
    assert "4x8x8" in dialog.reason.text()
    assert dialog.isVisible()
    dialog.choices["flair"].setCurrentText("t1c")
    qtbot.mouseClick(dialog.ok_button, LEFT)
    assert "two channels" in dialog.reason.text()
    assert dialog.scan is None


def test_a_coloured_layer_gives_three_channels(qtbot, dock):
    colours = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    dock.viewer.add_image(colours, name="wound", rgb=True, scale=(2, 2))
    dialog = LayerChannelsDialog(dock, dock.viewer, ["red", "green", "blue"])
    qtbot.addWidget(dialog)
    dialog.show()
    proposed = {channel: box.currentText() for channel, box in dialog.choices.items()}
    assert proposed == {name: f"wound {name}" for name in ("red", "green", "blue")}
    qtbot.mouseClick(dialog.ok_button, LEFT)
    assert dialog.scan.name == "wound"
    np.testing.assert_array_equal(dialog.scan.data, colours.transpose(2, 0, 1))
    assert dialog.scan.geometry.shape == (1, 8, 9)
    assert dialog.scan.geometry.spacing == (1, 2, 2)


def test_without_open_layers_it_says_what_to_do(qtbot, dock, trained_study, told):
    dock.session.open(trained_study)
    click(qtbot, dock.more.layers_button)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert "no image layer is open" in told[0].message
