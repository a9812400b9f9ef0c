"""Training in napari's own process lives with the driver that draws the window."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from napari_mcwss.plugin.shared.background import Background, Job
from napari_mcwss.training.compilers import MAPS, keep_out_triton

MESA = "7f00-7f01 r-xp 00000000 fe:00 1 /usr/lib/x86_64-linux-gnu/libLLVM-15.so.1\n"
NVIDIA = "7f00-7f01 r-xp 00000000 fe:00 1 /usr/lib/x86_64-linux-gnu/libGLX_nvidia.so.0\n"

DRAW_THEN_TRAIN = """
import napari, torch
from qtpy.QtCore import QEventLoop, QObject
from napari_mcwss.plugin.shared.background import Background, Job

def events():
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    yield "trained"

viewer = napari.Viewer()
viewer.screenshot(canvas_only=True)
owner, loop = QObject(), QEventLoop()
background = Background(owner)
background.event_received.connect(print)
background.ended.connect(loop.quit)
background.start(Job("training", events))
loop.exec()
viewer.close()
"""


@pytest.fixture
def no_triton(monkeypatch):
    # Set first, so that what the test changes is taken back.
    monkeypatch.setitem(sys.modules, "triton", None)
    del sys.modules["triton"]


@pytest.mark.parametrize(("libraries", "kept_out"), [(MESA, True), (NVIDIA, False)])
def test_triton_is_kept_out_only_where_a_driver_has_loaded_llvm(
    tmp_path, no_triton, libraries, kept_out
):
    maps = tmp_path / "maps"
    maps.write_text(libraries)
    keep_out_triton(maps)
    assert ("triton" in sys.modules) is kept_out


def test_where_the_system_lists_no_libraries_nothing_changes(tmp_path, no_triton):
    keep_out_triton(tmp_path / "maps")
    assert "triton" not in sys.modules


def test_a_triton_that_came_first_stays(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", pytest)
    maps = tmp_path / "maps"
    maps.write_text(MESA)
    keep_out_triton(maps)
    assert sys.modules["triton"] is pytest


@pytest.mark.gui
def test_jobs_look_for_llvm_before_they_begin(make_napari_viewer, qtbot, no_triton):
    viewer = make_napari_viewer(show=True)
    viewer.screenshot(canvas_only=True)
    if not MAPS.is_file() or "/libLLVM" not in MAPS.read_text():
        pytest.skip("the window is drawn without LLVM")

    def events():
        yield "triton" in sys.modules

    seen = []
    background = Background(viewer.window._qt_window)
    background.event_received.connect(seen.append)
    with qtbot.waitSignal(background.ended):
        background.start(Job("training", events))
    assert seen == [True]


@pytest.mark.gui
@pytest.mark.slow
@pytest.mark.skipif(find_spec("triton") is None, reason="this build of torch has no triton")
def test_training_after_drawing_does_not_end_the_process():
    done = subprocess.run(
        (sys.executable, "-c", DRAW_THEN_TRAIN), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "trained" in done.stdout
