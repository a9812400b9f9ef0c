"""A model goes into one file and comes out of it, as the Models dialog offers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.questions import LEFT
from napari.qt.threading import WorkerBase
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_mcwss.plugin.handon.share_model import PackDialog, UnpackDialog
from napari_mcwss.plugin.results.models_dialog import ModelsDialog
from napari_mcwss.study.model_sharing import pack_model, read_card
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 60_000


@pytest.fixture
def models(qtbot, segmented_study: Study) -> Iterator[ModelsDialog]:
    parent = QWidget()
    qtbot.addWidget(parent)
    made = ModelsDialog(parent, segmented_study, "model-1")
    with qtbot.waitExposed(made, timeout=PATIENCE):
        made.show()
    yield made
    WorkerBase.await_workers(PATIENCE)


def test_a_model_is_packed_with_its_card_and_its_folder_opened(
    qtbot, models, segmented_study, monkeypatch
):
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    qtbot.mouseClick(models.pack_button, LEFT)
    dialog = models.findChild(PackDialog)
    out = segmented_study.folder.parent / "model-1.zip"
    assert dialog.out.text() == str(out)
    assert "names of scans are left out" in dialog.preview.text()
    qtbot.keyClicks(dialog.licence, "CC0-1.0")
    with qtbot.waitSignal(dialog.ended, timeout=PATIENCE):
        qtbot.mouseClick(dialog.pack_button, LEFT)
    assert read_card(out).licence == "CC0-1.0"
    assert dialog.preview.text().startswith("Done: ")
    qtbot.mouseClick(dialog.open_button, LEFT)
    assert [Path(path) for path in opened] == [out.parent]
    dialog.out.setText(str(out.with_name("other.zip")))
    assert dialog.pack_button.isEnabled()
    dialog.out.setText(str(out))
    assert not dialog.pack_button.isEnabled()
    assert "exists already" in dialog.preview.text()


def unpack(qtbot, models: ModelsDialog, file: Path, monkeypatch) -> UnpackDialog:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    qtbot.mouseClick(models.unpack_button, LEFT)
    dialog = models.findChild(UnpackDialog)
    qtbot.waitUntil(lambda: dialog.card.text() != "Reading …", timeout=PATIENCE)
    return dialog


def test_a_packed_model_is_added_under_another_name(
    qtbot, models, segmented_study, tmp_path, monkeypatch
):
    file = tmp_path / "shared.zip"
    pack_model(segmented_study, "model-1", file, data="4 phantoms")
    dialog = unpack(qtbot, models, file, monkeypatch)
    assert "Data: 4 phantoms" in dialog.card.text()
    assert not dialog.unpack_button.isEnabled(), "its name is taken"
    dialog.name.setFocus()
    dialog.name.selectAll()
    qtbot.keyClicks(dialog.name, "from-anna")
    assert "models/from-anna" in dialog.preview.text()
    with qtbot.waitSignal(models.models_changed, timeout=PATIENCE):
        qtbot.mouseClick(dialog.unpack_button, LEFT)
    assert set(segmented_study.model_names()) == {"model-1", "from-anna"}
    assert models.models.currentItem().text().startswith("from-anna")


def test_a_file_that_is_no_model_is_told_in_the_dialog(qtbot, models, tmp_path, monkeypatch):
    file = tmp_path / "holiday.zip"
    file.write_bytes(b"no zip")
    dialog = unpack(qtbot, models, file, monkeypatch)
    assert "not a complete model file" in dialog.card.text()
    assert not dialog.unpack_button.isEnabled()
