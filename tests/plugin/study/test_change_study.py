"""The dialog that changes the name, the classes and the scans of a study."""

import numpy as np
import pytest
from helpers.docks import opened
from helpers.questions import User
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QLineEdit

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.plugin.study.change_study import ChangeStudyDialog
from napari_mcwss.plugin.study.class_table import COLOUR, NAME, PRIORITY, ClassTable
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.segmentation.corrected import read_corrected
from napari_mcwss.segmentation.results import load_mask
from napari_mcwss.study.study import ClassSpec, Study
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.store import TagStore
from napari_mcwss.tags.table import Tag
from napari_mcwss.training.checkpoints.unfinished import training_lock

pytestmark = pytest.mark.gui
PATIENCE = 30_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dock(tagging_dock, segmented, qtbot) -> TaggingDock:
    return opened(qtbot, tagging_dock, segmented)


@pytest.fixture
def dialog(dock, qtbot) -> ChangeStudyDialog:
    dock.study_menu.change_action.trigger()
    dialog = dock.findChild(ChangeStudyDialog)
    qtbot.waitUntil(dialog.isVisible, timeout=PATIENCE)
    return dialog


def rename(qtbot, dialog: ChangeStudyDialog, index: int, name: str) -> None:
    table = dialog.class_table.table
    table.editItem(table.item(index, NAME))
    lines = table.viewport().findChildren(QLineEdit)
    (editor,) = (line for line in lines if line.parent() is table.viewport())
    editor.selectAll()
    qtbot.keyClicks(editor, name)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.class_table.names[index] == name, timeout=PATIENCE)


def change(qtbot, dock, dialog: ChangeStudyDialog) -> None:
    with qtbot.waitSignal(dock.settled, timeout=PATIENCE):
        qtbot.mouseClick(dialog.ok_button, LEFT)


def test_a_class_is_renamed_where_it_is_tagged(qtbot, dock, dialog, segmented):
    before = segmented.tags.read("phantom01").values
    rename(qtbot, dialog, 1, "oedema")
    change(qtbot, dock, dialog)
    study = dock.session.study
    assert study.class_names == ("TC", "oedema")
    assert dock.session.scan == "phantom01"
    assert dock.session.table.classes == ("TC", "oedema")
    assert np.array_equal(dock.session.table.values, before)


def test_results_follow_an_order_and_a_colour(qtbot, dock, dialog, segmented, monkeypatch):
    results = ResultsDock(dock.viewer)
    dock.viewer.window.add_dock_widget(results, name="Results")
    core = load_mask(segmented, "model-1", "phantom01") == 1
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#123456"))
    table = dialog.class_table
    qtbot.mouseClick(table.table.cellWidget(0, COLOUR), LEFT)
    table.table.selectRow(0)
    qtbot.mouseClick(table.down_button, LEFT)
    assert table.names == ["ED", "TC"]
    change(qtbot, dock, dialog)
    study = dock.session.study
    assert study.class_names == ("ED", "TC")
    assert study.classes[1].colour == "#123456"

    def mask_layer():
        return next(iter(study_layers(dock.viewer, "mask")), None)

    qtbot.waitUntil(lambda: mask_layer() is not None and mask_layer().data.any(), timeout=PATIENCE)
    assert np.array_equal(mask_layer().data == 2, core)
    assert QColor.fromRgbF(*mask_layer().get_color(2)).name() == "#123456"


def test_removing_tagged_classes_and_scans_is_asked_and_can_be_taken_back(
    qtbot, dock, dialog, segmented
):
    before = segmented.tags.read("phantom02").values
    table = dialog.class_table
    table.table.selectRow(1)
    qtbot.mouseClick(table.remove_button, LEFT)
    dialog.scans.setCurrentRow(3)
    qtbot.mouseClick(dialog.remove_button, LEFT)
    user = User(qtbot, "Keep")
    qtbot.mouseClick(dialog.ok_button, LEFT)
    assert user.satisfied
    assert dialog.isVisible()
    assert "ED (36 tags) and 1 scan" in user.questions[0]
    user = User(qtbot, "Remove")
    change(qtbot, dock, dialog)
    assert dock.session.study.class_names == ("TC",)
    assert dock.scans.count() == 3

    dock.study_menu.change_action.trigger()
    again = [found for found in dock.findChildren(ChangeStudyDialog) if found.isVisible()][-1]
    qtbot.mouseClick(again.class_table.add_button, LEFT)
    rename(qtbot, again, 1, "ED")
    change(qtbot, dock, again)
    opened = Study.open(segmented.folder)
    assert np.array_equal(opened.tags.read("phantom02").values, before)


def test_a_study_is_renamed_and_stays_open(qtbot, dock, dialog, segmented):
    dialog.name.selectAll()
    qtbot.keyClicks(dialog.name, "gliomas")
    change(qtbot, dock, dialog)
    assert dock.session.study.folder == segmented.folder.with_name("gliomas")
    assert "gliomas" in dock.title.text()
    assert not dock.session.read_only
    dock.session.study.tags["phantom01"][0, "TC"] = Tag.UNKNOWN


@pytest.mark.parametrize(
    ("name", "expected"), [("a/b", "not a valid file name"), ("taken", "choose another name")]
)
def test_a_wrong_name_is_explained_and_nothing_is_changed(qtbot, dialog, segmented, name, expected):
    segmented.folder.with_name("taken").mkdir()
    dialog.name.setText(name)
    qtbot.mouseClick(dialog.ok_button, LEFT)
    assert expected in dialog.reason.text()
    assert dialog.isVisible()
    dialog.reject()
    assert segmented.folder.exists()


def test_nothing_is_changed_while_a_model_is_in_training(qtbot, dialog, segmented):
    rename(qtbot, dialog, 1, "oedema")
    with training_lock(segmented, "model-2"):
        qtbot.mouseClick(dialog.ok_button, LEFT)
    assert "'model-2' is in training now" in dialog.reason.text()
    assert Study.open(segmented.folder).class_names == ("TC", "ED")
    dialog.reject()


def test_strokes_that_are_not_saved_yet_keep_their_class(qtbot, dock, dialog, segmented):
    correcting = dock.session.correcting
    correcting.begin("")
    # No event of napari tells of this: it waits until the mask is saved next.
    correcting.layer.data[0], correcting.layer.data[1] = 1, 2
    table = dialog.class_table
    table.table.selectRow(0)
    qtbot.mouseClick(table.down_button, LEFT)
    change(qtbot, dock, dialog)
    assert dock.session.study.class_names == ("ED", "TC")
    found = read_corrected(Study.open(segmented.folder), "phantom01").labels
    assert (found[0] == 2).all()
    assert (found[1] == 1).all()


def test_nothing_is_changed_while_tags_cannot_be_saved(qtbot, dock, dialog, segmented, monkeypatch):
    def fails(*_: object) -> None:
        raise McwssError("the disk is full")

    monkeypatch.setattr(TagStore, "apply", fails)
    before = dock.session.table.get(0, "ED")
    after = Tag.ABSENT if before is Tag.PRESENT else Tag.PRESENT
    dock.session.change_tags([Change(0, "ED", after, before)])
    rename(qtbot, dialog, 1, "oedema")
    qtbot.mouseClick(dialog.ok_button, LEFT)
    assert "tags are not saved: the disk is full" in dialog.reason.text()
    assert Study.open(segmented.folder).class_names == ("TC", "ED")
    monkeypatch.undo()
    change(qtbot, dock, dialog)
    assert dock.session.study.tags["phantom01"][0, "oedema"] is after


def test_a_table_of_classes_keeps_priorities(qtbot):
    table = ClassTable([ClassSpec(name="TC", colour="#123456", priority=1000)], {})
    qtbot.addWidget(table)
    table.add()
    table.table.item(1, NAME).setText("ED")
    table.table.cellWidget(1, PRIORITY).setValue(3)
    assert [spec.priority for spec in table.classes] == [1000, 3]
