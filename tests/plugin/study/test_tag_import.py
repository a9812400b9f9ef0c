"""Tags come into a study and go out of it, through dialogs."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers.questions import User
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.study import import_dialog
from napari_mcwss.plugin.study.import_dialog import ImportDialog
from napari_mcwss.plugin.study.tag_sources import Kind
from napari_mcwss.plugin.tagging import menu as tag_menu
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.study import tag_exchange as exchange
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000
LEFT = Qt.MouseButton.LeftButton
HEADER = "scan,slice,class,tag\n"


@pytest.fixture
def dock(tagging_dock, phantom_study, qtbot) -> TaggingDock:
    """The dock on a study in which slice 12 of the first scan has TC."""
    phantom_study.tags.change("phantom01", 12, "TC", Tag.PRESENT)
    with qtbot.waitSignal(tagging_dock.settled, timeout=PATIENCE):
        tagging_dock.open_study(phantom_study.folder)
    return tagging_dock


@pytest.fixture
def choices(monkeypatch) -> dict[str, str]:
    """What the system's dialogs answer."""
    answers: dict[str, str] = {}
    monkeypatch.setattr(
        QFileDialog, "getOpenFileNames", lambda *_: ([answers["open"]], "Tables (*.csv)")
    )
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: answers["folder"])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (answers["save"], ""))
    return answers


def click(qtbot, button) -> None:
    assert button.isEnabled()
    assert button.isVisible()
    # On the text of radio buttons, which are wider than it.
    qtbot.mouseClick(button, LEFT, pos=QPoint(8, button.height() // 2))


def choose_in_menu(qtbot, dock, action) -> None:
    """Open the menu and click on a line of it."""
    menu = dock.tag_menu.menu()
    clicked = []

    def choose() -> None:
        if not menu.isVisible():
            QTimer.singleShot(20, choose)
            return
        clicked.append(action.isEnabled())
        qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())

    QTimer.singleShot(0, choose)
    click(qtbot, dock.tag_menu)
    qtbot.waitUntil(lambda: bool(clicked), timeout=PATIENCE)


def import_dialog_of(qtbot, dock) -> ImportDialog:
    choose_in_menu(qtbot, dock, dock.tag_menu.import_action)
    qtbot.waitUntil(lambda: dock.findChild(ImportDialog) is not None, timeout=PATIENCE)
    return dock.findChild(ImportDialog)


def name_files(qtbot, dialog, choices, path) -> None:
    choices["open"] = str(path)
    click(qtbot, dialog.source.choose_button)
    read(qtbot, dialog)


def read(qtbot, dialog) -> None:
    qtbot.waitUntil(lambda: dialog.reason.text() != "Reading …", timeout=PATIENCE)


def cells(dialog) -> list[list[str]]:
    table = dialog.table
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def finish(qtbot, dialog) -> None:
    with qtbot.waitSignal(dialog.accepted, timeout=PATIENCE):
        click(qtbot, dialog.ok_button)


def tables(study) -> dict[str, np.ndarray]:
    return {scan: study.tags.read(scan).values for scan in study.scan_names}


def same(before, study) -> bool:
    return all(np.array_equal(before[scan], values) for scan, values in tables(study).items())


def test_a_file_is_previewed_imported_in_one_step_and_shown(qtbot, dock, choices, tmp_path):
    path = tmp_path / "reader2.csv"
    path.write_text(HEADER + "phantom01,12,TC,present\nphantom01,12,ED,absent\nphantom02,3,TC,1\n")
    study = dock.session.study
    before = tables(study)
    dialog = import_dialog_of(qtbot, dock)
    assert not dialog.ok_button.isEnabled()
    name_files(qtbot, dialog, choices, path)
    assert cells(dialog) == [
        ["TC", "1", "0", "1"],
        ["ED", "1", "0", "0"],
        ["All classes", "2", "0", "1"],
    ]
    assert not dialog.keep.isVisible(), "nothing conflicts"
    assert same(before, study), "a preview changes nothing"
    finish(qtbot, dialog)
    assert "absent" in dock.slices.buttons.buttons[1].text()
    assert study.tags.read("phantom02").get(3, "TC") == Tag.PRESENT
    line = "phantom02   (1 of 25 slices tagged, 1 in part)"
    qtbot.waitUntil(lambda: dock.scans.item(1).text() == line, timeout=PATIENCE)
    user = User(qtbot, "Undo")
    click(qtbot, dock.slices.edit_buttons["Undo"])
    assert user.questions == ["The step to undo changed 2 tags of phantom01, phantom02. Undo it?"]
    assert same(before, study), "one step took all of it back"
    assert "unknown" in dock.slices.buttons.buttons[1].text()


@pytest.mark.parametrize(("choice", "tag"), [("keep", Tag.PRESENT), ("overwrite", Tag.ABSENT)])
def test_conflicting_tags_have_to_be_decided(qtbot, dock, choices, tmp_path, choice, tag):
    path = tmp_path / "reader2.tsv"
    path.write_text("scan\tslice\tTC\tED\nphantom01\t12\t0\t1\n")
    dialog = import_dialog_of(qtbot, dock)
    name_files(qtbot, dialog, choices, path)
    assert not dialog.ok_button.isEnabled()
    assert "Choose which" in dialog.reason.text()
    assert (
        dialog.conflicts.text()
        == "phantom01, slice 12, TC: present in the study, absent in the import"
    )
    click(qtbot, getattr(dialog, choice))
    finish(qtbot, dialog)
    table = dock.session.study.tags.read("phantom01")
    assert (table.get(12, "TC"), table.get(12, "ED")) == (tag, Tag.PRESENT)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty: expected the columns"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"scan,slice,class,tag\nphantom09,1,TC,1\n", "line 2: no scan 'phantom09'"),
        (b"scan,slice,class,tag\nphantom01,1,TC,1\nphantom01,2,TC,x\n", "line 3: 'x' is not a tag"),
        (b'scan,slice,class,tag\nphantom01,1,"T', "is not a row of a table"),
        (None, "cannot read"),
    ],
)
def test_a_bad_file_is_explained_in_one_line(qtbot, dock, choices, told, tmp_path, content, reason):
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)
    study = dock.session.study
    before = tables(study)
    dialog = import_dialog_of(qtbot, dock)
    name_files(qtbot, dialog, choices, path)
    assert reason in dialog.reason.text()
    assert "bad.csv" in dialog.reason.text()
    assert "\n" not in dialog.reason.text()
    assert not dialog.ok_button.isEnabled()
    assert not dialog.table.isVisible()
    assert not told
    # A better file mends it.
    path.write_text(HEADER + "phantom01,1,ED,1\n")
    name_files(qtbot, dialog, choices, path)
    assert dialog.ok_button.isEnabled()
    click(qtbot, dialog.buttons.button(dialog.buttons.StandardButton.Cancel))
    assert same(before, study)


def test_another_study_is_imported_and_what_is_left_out_is_told(
    qtbot, dock, choices, phantom_study, tmp_path
):
    other = Study.create(
        tmp_path / "other",
        scans={"phantom02": phantom_study.files("phantom02")},
        channels=phantom_study.channels,
        classes=["ED", "cyst"],
    )
    other.tags.change("phantom02", 7, "ED", Tag.ABSENT)
    dialog = import_dialog_of(qtbot, dock)
    dialog.source.kind.setCurrentText(Kind.STUDY)
    choices["folder"] = str(other.folder)
    click(qtbot, dialog.source.choose_button)
    read(qtbot, dialog)
    assert "cyst" in dialog.notes.text()
    assert cells(dialog)[-1] == ["All classes", "1", "0", "0"]
    finish(qtbot, dialog)
    assert dock.session.study.tags.read("phantom02").get(7, "ED") == Tag.ABSENT


def test_masks_of_some_scans_are_imported(qtbot, dock, choices, phantom_folder, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    shutil.copy(phantom_folder / "phantom02" / "seg.nii.gz", masks / "phantom02.nii.gz")
    dialog = import_dialog_of(qtbot, dock)
    dialog.source.kind.setCurrentText(Kind.MASKS)
    choices["folder"] = str(masks)
    click(qtbot, dialog.source.folder_button)
    assert not dialog.ok_button.isEnabled()
    qtbot.keyClicks(dialog.source.values["TC"], "1x")
    qtbot.waitUntil(lambda: "whole numbers" in dialog.reason.text(), timeout=PATIENCE)
    dialog.source.values["TC"].clear()
    qtbot.keyClicks(dialog.source.values["TC"], "1, 4")
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    assert "phantom01" in dialog.notes.text()
    assert cells(dialog)[:2] == [["TC", "25", "0", "0"], ["ED", "0", "0", "0"]]
    # What is being typed is not what was previewed.
    qtbot.keyClicks(dialog.source.values["TC"], ",")
    assert not dialog.ok_button.isEnabled()
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    finish(qtbot, dialog)
    values = dock.session.study.tags.read("phantom02").values
    assert set(values[:, 0].tolist()) == {0, 1}
    assert (values[:, 1] == Tag.UNKNOWN).all()


def test_nothing_of_an_import_happens_on_the_screens_thread(
    qtbot, dock, choices, tmp_path, monkeypatch
):
    threads = []

    def watched(function):
        def call(*arguments, **named):
            threads.append(threading.get_ident())
            return function(*arguments, **named)

        return call

    monkeypatch.setattr(exchange, "read_spreadsheets", watched(exchange.read_spreadsheets))
    monkeypatch.setattr(import_dialog, "apply_import", watched(import_dialog.apply_import))
    monkeypatch.setattr(tag_menu, "export_tags", watched(tag_menu.export_tags))
    path = tmp_path / "reader2.csv"
    path.write_text(HEADER + "phantom02,3,TC,1\n")
    dialog = import_dialog_of(qtbot, dock)
    name_files(qtbot, dialog, choices, path)
    finish(qtbot, dialog)
    choices["save"] = str(tmp_path / "out.csv")
    choose_in_menu(qtbot, dock, dock.tag_menu.export_action)
    qtbot.waitUntil((tmp_path / "out.csv").exists, timeout=PATIENCE)
    assert len(threads) == 3
    assert threading.get_ident() not in threads


def test_an_import_that_cannot_be_written_leaves_all_as_it_was(
    qtbot, dock, choices, tmp_path, monkeypatch
):
    path = tmp_path / "reader2.csv"
    path.write_text(HEADER + "phantom01,12,ED,absent\nphantom02,3,TC,1\n")
    study = dock.session.study
    before = tables(study)
    dialog = import_dialog_of(qtbot, dock)
    name_files(qtbot, dialog, choices, path)

    def full(*_: object) -> None:
        raise McwssError("cannot write 'x': No space left on device")

    monkeypatch.setattr("napari_mcwss.tags.journal.append_line", full)
    with qtbot.waitSignal(dialog.applied, timeout=PATIENCE):
        click(qtbot, dialog.ok_button)
    assert "No space left" in dialog.reason.text()
    assert dialog.isVisible()
    assert same(before, study)
    assert "unknown" in dock.slices.buttons.buttons[1].text()
    monkeypatch.undo()
    finish(qtbot, dialog)
    assert study.tags.read("phantom02").get(3, "TC") == Tag.PRESENT


def test_tags_are_imported_into_the_right_scan_when_names_are_hidden(
    qtbot, dock, choices, tmp_path
):
    click(qtbot, dock.order_boxes.blind)
    path = tmp_path / "reader2.csv"
    path.write_text(HEADER + "phantom01,12,TC,absent\nphantom02,3,TC,1\n")
    dialog = import_dialog_of(qtbot, dock)
    name_files(qtbot, dialog, choices, path)
    assert dialog.conflicts.text().startswith("Scan 1, slice 12")
    click(qtbot, dialog.overwrite)
    finish(qtbot, dialog)
    assert dock.session.study.tags.read("phantom02").get(3, "TC") == Tag.PRESENT
    path.write_text(HEADER + "phantom01,99,TC,absent\n")
    dialog = import_dialog_of(qtbot, dock)
    name_files(qtbot, dialog, choices, path)
    assert "Scan 1 has no slice '99'" in dialog.reason.text()
    dialog.reject()


def test_who_can_only_read_cannot_import(qtbot, dock, phantom_study):
    folder = dock.session.study.folder
    dock.session.close()
    phantom_study.tags.lock.acquire()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(folder)
    choose_in_menu(qtbot, dock, dock.tag_menu.import_action)
    assert not dock.tag_menu.import_action.isEnabled()
    assert dock.tag_menu.export_action.isEnabled()
    assert dock.findChild(ImportDialog) is None
    dock.tag_menu.menu().close()
    phantom_study.tags.lock.release()


def test_what_is_exported_can_be_imported_again(qtbot, dock, choices, told, tmp_path: Path):
    path = tmp_path / "out.csv"
    choices["save"] = str(path)
    click(qtbot, dock.slices.buttons.buttons[1])
    choose_in_menu(qtbot, dock, dock.tag_menu.export_action)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert "2 tags written" in told[-1].message
    assert path.read_text() == HEADER + "phantom01,12,TC,present\nphantom01,12,ED,present\n"
    dialog = import_dialog_of(qtbot, dock)
    name_files(qtbot, dialog, choices, path)
    assert cells(dialog)[-1] == ["All classes", "0", "0", "2"]
    assert "nothing to import" in dialog.reason.text()
    dialog.reject()


def test_an_export_that_cannot_be_written_is_told(qtbot, dock, choices, told):
    inside = dock.session.study.folder / "tags" / "out.csv"
    choices["save"] = str(inside)
    choose_in_menu(qtbot, dock, dock.tag_menu.export_action)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert "name a file elsewhere" in told[-1].message
    assert not inside.exists()
