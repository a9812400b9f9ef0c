"""Docks that show nothing of the study before when another one is opened."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.many_classes import MODEL, make_study, show_training
from napari.qt.threading import WorkerBase
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QTableView,
    QWidget,
)

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.plugin.shared.docking import Dock
from napari_mcwss.plugin.training.remembered import remember
from napari_mcwss.training.events import Batch

pytestmark = [pytest.mark.gui, pytest.mark.slow]

PATIENCE = 60_000

SIZE = (9, 21, 18)


def state_of(dock: Dock) -> list[str]:
    """Return what the widgets of a dock show, hidden ones included."""
    return [f"{type(w).__name__}: {text}" for w in dock.findChildren(QWidget) if (text := _said(w))]


def _said(widget: QWidget) -> str:
    match widget:
        case QAbstractButton():
            return f"{widget.text()} {widget.isChecked()} {widget.isEnabled()}"
        case QLabel() | QLineEdit() | QAbstractSpinBox():
            return widget.text()
        case QComboBox():
            listed = [widget.itemText(index) for index in range(widget.count())]
            return f"{widget.currentText()} of {listed}"
        case QProgressBar():
            return f"{widget.value()}"
        case QListWidget():
            return " ".join(widget.item(row).text() for row in range(widget.count()))
        case QTableView():
            return f"{widget.model().rowCount()} rows"
    return ""


@pytest.fixture
def opened(make_napari_viewer, qtbot) -> Iterator:
    """A function that opens a window with all docks; and one that opens a study in it."""

    def window() -> dict[str, Dock]:
        viewer = make_napari_viewer(show=False)
        add_docks(viewer)
        return dict(viewer.window.dock_widgets)

    def study(docks: dict[str, Dock], folder: Path) -> None:
        tagging, results = docks["Tagging"], docks["Results"]
        with qtbot.waitSignal(tagging.settled, timeout=PATIENCE):
            tagging.open_study(folder)
        qtbot.waitUntil(lambda: results.state.mask is not None, timeout=PATIENCE)
        summary = tagging.summary
        qtbot.waitUntil(lambda: bool(summary.text()), timeout=PATIENCE)
        qtbot.waitUntil(lambda: bool(docks["Training"].readiness.text()), timeout=PATIENCE)

    yield window, study
    WorkerBase.await_workers(PATIENCE)


def test_another_study_is_shown_as_in_a_new_window(opened, tmp_path, qtbot):
    window, open_study = opened
    one = make_study(tmp_path / "one", 3, scans=2, size=SIZE)
    other = make_study(tmp_path / "other", 2, scans=3, size=SIZE)
    shutil.copytree(tmp_path / "other", tmp_path / "copy")
    docks = window()
    open_study(docks, one.folder)
    tagging, training, results, measure = (
        docks[name] for name in ("Tagging", "Training", "Results", "Measure")
    )

    show_training(training.progress, tagging.session.study)
    training._refresh()
    training.settings.fields["pixel"].value = 3
    training.settings.fields["preset"].value = "local"
    training.settings.length.setValue(7)
    training.settings.unit.setCurrentText("minutes")
    training.settings.name.setText("mine")
    training.estimate.answer.setText("About 3 minutes.")
    tagging.slices.edit_buttons["Nowhere"].click()
    tagging.slices.start_range()
    results.threshold.setValue(0.3)
    results.gate.setChecked(False)
    results.use_tags.setChecked(False)
    for row in results.refining.rows.values():
        row.box.setChecked(True)
        row.before.click()
    results.one.status.setText("phantom01 is segmented and stored: 3 s.")
    results.more.status.setText("2 scans are segmented.")
    results.more_maps.status.setText("This model has no further maps.")
    measure.reference.take_folder(tmp_path)
    measure.reference.setCurrentIndex(0)
    with qtbot.waitSignal(measure.ended, timeout=PATIENCE):
        measure.measure_button.click()
    assert measure.model.rowCount()
    measure.values.setText("nodule=1")
    measure.unions.setText("all=nodule,mass")
    measure.spacing.setText("1,1,1")

    open_study(docks, other.folder)
    fresh = window()
    open_study(fresh, tmp_path / "copy" / "chest-study")
    for name, dock in docks.items():
        qtbot.waitUntil(lambda n=name, d=dock: state_of(d) == state_of(fresh[n]), timeout=5000)
    assert not training.progress.curves.isVisibleTo(training)


def test_settings_of_a_training_are_kept_for_its_own_study(opened, tmp_path):
    window, open_study = opened
    one = make_study(tmp_path / "one", 2, scans=2, size=SIZE)
    other = make_study(tmp_path / "other", 2, scans=2, size=SIZE)
    docks = window()
    settings = docks["Training"].settings
    remember(one.folder, {"pixel": 3.0, "preset": "local", "separate": True})
    open_study(docks, other.folder)
    assert settings.config.pixel is None
    assert settings.separate.isChecked(), "that suits the machine"
    open_study(docks, one.folder)
    assert (settings.config.pixel, settings.config.preset) == (3.0, "local")


def test_a_training_under_way_says_of_which_study_it_is(opened, tmp_path):
    window, open_study = opened
    one = make_study(tmp_path / "one", 2, scans=2, size=SIZE)
    other = make_study(tmp_path / "other", 2, scans=2, size=SIZE)
    docks = window()
    training = docks["Training"]
    open_study(docks, one.folder)
    training._study = training.session.study
    open_study(docks, other.folder)
    training._show_event(Batch(1, 1, 2, {"total": 1.0}, 0.1, 60.0))
    assert training.progress.status.text() == "chest-study: Epoch 1: about 1 minute left"
    assert MODEL in docks["Results"].state.model
