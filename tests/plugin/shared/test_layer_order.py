"""The layers of a study lie in one order, and the one that is seen is selected."""

from collections.abc import Callable

import numpy as np
import pytest

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.layers import (
    show_map_layers,
    show_prediction_layers,
    show_preview_layers,
)
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected

pytestmark = pytest.mark.gui

ORDER = ["t1c", "flair", "CAM TC", "CAM ED", "mask", "corrected mask"]


def show_prediction(session: Session) -> None:
    study = session.study
    geometry = study.scan(session.scan).geometry
    cams = {name: np.full(geometry.shape, 0.5, np.float32) for name in study.class_names}
    mask = np.ones(geometry.shape, np.uint8)
    show_prediction_layers(session.viewer, geometry, study.classes, cams, mask)


def show_corrected(session: Session) -> None:
    session.correcting.begin("")


def selected(session: Session) -> str:
    return session.viewer.layers.selection.active.name


@pytest.mark.parametrize(
    "steps", [(show_prediction, show_corrected), (show_corrected, show_prediction)]
)
def test_the_order_does_not_depend_on_what_comes_first(
    session, steps: tuple[Callable[[Session], None], ...]
):
    for step in steps:
        step(session)
    assert [layer.name for layer in session.viewer.layers] == ORDER
    assert [layer.visible for layer in session.viewer.layers][-2:] == [False, True]
    assert selected(session) == "corrected mask"


def test_a_reopened_scan_selects_its_corrected_mask(qtbot, session):
    study, scan = session.study, session.study.scan_names[1]
    shape = study.scan(scan).geometry.shape
    save_corrected(study, scan, CorrectedMask(np.ones(shape, np.uint8), right=False, model=""))
    session.show(scan)
    qtbot.waitUntil(lambda: session.correcting.layer is not None, timeout=60_000)
    show_prediction(session)
    assert [layer.name for layer in session.viewer.layers] == ORDER
    assert selected(session) == "corrected mask"


def test_the_mask_is_selected_once_it_is_seen_again(session):
    show_prediction(session)
    assert selected(session) == "mask"
    show_corrected(session)
    session.viewer.layers.remove(session.correcting.layer)
    assert selected(session) == "mask"


def test_maps_come_below_masks_and_leave_the_selection(session):
    show_prediction(session)
    study, geometry = session.study, session.study.scan(session.scan).geometry
    maps = np.full((2, *geometry.shape[1:]), 255, np.uint8)
    show_preview_layers(session.viewer, geometry, study.classes, 3, maps)
    show_map_layers(session.viewer, geometry, study.classes, "deep", [3], maps[:, None])
    assert session.viewer.layers[-1].name == selected(session) == "mask"
    assert len(session.viewer.layers) == 9


def test_a_layer_of_the_user_stays_selected_where_it_is(session):
    own = session.viewer.add_labels(np.zeros((25, 81, 72), np.uint8), name="mine")
    show_prediction(session)
    assert session.viewer.layers.selection.active is own


def test_of_a_scan_alone_the_visible_channel_is_selected(session):
    session.viewer.layers["flair"].visible = False
    session.viewer.layers["t1c"].visible = True
    session.show(session.study.scan_names[1])
    assert selected(session) == "t1c"
