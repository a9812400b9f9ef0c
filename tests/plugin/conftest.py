"""What tests of several docks share."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.known_windows import known_windows
from helpers.strips import PATIENCE, Asked, specs, unknown, watch
from napari.components import ViewerModel
from napari.qt.threading import WorkerBase
from napari.settings import get_settings
from napari.utils.notifications import Notification, notification_manager
from qtpy.QtWidgets import QDialog, QWidget

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.study.study import Study


@pytest.fixture(scope="session", autouse=True)
def known() -> Iterator[None]:
    """Do once what each new window would do again."""
    with known_windows():
        yield


@pytest.fixture(autouse=True)
def frozen_objects() -> None:
    """Keep what is there already out of the garbage collections that each layer costs."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def preferences_file(tmp_path, monkeypatch) -> Path:
    """Where preferences are kept: nobody's own."""
    folder = tmp_path / "settings"
    monkeypatch.setattr(get_settings(), "config_path", folder / "napari.yaml")
    return folder / "napari-mcwss.json"


@pytest.fixture
def told() -> Iterator[list[Notification]]:
    """Notifications so far."""
    notifications: list[Notification] = []
    notification_manager.notification_ready.connect(notifications.append)
    yield notifications
    notification_manager.notification_ready.disconnect(notifications.append)


@pytest.fixture
def results_dock(make_napari_viewer) -> Iterator[ResultsDock]:
    """The Results dock in a window, without a study."""
    viewer = make_napari_viewer(show=True)
    dock = ResultsDock(viewer)
    viewer.window.add_dock_widget(dock, name="Results")
    yield dock
    for dialog in dock.findChildren(QDialog):
        dialog.close()
    for part in (dock.one, dock.more, dock.more_maps, dock.stored_mask):
        part.background.cancel()
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def segmented_dock(qtbot, results_dock, segmented_study) -> ResultsDock:
    """The Results dock on a scan with a stored mask that is empty, and CAMs of 0.4 to 0.6."""
    results_dock.session.open(segmented_study)
    with qtbot.waitSignal(results_dock.state.shown, timeout=PATIENCE):
        results_dock.session.show(segmented_study.scan_names[0])
    return results_dock


@pytest.fixture
def session(qapp, phantom_study: Study) -> Iterator[Session]:
    """A session without a window, on the first phantom."""
    session = Session.of(ViewerModel())
    session.open(phantom_study)
    session.show(phantom_study.scan_names[0])
    yield session
    session.close()
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def tagging_dock(make_napari_viewer, qtbot) -> Iterator[TaggingDock]:
    """The Tagging dock in a window that has the keyboard."""
    viewer = make_napari_viewer(show=True)
    dock = TaggingDock(viewer)
    viewer.window.add_dock_widget(dock, name="Tagging")
    window = dock.window()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=PATIENCE)
    yield dock
    WorkerBase.await_workers(PATIENCE)


@pytest.fixture
def make(qtbot) -> Callable[..., TagStrip]:
    """Make strips without tags on screen."""
    windows = []

    def strip(slices=25, classes=2, theme="dark", width=300) -> TagStrip:
        # A window manager may give a window another size: the strip inside keeps its own.
        windows.append(QWidget())
        qtbot.addWidget(windows[-1])
        strip = TagStrip(theme, windows[-1])
        strip.set_classes(specs(classes))
        strip.resize(width, strip.sizeHint().height())
        strip.set_tags(unknown(slices, classes))
        windows[-1].resize(strip.size())
        with qtbot.waitExposed(windows[-1], timeout=PATIENCE):
            windows[-1].show()
        return strip

    return strip


@pytest.fixture
def strip(make) -> TagStrip:
    """25 unknown slices of TC and ED in a narrow dock, the 12th on screen."""
    strip = make()
    strip.set_slice(12)
    return strip


@pytest.fixture
def asked(strip) -> Asked:
    return watch(strip)
