"""Scans in a shuffled order, and without their names."""

import shutil
from pathlib import Path

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QLabel

from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.scans.phantom import write_phantom
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="session")
def many_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    write_phantom(folder, scans=6, size=(5, 20, 20))
    return folder


@pytest.fixture
def many(many_folder, tmp_path) -> Study:
    """A study of six small scans, without tags."""
    files = {path.name: [path / "t1c.nii.gz"] for path in sorted(many_folder.iterdir())}
    return Study.create(tmp_path / "study", scans=files, channels=["t1c"], classes=["TC", "ED"])


@pytest.fixture
def dock(tagging_dock) -> TaggingDock:
    return tagging_dock


def open_study(qtbot, dock, folder) -> None:
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        dock.open_study(folder)


def tick(qtbot, box) -> None:
    before = box.isChecked()
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    assert box.isChecked() != before


def shown(dock) -> list[str]:
    """The scans of the list by what they are."""
    return [dock.scans.item(n).data(Qt.ItemDataRole.UserRole) for n in range(dock.scans.count())]


def lines(dock) -> list[str]:
    return [dock.scans.item(row).text().split("   ")[0] for row in range(dock.scans.count())]


def texts(dock) -> str:
    """All that the dock says."""
    labels = [label.text() + label.toolTip() for label in dock.findChildren(QLabel)]
    return "\n".join([*labels, *(dock.scans.item(n).text() for n in range(dock.scans.count()))])


def choose(qtbot, dock, row) -> None:
    place = dock.scans.visualItemRect(dock.scans.item(row)).center()
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        qtbot.mouseClick(dock.scans.viewport(), LEFT, pos=place)


def test_the_order_is_found_again_and_differs_between_readers(many):
    def order(reader: str) -> tuple[str, ...]:
        study = Study.open(many.folder)
        study.tags.reader = reader
        order = ScanOrder()
        order.set_shuffled(True)
        order.show_study(study)
        assert sorted(order.names) == sorted(many.scan_names)
        return order.names

    orders = [order(reader) for reader in "ABCD"]
    assert orders == [order(reader) for reader in "ABCD"]
    assert len({many.scan_names, *orders}) >= 4


def test_scans_that_are_added_leave_the_order_of_the_others(many, many_folder):
    order = ScanOrder()
    order.set_shuffled(True)
    order.show_study(many)
    before = order.names
    many.add_scans({"late": [many_folder / "phantom01" / "t1c.nii.gz"]})
    order.show_study(many)
    assert tuple(name for name in order.names if name != "late") == before


def test_names_are_hidden_in_paths_too(many):
    order = ScanOrder()
    order.show_study(many)
    path = "'/data/phantom02/phantom02_t1c.nii.gz' of phantom020, phantom02"
    assert order.hide(path) == path
    order.set_blind(True)
    assert order.hide(path) == "'/data/Scan 2/Scan 2_t1c.nii.gz' of phantom020, Scan 2"


def test_a_tick_shuffles_the_list_and_n_follows_it(qtbot, dock, many):
    open_study(qtbot, dock, many.folder)
    qtbot.waitUntil(lambda: len(dock.scans.tables) == 6, timeout=PATIENCE)
    assert shown(dock) == list(many.scan_names)
    tick(qtbot, dock.order_boxes.shuffled)
    shuffled = shown(dock)
    assert shuffled != list(many.scan_names)
    assert lines(dock) == shuffled
    assert dock.scans.currentItem().data(Qt.ItemDataRole.UserRole) == dock.session.scan
    qtbot.mouseClick(dock.slices.switch, LEFT, pos=QPoint(8, 8))
    canvas = dock.viewer.window._qt_viewer.canvas.native
    for _ in range(6):
        following = shuffled[(shuffled.index(dock.session.scan) + 1) % 6]
        canvas.setFocus()
        qtbot.waitUntil(canvas.hasFocus, timeout=PATIENCE)
        with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
            qtbot.keyClick(canvas, Qt.Key.Key_N)
        assert dock.session.scan == following
    tick(qtbot, dock.order_boxes.shuffled)
    assert shown(dock) == list(many.scan_names)


def test_a_shuffled_study_opens_again_with_its_first_scan_in_the_same_order(qtbot, dock, many):
    tick(qtbot, dock.order_boxes.shuffled)
    open_study(qtbot, dock, many.folder)
    order = shown(dock)
    assert dock.session.scan == order[0]
    dock.session.close()
    open_study(qtbot, dock, many.folder)
    assert shown(dock) == order


def test_blind_hides_every_name_and_tags_the_right_scan(qtbot, dock, many):
    tick(qtbot, dock.order_boxes.shuffled)
    tick(qtbot, dock.order_boxes.blind)
    said: list[str] = []
    dock._reading.said.connect(said.append)
    open_study(qtbot, dock, many.folder)
    assert lines(dock) == [f"Scan {number}" for number in range(1, 7)]
    choose(qtbot, dock, 3)
    scan = dock.session.scan
    assert scan == shown(dock)[3]
    qtbot.mouseClick(dock.slices.buttons.buttons[0], LEFT)
    assert Study.open(many.folder).tags.read(scan).get(2, "TC") == Tag.PRESENT
    tagged = [name for name in many.scan_names if many.tags.read(name).tagged.any()]
    assert tagged == [scan]
    # The advice names the only scan in which a class is present.
    choose(qtbot, dock, 5)
    qtbot.mouseClick(dock.slices.buttons.buttons[1], LEFT)
    qtbot.waitUntil(lambda: "only in Scan 4" in dock.summary.text(), timeout=PATIENCE)
    qtbot.mouseClick(dock.slices.edit_buttons["Undo"], LEFT)
    assert "Scan 6" in dock.slices.note.text()
    assert said
    assert "phantom" not in texts(dock) + "".join(said)
    assert not any("phantom" in layer.name for layer in dock.viewer.layers)
    tick(qtbot, dock.order_boxes.blind)
    assert lines(dock) == shown(dock)


def test_blind_hides_the_name_of_what_cannot_be_read(qtbot, dock, many_folder, told, tmp_path):
    scans = Path(shutil.copytree(many_folder, tmp_path / "s"))
    files = {name: [scans / name / "t1c.nii.gz"] for name in ("phantom01", "phantom02")}
    study = Study.create(tmp_path / "x", scans=files, channels=["t1c"], classes=["TC"])
    damaged = files["phantom02"][0]
    damaged.write_bytes(damaged.read_bytes()[:-200])
    tick(qtbot, dock.order_boxes.blind)
    open_study(qtbot, dock, study.folder)
    choose(qtbot, dock, 1)
    assert dock.session.scan == "phantom01"
    assert "Scan 2" in told[-1].message
    assert "phantom" not in told[-1].message
