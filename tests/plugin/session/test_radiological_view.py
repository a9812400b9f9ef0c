"""Scans are shown in the radiological convention, in all three planes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.qt.threading import WorkerBase
from numpy.typing import NDArray
from PIL import Image

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 60_000

AXIAL, SAGITTAL, CORONAL = (0, 1, 2), (2, 0, 1), (1, 0, 2)
LETTERS = {AXIAL: "APRL", SAGITTAL: "SIAP", CORONAL: "SIRL"}
"""Letters of each plane: top, bottom, left, right."""


@pytest.fixture(params=[(-1, -1, 1), (1, 1, 1), (1, -1, -1)], ids=["LPS", "RAS", "RPI"])
def marked_study(request, tmp_path: Path) -> Study:
    """A scan with a mark at the patient's left, front and top, stored in several orders."""
    voxels = np.zeros((30, 40, 20), np.uint8)  # z, y, x; x to the left, y back, z up
    voxels[22:26, 6:11, 14:17] = 200
    affine = np.diag([*request.param, 1.0])
    geometry = Geometry.from_source(voxels.shape[::-1], affine)
    (tmp_path / "scans" / "a").mkdir(parents=True)
    write_volume(tmp_path / "scans" / "a" / "t1.nii.gz", voxels, geometry, dtype="uint8")
    return Study.create(tmp_path / "study", scans=tmp_path / "scans", classes=["TC"])


@pytest.fixture
def show() -> Iterator[Callable[[object, Study], Session]]:
    """Show the first scan of a study in a viewer."""
    sessions = []

    def shown(viewer: object, study: Study) -> Session:
        session = Session.of(viewer)
        session.open(study)
        session.show(study.scan_names[0])
        sessions.append(session)
        return session

    yield shown
    for session in sessions:
        session.close()
    WorkerBase.await_workers(PATIENCE)


def letters(viewer) -> str:
    """Give the letters at top, bottom, left and right."""
    overlays = viewer.canvas.overlays
    keys = [f"mcwss_{side}" for side in ("top", "bottom", "left", "right")]
    return "".join(overlays[key].text for key in keys if key in overlays and overlays[key].visible)


def place(picture: NDArray[np.uint8]) -> tuple[str, str]:
    """Say where the only red spot of a picture is, from its middle."""
    red = picture[..., 0].astype(int) - picture[..., 1] > 100
    assert red.any()
    rows, columns = np.nonzero(red)
    height, width = red.shape
    return (
        "top" if rows.mean() < height / 2 else "bottom",
        "left" if columns.mean() < width / 2 else "right",
    )


def test_a_mark_at_the_left_front_and_top_is_where_radiologists_expect_it(
    make_napari_viewer, marked_study, show
):
    viewer = make_napari_viewer(show=True)
    session = show(viewer, marked_study)
    viewer.layers[0].colormap, viewer.layers[0].contrast_limits = "red", (0, 200)
    found = {}
    for order, point in ((AXIAL, (24, 8, 15)), (SAGITTAL, (24, 8, 15)), (CORONAL, (24, 8, 15))):
        viewer.dims.order = order
        for axis, value in enumerate(point):
            viewer.dims.set_point(axis, value)
        found[order] = place(viewer.screenshot(canvas_only=True, flash=False))
        assert letters(viewer) == LETTERS[order]
    assert found == {
        AXIAL: ("top", "right"),
        SAGITTAL: ("top", "left"),
        CORONAL: ("top", "right"),
    }
    assert session.scan


def test_rolling_shows_the_three_planes_in_turn(qapp, phantom_study, show):
    viewer = ViewerModel()
    show(viewer, phantom_study)
    planes = []
    for _ in range(6):
        viewer.dims.roll()
        planes.append((tuple(viewer.dims.order), letters(viewer)))
    turn = [(order, LETTERS[order]) for order in (SAGITTAL, CORONAL, AXIAL)]
    assert planes == turn * 2


def test_a_transposed_view_is_put_right(qapp, phantom_study, show):
    viewer = ViewerModel()
    session = show(viewer, phantom_study)
    viewer.dims.transpose()
    assert tuple(viewer.dims.order) == AXIAL
    assert session.slice_index is not None


def test_letters_follow_a_view_that_the_user_has_mirrored(qapp, phantom_study, show):
    viewer = ViewerModel()
    show(viewer, phantom_study)
    viewer.scene.camera.orientation2d = "down", "left"
    assert letters(viewer) == "APLR"
    viewer.scene.camera.orientation2d = "up", "right"
    assert letters(viewer) == "PARL"


def test_nothing_of_it_stays_in_3d_or_without_a_scan(qapp, phantom_study, show):
    viewer = ViewerModel()
    session = show(viewer, phantom_study)
    assert viewer.canvas.overlays.scale_bar.visible
    viewer.dims.order = CORONAL
    viewer.dims.ndisplay = 3
    assert (letters(viewer), viewer.scene.camera.orientation2d[0]) == ("", "down")
    viewer.dims.ndisplay = 2
    assert letters(viewer) == LETTERS[CORONAL]
    session.close()
    assert (letters(viewer), viewer.scene.camera.orientation2d[0]) == ("", "down")
    assert not viewer.canvas.overlays.scale_bar.visible


def test_a_hidden_scale_bar_stays_hidden(qapp, phantom_study, show):
    viewer = ViewerModel()
    session = show(viewer, phantom_study)
    viewer.canvas.overlays.scale_bar.visible = False
    session.show(phantom_study.scan_names[1])
    assert not viewer.canvas.overlays.scale_bar.visible


def test_a_picture_has_neither_sides_nor_millimetres(qapp, tmp_path, show):
    (tmp_path / "pictures").mkdir()
    pixels = np.arange(600, dtype=np.uint8).reshape(20, 30)
    Image.fromarray(pixels).save(tmp_path / "pictures" / "a.png")
    study = Study.create(tmp_path / "study", scans=tmp_path / "pictures", classes=["TC"])
    viewer = ViewerModel()
    show(viewer, study)
    assert letters(viewer) == ""
    assert not viewer.canvas.overlays.scale_bar.visible


@pytest.mark.parametrize("order", [(0, 1, 3, 2), (1, 0, 3, 2), (3, 2, 0, 1)])
def test_axes_of_other_layers_are_left_as_they_are(qapp, phantom_study, show, order):
    viewer = ViewerModel()
    show(viewer, phantom_study)
    viewer.add_image(np.zeros((3, 25, 81, 72), np.uint8))
    viewer.dims.order = order
    scan_is_shown = min(order[-2:]) > 0
    expected = (*order[:2], *sorted(order[-2:])) if scan_is_shown else order
    assert tuple(viewer.dims.order) == expected
    assert bool(letters(viewer)) == scan_is_shown
