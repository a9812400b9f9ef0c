"""One dialog for all exports: it says what it will write, writes it or nothing, and opens it."""

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.questions import LEFT
from helpers.voxels_export import VOXELS
from helpers.watchdog import Watchdog
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication

from napari_mcwss.export.cases import each_case, new_folder
from napari_mcwss.export.registry import EXPORTS
from napari_mcwss.plugin.handon.export_dialog import ExportDialog
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 60_000
FILES = {
    "nnunet": ("Dataset501_study", 2 * 3 + 3 + 2),
    "bids": ("derivatives", 3 + 2 * 3 + 2 + 6),
    "figures": ("figures", 9),
    "report": ("report.html", 1),
}


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """What was opened in other programs."""
    found: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: found.append(url.toLocalFile()))
    return found


@pytest.fixture
def dock(results_dock: ResultsDock, segmented: Study) -> ResultsDock:
    results_dock.session.open(segmented)
    return results_dock


@pytest.fixture
def dialog(qtbot, dock) -> ExportDialog:
    """The dialog as the button of the dock opens it."""
    qtbot.mouseClick(dock.export_button, LEFT)
    made = dock.findChild(ExportDialog)
    with qtbot.waitExposed(made, timeout=PATIENCE):
        made.activateWindow()
    return made


def choose(qtbot, dialog: ExportDialog, kind: str) -> str:
    """Choose a kind of export with the keyboard, and return the preview."""
    index = dialog.kind.findData(kind)
    with qtbot.waitSignal(dialog.previewed, timeout=PATIENCE):
        dialog.kind.setFocus()
        qtbot.keyClick(dialog.kind, Qt.Key.Key_Home)
        for _ in range(index):
            qtbot.keyClick(dialog.kind, Qt.Key.Key_Down)
        if not index:
            dialog._change()
    assert dialog.kind.currentData() == kind
    return dialog.preview.text()


def run(qtbot, dialog: ExportDialog) -> str:
    with qtbot.waitSignal(dialog.ended, timeout=PATIENCE):
        qtbot.mouseClick(dialog.export_button, LEFT)
    return dialog.status.text()


@pytest.mark.parametrize("kind", FILES)
def test_an_export_is_foretold_written_and_opened(qtbot, dialog, segmented, opened, kind):
    name, expected = FILES[kind]
    text = choose(qtbot, dialog, kind)
    out = segmented.folder.parent / name
    assert "3 scans of model model-1" in text
    assert str(out) in text
    assert "left out: 1 scan" in text
    assert sum(map(int, re.findall(r": (\d+) files?", text))) == expected
    assert not out.exists()
    assert run(qtbot, dialog) == "Done."
    written = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else [out]
    assert len(written) == expected or (kind == "figures" and 0 < len(written) <= expected)
    qtbot.mouseClick(dialog.open_button, LEFT)
    assert [Path(path) for path in opened] == [out]


def test_what_is_there_already_is_not_replaced(qtbot, dialog, segmented):
    there = segmented.folder.parent / "derivatives"
    there.mkdir()
    (there / "mine.txt").write_text("years of work")
    choose(qtbot, dialog, "bids")
    assert Path(dialog.out.text()).name == "derivatives-2"
    with qtbot.waitSignal(dialog.previewed, timeout=PATIENCE):
        dialog.out.setFocus()
        dialog.out.selectAll()
        qtbot.keyClicks(dialog.out, str(there))
    assert "exists already" in dialog.preview.text()
    assert not dialog.export_button.isEnabled()


def test_a_data_set_is_named_after_its_study_with_a_number_of_its_own(qtbot, dialog, segmented):
    choose(qtbot, dialog, "nnunet")
    assert Path(dialog.out.text()) == segmented.folder.parent / "Dataset501_study"
    (segmented.folder.parent / "Dataset501_Other").mkdir()
    choose(qtbot, dialog, "bids")
    assert "Dataset502_study" in choose(qtbot, dialog, "nnunet")


def test_options_come_from_the_annotations_of_a_kind_that_nobody_knows(
    qtbot, dialog, segmented, monkeypatch
):
    monkeypatch.setitem(EXPORTS, "voxels", VOXELS)
    dialog.kind.addItem(VOXELS.title, VOXELS.name)
    choose(qtbot, dialog, "voxels")
    spin = dialog.options.rows["label"]
    assert spin.value() == 1
    with qtbot.waitSignal(dialog.previewed, timeout=PATIENCE):
        spin.setValue(2)
    assert dialog.options.values() == {"label": 2}
    run(qtbot, dialog)
    assert len((segmented.folder.parent / "voxels.txt").read_text().splitlines()) == 3


def test_options_that_cannot_be_read_are_told_before_anything_is_written(qtbot, dialog):
    choose(qtbot, dialog, "report")
    row = dialog.options.rows["unions"]
    row.setFocus()
    qtbot.keyClicks(row, "whole")
    qtbot.waitUntil(lambda: "'whole'" in dialog.preview.text(), timeout=PATIENCE)
    assert not dialog.export_button.isEnabled()


def test_references_make_a_report_measure(qtbot, dialog, segmented):
    choose(qtbot, dialog, "report")
    with qtbot.waitSignal(dialog.previewed, timeout=PATIENCE):
        for name, text in (("masks", "seg"), ("values", "TC=1 ED=2"), ("unions", "WT=TC,ED")):
            dialog.options.rows[name].setFocus()
            qtbot.keyClicks(dialog.options.rows[name], text)
    run(qtbot, dialog)
    assert "Measurements" in (segmented.folder.parent / "report.html").read_text("utf-8")


def test_dicom_says_that_it_tells_who_the_patient_is_before_it_writes(qtbot, dialog):
    choose(qtbot, dialog, "dicom-seg")
    assert dialog.identity.isVisible()
    assert "identity of its patient" in dialog.identity.text()
    choose(qtbot, dialog, "bids")
    assert not dialog.identity.isVisible()


def test_cancel_leaves_nothing_and_the_screen_goes_on(qtbot, dialog, segmented, monkeypatch):
    """The export waits after its first scan until it is cancelled."""
    first, go_on = threading.Event(), threading.Event()

    def slow(study, model, names, out):
        with new_folder(out) as folder:

            def write(case):
                (folder / case.scan.name).write_text("half")
                if first.is_set():
                    go_on.wait(PATIENCE / 1000)
                first.set()

            yield from each_case(study, model, names, write)

    kind = replace(EXPORTS["bids"], name="slow", title="Slow", run=slow, example="slow")
    monkeypatch.setitem(EXPORTS, "slow", kind)
    dialog.kind.addItem(kind.title, kind.name)
    choose(qtbot, dialog, "slow")
    before = sorted(path.name for path in segmented.folder.parent.iterdir())
    qtbot.mouseClick(dialog.export_button, LEFT)
    qtbot.waitUntil(lambda: dialog.status.text().startswith("1 of 3 scans"), timeout=PATIENCE)
    assert "left" in dialog.status.text()
    assert not dialog.fields.isEnabled()
    with qtbot.waitSignal(dialog.ended, timeout=PATIENCE):
        qtbot.mouseClick(dialog.cancel_button, LEFT)
        go_on.set()
    assert dialog.status.text() == "Cancelled. Nothing was written."
    assert sorted(path.name for path in segmented.folder.parent.iterdir()) == before
    assert dialog.export_button.isVisible()


def test_the_main_thread_never_waits(qtbot, dialog):
    choose(qtbot, dialog, "nnunet")
    QApplication.processEvents()
    with Watchdog() as dog:
        run(qtbot, dialog)
    assert not dog.long


def test_a_study_without_models_has_nothing_to_export(dock, tagged_study):
    assert dock.export_button.isEnabled()
    dock.session.close()
    dock.session.study_changed.emit()
    assert not dock.export_button.isEnabled()
