"""The docks on small and large screens, with few and many classes."""

from collections.abc import Iterator

import pytest
from helpers.fitting import cut_off, in_sight, out_of_reach, overlaps
from helpers.many_classes import MODEL, make_study, show_training
from napari.qt.threading import WorkerBase
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QMainWindow, QTabBar

from napari_mcwss.plugin.measure.dock import MeasureDock
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.shared.docking import Dock
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.plugin.training.dock import TrainingDock

pytestmark = pytest.mark.gui

PATIENCE = 60_000

KINDS = {
    "Tagging": TaggingDock,
    "Training": TrainingDock,
    "Results": ResultsDock,
    "Measure": MeasureDock,
}

SIZES = ((1280, 720), (1920, 1080))

Docks = dict[str, Dock]


@pytest.fixture
def docks(make_napari_viewer) -> Iterator[Docks]:
    """All docks, opened one by one as from napari's menu, in a window of any size."""
    viewer = make_napari_viewer(show=False)
    opened: Docks = {}
    for name, kind in KINDS.items():
        opened[name] = kind(viewer)
        viewer.window.add_dock_widget(opened[name], name=name)
        window = opened[name].window()
        # The window manager of a screen would choose another size.
        window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        window.show()
        QApplication.processEvents()
    yield opened
    WorkerBase.await_workers(PATIENCE)


def settle() -> None:
    """Let layouts come to rest, some of which wait for others."""
    for _ in range(5):
        QApplication.processEvents()


def window_of(docks: Docks) -> QMainWindow:
    return docks["Tagging"].window()


def test_docks_opened_one_by_one_are_tabs_of_one_place(docks):
    window = window_of(docks)
    first, *others = [dock.parentWidget() for dock in docks.values()]
    assert set(window.tabifiedDockWidgets(first)) == set(others)
    assert in_sight(docks["Measure"].measure_button), "the one that was opened last is in front"
    assert window.minimumSizeHint().height() <= 720
    assert window.minimumSizeHint().width() <= 1280


def test_the_titles_of_tabs_are_whole(docks):
    window = window_of(docks)
    window.resize(1280, 720)
    for name, dock in docks.items():
        # As napari calls a dock of a plugin that has several.
        dock.parentWidget().setWindowTitle(f"{name} (MCWSS segmentation from slice tags)")
        dock._placed = None
        dock.hide()
        dock.show()
        assert dock.parentWidget().windowTitle() == name
    settle()
    bars = [bar for bar in window.findChildren(QTabBar) if bar.count() == len(docks)]
    assert bars
    for bar in bars:
        assert [bar.tabText(index) for index in range(bar.count())] == list(docks)
        needed = [bar.fontMetrics().horizontalAdvance(name) for name in docks]
        assert all(bar.tabRect(index).width() > width for index, width in enumerate(needed))


def test_the_curves_are_whole_while_a_training_runs(docks, tmp_path, qtbot):
    window, training = window_of(docks), docks["Training"]
    window.resize(1280, 720)
    training.parentWidget().raise_()
    study = make_study(tmp_path, 6, scans=2, size=(9, 21, 18))
    training.session.open(study)
    qtbot.waitUntil(lambda: bool(training.readiness.text()), timeout=PATIENCE)
    training._begin(study, "")
    show_training(training.progress, study)
    curves = training.progress.curves
    qtbot.waitUntil(
        lambda: in_sight(curves.losses) and in_sight(curves.validation), timeout=PATIENCE
    )


def test_a_dock_that_the_user_has_moved_stays_there(docks):
    window, dock = window_of(docks), docks["Results"].parentWidget()
    left = Qt.DockWidgetArea.LeftDockWidgetArea
    window.addDockWidget(left, dock)
    dock.hide()
    settle()
    dock.show()
    settle()
    assert window.dockWidgetArea(dock) == left


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_an_empty_dock_shows_how_to_begin(docks, size):
    window, dock = window_of(docks), docks["Tagging"]
    window.resize(*size)
    dock.parentWidget().raise_()
    settle()
    assert in_sight(dock.welcome)
    assert not dock.slices.isVisible()
    problems = [*overlaps(dock), *cut_off(dock), *out_of_reach(dock)]
    assert not problems


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 6, 20])
def test_all_docks_fit_the_screen(docks, classes, tmp_path, qtbot):
    window = window_of(docks)
    tagging, training, results = (docks[name] for name in ("Tagging", "Training", "Results"))
    study = make_study(tmp_path, classes, scans=2)
    tagging.open_study(study.folder)
    qtbot.waitUntil(lambda: tagging.session.scan is not None, timeout=PATIENCE)
    results.model.choose(MODEL)
    qtbot.waitUntil(lambda: results.state.mask is not None, timeout=PATIENCE)
    show_training(training.progress, tagging.session.study)
    for width, height in SIZES:
        window.resize(width, height)
        settle()
        assert (window.width(), window.height()) == (width, height)
        for name, dock in docks.items():
            dock.parentWidget().raise_()
            settle()
            problems = [*overlaps(dock), *cut_off(dock), *out_of_reach(dock)]
            assert not problems, f"{name} at {width} x {height}"

        tagging.parentWidget().raise_()
        settle()
        slices = tagging.slices
        for button in slices.edit_buttons.values():
            assert in_sight(button), "beside whatever is scrolled"
        for number in (1, min(classes, 9)):
            slices.buttons.press(number)
            settle()
            assert in_sight(slices.buttons.buttons[number - 1]), "a class that is tagged by its key"
        tagging.session.read_only = "process 7 on ward-2 tags this study"
        tagging._refresh()
        settle()
        assert not slices.edit_buttons["Clear"].isEnabled()
        assert in_sight(tagging.status), "why all is grey"
        tagging.session.read_only = ""
        tagging._refresh()
