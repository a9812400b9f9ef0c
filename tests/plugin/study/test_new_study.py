"""The dialog of a new study: its folders are searched beside the screen."""

import shutil
import threading
from collections.abc import Iterator

import nibabel as nib
import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QStyleOptionViewItem, QTableWidget, QWidget

from napari_mcwss.plugin.study import new_study, study_folder
from napari_mcwss.plugin.study.new_study import ScansDialog
from napari_mcwss.scans.finding import find_scans

pytestmark = pytest.mark.gui
PATIENCE = 30_000


class Searches:
    """Watches the searches of folders, and can hold them up."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.channels: list[str] = []
        self._go_on = threading.Event()
        self.let_go()

    def find(self, folder, channels):
        self.threads.append(threading.get_ident())
        self.channels.append(",".join(channels))
        assert self._go_on.wait(PATIENCE / 1000)
        return find_scans(folder, channels)

    def hold(self) -> None:
        self._go_on.clear()

    def let_go(self) -> None:
        self._go_on.set()


@pytest.fixture
def searches(monkeypatch) -> Iterator[Searches]:
    watched = Searches()
    monkeypatch.setattr(new_study, "find_scans", watched.find)
    yield watched
    watched.let_go()


@pytest.fixture
def parent(qtbot) -> Iterator[QWidget]:
    parent = QWidget()
    qtbot.addWidget(parent)
    yield parent
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def dialog(parent, searches, phantom_folder, qtbot) -> ScansDialog:
    """The dialog after its first search."""
    dialog = ScansDialog(parent, sources=[phantom_folder])
    dialog.show()
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=PATIENCE)
    return dialog


def test_channels_are_guessed_and_scans_found_beside_the_screen(qtbot, parent, searches, tmp_path):
    scans = tmp_path / "scans"
    for name in ("a/t1.nii", "a/t2.nii", "b/t1.nii", "b/t2.nii"):
        (scans / name).parent.mkdir(parents=True, exist_ok=True)
        (scans / name).touch()
    dialog = ScansDialog(parent, sources=[scans])
    assert dialog.reason.text() == "Looking for scans …"
    assert not dialog.ok_button.isEnabled()
    qtbot.waitUntil(lambda: dialog.channels.text() == "t1, t2", timeout=PATIENCE)
    assert [dialog.table.item(row, 0).text() for row in range(2)] == ["a", "b"]
    assert dialog.reason.text() == "Name at least one class to look for."
    dialog.classes.setText("TC")
    assert dialog.reason.text() == "2 scans"
    assert dialog.ok_button.isEnabled()
    assert len(searches.threads) == 1
    assert threading.get_ident() not in searches.threads


def test_a_folder_one_level_too_deep_is_refused_in_words(qtbot, parent, searches, tmp_path):
    folder = tmp_path / "glioma" / "pat0001"
    folder.mkdir(parents=True)
    for name in ("t1c.nii", "flair.nii"):
        (folder / name).touch()
    dialog = ScansDialog(parent, sources=[folder])
    dialog.classes.setText("TC")
    qtbot.waitUntil(lambda: "named like channels" in dialog.reason.text(), timeout=PATIENCE)
    assert "choose the folder above it" in dialog.reason.text()
    assert not dialog.ok_button.isEnabled()
    dialog.channels.setText("flair, t1c")
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    assert dialog.reason.text() == "1 scan"


def test_classes_and_study_folder_are_typed_without_another_search(
    qtbot, dialog, searches, tmp_path
):
    qtbot.keyClicks(dialog.classes, "TC, ED")
    dialog.study_folder.clear()
    assert dialog.reason.text() == "Choose a folder for the study."
    qtbot.keyClicks(dialog.study_folder, str(tmp_path / "new"))
    assert dialog.ok_button.isEnabled()
    assert len(searches.threads) == 1


def test_names_between_semicolons_are_to_be_separated_with_commas(qtbot, dialog):
    qtbot.keyClicks(dialog.classes, "TC; ED")
    assert dialog.reason.text() == "Separate the classes with commas, not semicolons."
    assert not dialog.ok_button.isEnabled()
    assert dialog.table.rowCount() == 2
    dialog.classes.setText("TC, ED")
    assert dialog.ok_button.isEnabled()
    dialog.channels.setText("t1c; flair")
    assert dialog.reason.text() == "Separate the channels with commas, not semicolons."
    assert not dialog.ok_button.isEnabled()


def test_typing_goes_on_while_a_folder_is_searched_and_the_last_word_counts(
    qtbot, dialog, searches
):
    dialog.classes.setText("TC")
    searches.hold()
    dialog.channels.clear()
    assert dialog.reason.text() == "Name the channels as in the ends of the file names."
    qtbot.keyClick(dialog.channels, "t")
    qtbot.waitUntil(lambda: len(searches.threads) == 2, timeout=PATIENCE)
    qtbot.keyClicks(dialog.channels, "1c")
    assert dialog.channels.text() == "t1c"
    assert dialog.reason.text() == "Looking for scans …"
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.study is None
    searches.let_go()
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    assert searches.channels == ["flair,t1c", "t", "t1c"]
    assert dialog.table.columnCount() == 2
    assert dialog.reason.text() == "2 scans"


def test_channels_that_are_typed_win_over_the_guess(qtbot, parent, searches, phantom_folder):
    searches.hold()
    dialog = ScansDialog(parent, sources=[phantom_folder])
    dialog.classes.setText("TC")
    qtbot.waitUntil(lambda: len(searches.threads) == 1, timeout=PATIENCE)
    dialog.channels.setText("t1c")
    searches.let_go()
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    assert dialog.channels.text() == "t1c"
    assert dialog.table.columnCount() == 2


def test_a_folder_without_scans_is_told_and_can_be_chosen_again(qtbot, parent, tmp_path):
    dialog = ScansDialog(parent, sources=[tmp_path])
    dialog.classes.setText("TC")
    qtbot.waitUntil(lambda: "no scans in" in dialog.reason.text(), timeout=PATIENCE)
    assert not dialog.ok_button.isEnabled()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ct.nii").touch()
    dialog.set_sources([tmp_path])
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    assert dialog.channels.text() == "ct"


def test_a_folder_of_the_user_s_own_is_proposed_and_none_is_made(
    qtbot, parent, searches, phantom_folder, monkeypatch, tmp_path
):
    own, others = tmp_path / "own", tmp_path / "others"
    (own / "others-study").mkdir(parents=True)
    others.mkdir()
    (others / "a.nii").touch()
    monkeypatch.setattr(study_folder, "own_folder", lambda: own)
    dialog = ScansDialog(parent, sources=[phantom_folder])
    name = f"{phantom_folder.name}-study"
    assert dialog.study_folder.text() == str(own / name)
    dialog.set_sources([others / "a.nii"])
    assert dialog.study_folder.text() == str(own / "others-study-2")
    dialog.study_folder.setText("mine")
    dialog.set_sources([phantom_folder])
    assert dialog.study_folder.text() == "mine"
    assert [path.name for path in own.iterdir()] == ["others-study"]


def test_a_study_gets_a_folder_of_its_own_in_one_that_is_in_use(
    qtbot, parent, searches, phantom_folder, monkeypatch, tmp_path
):
    dialog = ScansDialog(parent, sources=[phantom_folder])
    empty, used = tmp_path / "empty", tmp_path / "used"
    empty.mkdir()
    used.mkdir()
    (used / "letter.txt").touch()
    for chosen, expected in ((empty, empty), (used, used / f"{phantom_folder.name}-study")):
        monkeypatch.setattr(
            study_folder.QFileDialog, "getExistingDirectory", lambda *_, chosen=chosen: str(chosen)
        )
        qtbot.mouseClick(dialog.study_folder.choose_button, Qt.MouseButton.LeftButton)
        assert dialog.study_folder.text() == str(expected)


def test_the_dialog_can_be_closed_during_a_search(qtbot, dialog, searches):
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    searches.hold()
    dialog.channels.setText("t1c")
    qtbot.waitUntil(lambda: len(searches.threads) == 2, timeout=PATIENCE)
    with qtbot.waitSignal(dialog.destroyed, timeout=PATIENCE):
        dialog.reject()
    searches.let_go()
    WorkerBase.await_workers(PATIENCE)
    with qtbot.captureExceptions() as errors:
        QApplication.processEvents()
    assert not errors


def test_coloured_pictures_are_three_channels(qtbot, parent, searches, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "scans").mkdir(exist_ok=True)
        Image.new("RGB", (9, 6), (200, 20, 10)).save(tmp_path / "scans" / f"{name}.png")
    dialog = ScansDialog(parent, sources=[tmp_path / "scans"])
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=PATIENCE)
    assert dialog.channels.text() == "red, green, blue"
    assert dialog.table.horizontalHeaderItem(1).text() == "all channels"


def shown(table: QTableWidget) -> list[list[str]]:
    """Return what the cells have to show in their widths."""
    options = []
    for row in range(table.rowCount()):
        options.append([])
        for column in range(table.columnCount()):
            index = table.model().index(row, column)
            option = QStyleOptionViewItem()
            option.initFrom(table)
            option.widget, option.rect = table, table.visualRect(index)
            table.itemDelegate().initStyleOption(option, index)
            options[-1].append(option.text)
    return options


def test_names_are_whole_where_they_fit_and_else_show_what_differs(qtbot, parent, tmp_path):
    cases = [f"a-cohort-with-a-long-name_{n:05d}" for n in (6, 7)]
    for case in cases:
        (tmp_path / case).mkdir()
        for channel in ("flair", "t1"):
            (tmp_path / case / f"{case}_{channel}.nii.gz").touch()
    dialog = ScansDialog(parent, sources=[tmp_path])
    dialog.show()
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=PATIENCE)
    dialog.table.setFixedWidth(1500)
    qtbot.waitUntil(lambda: dialog.table.columnWidth(1) > 400, timeout=PATIENCE)
    assert shown(dialog.table) == [
        [case, f"{case}_flair.nii.gz", f"{case}_t1.nii.gz"] for case in cases
    ]
    dialog.table.setFixedWidth(420)
    qtbot.waitUntil(lambda: dialog.table.columnWidth(1) < 200, timeout=PATIENCE)
    files = ["…flair.nii.gz", "…t1.nii.gz"]
    assert shown(dialog.table) == [["…00006", *files], ["…00007", *files]]
    assert dialog.table.item(1, 0).toolTip() == cases[1]
    path = tmp_path / cases[1] / f"{cases[1]}_t1.nii.gz"
    assert dialog.table.item(1, 2).toolTip() == str(path)


def test_a_folder_that_cannot_give_its_name_to_a_scan_is_a_scan_of_a_similar_name(
    qtbot, parent, phantom_folder, tmp_path
):
    for scan, name in (("phantom01", "O'Brien, Seán (2)"), ("phantom02", "O'Brien, Mary")):
        shutil.copytree(phantom_folder / scan, tmp_path / "scans" / name)
    dialog = ScansDialog(parent, sources=[tmp_path / "scans"])
    dialog.classes.setText("TC")
    dialog.study_folder.setText(str(tmp_path / "made"))
    qtbot.waitUntil(dialog.ok_button.isEnabled, timeout=PATIENCE)
    names = ("OBrien Mary", "OBrien Seán (2)")
    assert (dialog.table.item(0, 0).text(), dialog.table.item(1, 0).text()) == names
    with qtbot.waitSignal(dialog.accepted, timeout=PATIENCE):
        dialog.accept()
    assert dialog.study.scan_names == names


def test_masks_of_a_data_set_are_no_scans(qtbot, parent, tmp_path):
    for name in ("a", "b"):
        for file in (f"imagesTr/{name}_0000.nii.gz", f"labelsTr/{name}.nii.gz"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
    dialog = ScansDialog(parent, sources=[tmp_path])
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=PATIENCE)
    assert [dialog.table.item(row, 0).text() for row in range(2)] == ["a", "b"]


def test_folders_of_pictures_are_stacks_once_the_user_says_so(parent, tmp_path, qtbot):
    for scan in ("p1", "p2"):
        (tmp_path / "scans" / scan).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (5, 4), number).save(tmp_path / "scans" / scan / f"slice{number}.png")
    dialog = ScansDialog(parent, sources=[tmp_path / "scans"])
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: not dialog.stacks.isHidden(), timeout=PATIENCE)
    assert not dialog.stacks.isChecked()
    dialog.stacks.setChecked(True)
    qtbot.waitUntil(lambda: dialog.channels.text() == "image", timeout=PATIENCE)
    assert [dialog.table.item(row, 1).text() for row in (0, 1)] == ["p1", "p2"]


def test_an_image_in_two_files_that_are_dropped_together_is_one_scan(parent, tmp_path, qtbot):
    voxels = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    nib.Nifti1Pair(voxels, np.diag([-1.0, -1, 1, 1])).to_filename(tmp_path / "a.img")
    dialog = ScansDialog(parent, sources=[tmp_path / "a.img", tmp_path / "a.hdr"])
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: dialog.reason.text() != "Looking for scans …", timeout=PATIENCE)
    assert [dialog.table.item(row, 1).text() for row in range(dialog.table.rowCount())] == ["a.hdr"]
