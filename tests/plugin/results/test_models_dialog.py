"""Models are described, renamed and removed."""

from collections.abc import Iterator

import pytest
from helpers.questions import LEFT, User
from napari.qt.threading import WorkerBase
from qtpy.QtWidgets import QWidget

from napari_mcwss.model.checkpoint import read_info, save_info
from napari_mcwss.plugin.results.models_dialog import ModelsDialog
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 60_000


@pytest.fixture
def dialog(qtbot, segmented_study: Study) -> Iterator[ModelsDialog]:
    folder = segmented_study.model_folder("model-1")
    changes = {"stopped": "epoch 6 of 10", "undivided": (("TC", "ED"),)}
    save_info(folder, read_info(folder).model_copy(update=changes))
    parent = QWidget()
    qtbot.addWidget(parent)
    made = ModelsDialog(parent, segmented_study, "model-1")
    with qtbot.waitExposed(made, timeout=PATIENCE):
        made.show()
    yield made
    WorkerBase.await_workers(PATIENCE)


def test_a_model_is_described_with_what_its_training_lacks(qtbot, dialog):
    qtbot.waitUntil(lambda: "epochs trained" in dialog.facts.toPlainText(), timeout=PATIENCE)
    text = dialog.facts.toPlainText()
    assert "stopped in epoch 6 of 10, TC and ED not told apart" in text
    assert "do not rely on what the model shows as TC" in text


def test_a_model_gets_the_name_that_is_typed(qtbot, dialog, segmented_study):
    assert not dialog.rename_button.isEnabled()
    dialog.name.setText("best")
    with qtbot.waitSignal(dialog.models_changed, timeout=PATIENCE):
        qtbot.mouseClick(dialog.rename_button, LEFT)
    assert segmented_study.model_names() == ["best"]
    assert dialog.models.currentItem().text().startswith("best (")


def test_a_name_that_cannot_be_given_is_refused_in_the_dialog(qtbot, dialog, segmented_study):
    dialog.name.setText("a/b")
    qtbot.mouseClick(dialog.rename_button, LEFT)
    assert "a/b" in dialog.problem.text()
    assert segmented_study.model_names() == ["model-1"]


def test_a_model_is_removed_only_if_the_user_says_so(qtbot, dialog, segmented_study):
    user = User(qtbot, "Keep", "Delete")
    qtbot.mouseClick(dialog.delete_button, LEFT)
    assert segmented_study.model_names() == ["model-1"]
    with qtbot.waitSignal(dialog.models_changed, timeout=PATIENCE):
        qtbot.mouseClick(dialog.delete_button, LEFT)
    assert segmented_study.model_names() == []
    assert user.questions[0].startswith("Delete the model model-1 and all its results?")
    assert not dialog.delete_button.isEnabled()
