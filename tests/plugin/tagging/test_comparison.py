"""A second reader's tags beside those of the study."""

from pathlib import Path

import numpy as np
import pytest
from helpers.strips import cell, tooltip
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_mcwss.plugin.tagging.comparison import CompareDialog
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag, TagTable

pytestmark = pytest.mark.gui
PATIENCE = 30_000
LEFT = Qt.MouseButton.LeftButton
HEADER = "scan,slice,class,tag\n"


@pytest.fixture
def dock(tagging_dock, phantom_study, qtbot) -> TaggingDock:
    """The dock on a study: TC on slices 0 to 9 of both scans, absent on all others."""
    for scan in phantom_study.scan_names:
        table = TagTable.empty(25, phantom_study.class_names)
        table.values[:, 0] = np.arange(25) < 10
        phantom_study.tags.write({scan: table})
    with qtbot.waitSignal(tagging_dock.settled, timeout=PATIENCE):
        tagging_dock.open_study(phantom_study.folder)
    qtbot.waitUntil(lambda: len(tagging_dock.scans.tables) == 2, timeout=PATIENCE)
    return tagging_dock


@pytest.fixture
def second(tmp_path) -> Path:
    """The second reader has TC also on slices 10 and 20 of the first and 5 not of the second."""
    path = tmp_path / "B.csv"
    rows = [f"phantom01,{n},TC,{int(n < 11 or n == 20)}\n" for n in range(25)]
    rows += [f"phantom02,{n},TC,{int(n < 10 and n != 5)}\n" for n in range(25)]
    path.write_text(HEADER + "".join(rows))
    return path


def click(qtbot, button) -> None:
    assert button.isEnabled()
    assert button.isVisible()
    qtbot.mouseClick(button, LEFT, pos=QPoint(8, button.height() // 2))


def compare_dialog_of(qtbot, dock) -> CompareDialog:
    menu, action = dock.tag_menu.menu(), dock.tag_menu.compare_action

    def choose() -> None:
        if not menu.isVisible():
            QTimer.singleShot(20, choose)
            return
        qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())

    QTimer.singleShot(0, choose)
    click(qtbot, dock.tag_menu)
    qtbot.waitUntil(lambda: dock.findChild(CompareDialog) is not None, timeout=PATIENCE)
    return dock.findChild(CompareDialog)


def compare(qtbot, dock, monkeypatch, path) -> None:
    dialog = compare_dialog_of(qtbot, dock)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    click(qtbot, dialog.source.choose_button)
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    click(qtbot, dialog.ok_button)
    assert dock.comparison.isVisible()


def kappa_row(name: str, *texts: str) -> str:
    cells = "".join(f"<td align=right>&nbsp;{text}</td>" for text in texts)
    return f"<tr><td>{name}</td>{cells}</tr>"


def kappa_is(qtbot, dock, *rows: str) -> None:
    text = dock.comparison.kappas.text
    qtbot.waitUntil(lambda: all(row in text() for row in rows), timeout=PATIENCE)


def flagged(dock) -> list[int]:
    """The slices on which the strip says that readers differ on TC."""
    strip = dock.slices.strip
    return [
        index
        for index in range(25)
        if "second reader" in tooltip(strip, strip.cell(index, 0).center())
    ]


def test_disagreements_are_marked_and_nothing_is_imported(qtbot, dock, second, monkeypatch):
    study = dock.session.study
    before = {scan: study.tags.read(scan).values for scan in study.scan_names}
    strip = dock.slices.strip
    look = cell(strip, 20, 0)
    assert not dock.comparison.isVisible()
    compare(qtbot, dock, monkeypatch, second)
    assert flagged(dock) == [10, 20]
    assert (cell(strip, 20, 0) != look).any()
    # 50 slices, 47 alike; 20 and 21 present of 50: chance alike 0.4 * 0.42 + 0.6 * 0.58.
    kappa_is(qtbot, dock, kappa_row("TC", "50", "47", "0.88"), kappa_row("ED", "0", "0", "-"))
    assert "B.csv" in dock.comparison.title.text()
    click(qtbot, dock.comparison.stop_button)
    assert flagged(dock) == []
    assert (cell(strip, 20, 0) == look).all()
    assert not dock.comparison.isVisible()
    after = {scan: study.tags.read(scan).values for scan in study.scan_names}
    assert all((before[scan] == after[scan]).all() for scan in before)


def test_the_next_disagreement_is_found_over_scans_and_from_the_first_again(
    qtbot, dock, second, monkeypatch
):
    compare(qtbot, dock, monkeypatch, second)
    button, here = dock.comparison.next_button, dock.comparison.here
    assert dock.session.slice_index == 12
    assert here.text() == "No disagreement on this slice."
    click(qtbot, button)
    assert (dock.session.scan, dock.session.slice_index) == ("phantom01", 20)
    assert here.text() == "TC: absent here, present there"
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, button)
    assert (dock.session.scan, dock.session.slice_index) == ("phantom02", 5)
    assert here.text() == "TC: present here, absent there"
    assert flagged(dock) == [5]
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        click(qtbot, button)
    assert (dock.session.scan, dock.session.slice_index) == ("phantom01", 10)


def test_the_comparison_follows_the_tags(qtbot, dock, second, monkeypatch):
    compare(qtbot, dock, monkeypatch, second)
    kappa_is(qtbot, dock, kappa_row("TC", "50", "47", "0.88"))
    click(qtbot, dock.comparison.next_button)
    click(qtbot, dock.slices.buttons.buttons[0])
    assert dock.session.table.get(20, "TC") == Tag.UNKNOWN
    assert flagged(dock) == [10]
    kappa_is(qtbot, dock, kappa_row("TC", "49", "47", "0.92"))
    click(qtbot, dock.slices.buttons.buttons[0])
    assert dock.session.table.get(20, "TC") == Tag.PRESENT
    kappa_is(qtbot, dock, kappa_row("TC", "50", "48", "0.92"))
    assert dock.comparison.here.text() == "No disagreement on this slice."
    # So does what is taken back.
    click(qtbot, dock.slices.edit_buttons["Undo"])
    click(qtbot, dock.slices.edit_buttons["Undo"])
    assert flagged(dock) == [10, 20]
    kappa_is(qtbot, dock, kappa_row("TC", "50", "47", "0.88"))


def test_full_agreement_has_no_next_disagreement(qtbot, dock, monkeypatch, tmp_path):
    path = tmp_path / "same.csv"
    path.write_text(HEADER + "phantom01,1,TC,1\nphantom01,20,TC,0\n")
    compare(qtbot, dock, monkeypatch, path)
    kappa_is(qtbot, dock, kappa_row("TC", "2", "2", "1.00"))
    click(qtbot, dock.comparison.next_button)
    assert dock.comparison.here.text() == "There is no disagreement."
    assert dock.session.slice_index == 12
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.scans.setCurrentRow(1)
    assert "no tags to compare" in dock.comparison.here.text()
    assert flagged(dock) == []


def test_a_bad_file_is_explained_and_compares_nothing(qtbot, dock, monkeypatch, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + "phantom01,1,cyst,1\n")
    dialog = compare_dialog_of(qtbot, dock)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    click(qtbot, dialog.source.choose_button)
    qtbot.waitUntil(
        lambda: "line 2: the study has no class 'cyst'" in dialog.reason.text(), timeout=PATIENCE
    )
    assert not dialog.ok_button.isEnabled()
    dialog.reject()
    assert not dock.comparison.isVisible()


def test_another_study_ends_the_comparison(qtbot, dock, second, monkeypatch, tmp_path):
    other = Study.create(
        tmp_path / "other",
        scans={"x": dock.session.study.files("phantom01")},
        channels=dock.session.study.channels,
        classes=["cyst"],
    )
    compare(qtbot, dock, monkeypatch, second)
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(other.folder)
    assert not dock.comparison.isVisible()
    assert flagged(dock) == []
