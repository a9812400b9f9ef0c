"""Windows of CT and MR, and what they do to the channels on screen."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.qt.threading import WorkerBase

from napari_mcwss.plugin.planes.window_choice import BY_HAND, WindowChoice
from napari_mcwss.plugin.planes.windows import CT, OTHERS, is_ct, windows_for
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.colormaps import contrast
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.study.study import Study

SHAPE = (12, 40, 40)


def ct() -> np.ndarray:
    """Make soft tissue with a bone inside, in air."""
    voxels = np.full(SHAPE, -1000, np.float32)
    voxels[:, 8:32, 8:32] = np.random.default_rng(0).normal(40, 10, (12, 24, 24)).round()
    voxels[:, 18:22, 18:22] = 1000
    return voxels


def mr() -> np.ndarray:
    voxels = np.zeros(SHAPE, np.float32)
    voxels[:, 8:32, 8:32] = np.linspace(100, 1100, 12 * 24 * 24).reshape(12, 24, 24)
    return voxels


@pytest.mark.parametrize(
    ("voxels", "expected"),
    [
        (ct(), True),
        (mr(), False),
        (mr() / 500 - 1, False),
        (np.zeros(SHAPE, np.float32), False),
        (np.full(SHAPE, -1000, np.float32), False),
    ],
    ids=["CT", "MR", "z-scored MR", "empty", "air"],
)
def test_ct_is_known_by_air_and_soft_tissue(voxels, expected):
    assert is_ct(voxels) == expected
    assert windows_for(voxels) is (CT if expected else OTHERS)


def test_the_background_of_z_scored_scans_does_not_narrow_the_window():
    """Unlike that of other scans, it lies among the values of tissue."""
    voxels = np.zeros((48, 96, 96), np.float32)
    tissue = np.random.default_rng(0).permutation(np.linspace(-2, 3, 48 * 24 * 24))
    voxels[:, 40:64, 40:64] = tissue.reshape(48, 24, 24)
    expected = pytest.approx(np.percentile(tissue, (1, 99.5)), abs=0.15)
    assert contrast(voxels) == expected
    assert contrast(np.where(voxels == 0, np.float32(-5), voxels)) == expected
    assert contrast(np.zeros(SHAPE, np.float32)) == (0, 1)


def test_windows_of_ct_are_those_of_radiology():
    limits = {name: window.limits(ct()) for name, window in CT.items()}
    assert limits["brain"] == (0, 80)
    assert limits["lung"] == (-1350, 150)
    assert limits["bone"] == (-500, 1300)
    assert limits["all"] == (-1000, 1000)


def test_percentiles_leave_out_the_background_and_nest():
    limits = [OTHERS[name].limits(mr()) for name in ("tight", "percentiles", "all")]
    assert limits[2] == (0, 1100)
    assert 100 < limits[1][0] < limits[0][0] < limits[0][1] < limits[1][1] < 1100


@pytest.mark.parametrize("name", OTHERS)
def test_a_constant_channel_has_limits(name):
    low, high = OTHERS[name].limits(np.full(SHAPE, 7, np.float32))
    assert low < high


@pytest.fixture
def session(qapp, tmp_path: Path):
    """Two scans with a CT and an MR channel each, the second one twice as bright in MR."""
    files = {}
    for number in (1, 2):
        for channel, voxels in (("ct", ct()), ("t1", mr() * number)):
            path = tmp_path / "scans" / f"p{number}" / f"{channel}.nii"
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.Nifti1Image(voxels.T, np.diag([-1.0, -1, 1, 1])).to_filename(path)
            files.setdefault(f"p{number}", []).append(path)
    study = Study.create(tmp_path / "study", scans=files, channels=["ct", "t1"], classes=["TC"])
    session = Session.of(ViewerModel())
    session.open(study)
    session.show("p1")
    yield session
    session.close()
    WorkerBase.await_workers(60_000)


@pytest.fixture
def choice(session, qtbot) -> WindowChoice:
    choice = WindowChoice(session)
    qtbot.addWidget(choice)
    return choice


def choose(choice: WindowChoice, name: str) -> None:
    choice.setCurrentIndex(choice.findData(name))
    choice.activated.emit(choice.currentIndex())


def limits(session: Session, channel: str) -> tuple[float, ...]:
    layers = {layer.name: layer for layer in study_layers(session.viewer, "scan")}
    return tuple(layers[channel].contrast_limits)


@pytest.mark.gui
def test_the_list_is_that_of_the_channel_on_screen(session, choice):
    assert choice.currentText() == "t1: default"
    assert choice.findData("tight") > 0
    assert choice.findData("lung") < 0
    session.viewer.layers.selection.active = session.viewer.layers["ct"]
    assert choice.currentText() == "ct: default"
    assert choice.findData("lung") > 0
    session.close()
    assert not choice.isEnabled()


@pytest.mark.gui
def test_a_choice_holds_for_its_channel_in_all_scans(session, choice):
    choose(choice, "all")
    assert limits(session, "t1") == (0, 1100)
    session.viewer.layers.selection.active = session.viewer.layers["ct"]
    choose(choice, "lung")
    assert limits(session, "ct") == (-1350, 150)
    session.show("p2")
    assert limits(session, "ct") == (-1350, 150)
    assert limits(session, "t1") == (0, 2200)
    session.viewer.layers.selection.active = session.viewer.layers["t1"]
    assert choice.currentText() == "t1: all values"
    assert not [path for path in session.study.folder.rglob("*") if "window" in path.name]


@pytest.mark.gui
def test_limits_of_the_user_are_for_one_scan(session, choice):
    choose(choice, "tight")
    session.viewer.layers["t1"].contrast_limits = (300, 400)
    assert choice.currentText() == f"t1: {BY_HAND}"
    session.show("p2")
    assert choice.currentText() == "t1: default"
    assert limits(session, "t1") == contrast(mr() * 2)
