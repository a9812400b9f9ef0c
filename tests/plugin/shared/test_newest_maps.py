"""Of several maps of a class, the newest is shown, unless the user chooses another one."""

import numpy as np
import pytest

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.layers import (
    empty_layers,
    hide_live_layers,
    hide_preview_layers,
    show_live_layers,
    show_map_layers,
    show_prediction_layers,
    show_preview_layers,
)

pytestmark = pytest.mark.gui


def maps(session: Session) -> np.ndarray:
    return np.full((2, *session.study.scan(session.scan).geometry.shape[1:]), 255, np.uint8)


def show_cams(session: Session) -> None:
    study = session.study
    geometry = study.scan(session.scan).geometry
    cams = {name: np.full(geometry.shape, 0.5, np.float32) for name in study.class_names}
    mask = np.ones(geometry.shape, np.uint8)
    show_prediction_layers(session.viewer, geometry, study.classes, cams, mask)


def show_live(session: Session, *, index: int = 3, made: bool = True, classes: int = 2) -> None:
    study = session.study
    geometry = study.scan(session.scan).geometry
    known = study.classes[:classes]
    show_live_layers(session.viewer, geometry, known, index, maps(session)[:classes], made=made)


def show_preview(session: Session) -> None:
    geometry = session.study.scan(session.scan).geometry
    show_preview_layers(session.viewer, geometry, session.study.classes, 3, maps(session))


def show_level(session: Session) -> None:
    geometry = session.study.scan(session.scan).geometry
    values = maps(session)[:, None]
    show_map_layers(session.viewer, geometry, session.study.classes, "deep", [3], values)


def shown(session: Session) -> list[str]:
    return [layer.name for layer in session.viewer.layers if layer.visible]


CAMS, LIVE = ["CAM TC", "CAM ED"], ["live: TC", "live: ED"]
LEARNING, DEEP = ["TC, learning", "ED, learning"], ["TC, deep", "ED, deep"]


def test_what_was_made_last_is_shown_above_the_scan(session):
    for make, expected in (
        (show_live, LIVE),
        (show_cams, [*CAMS, "mask"]),
        (show_level, [*DEEP, "mask"]),
        (show_preview, [*LEARNING, "mask"]),
        (show_live, [*LIVE, "mask"]),
        (show_cams, [*CAMS, "mask"]),
    ):
        make(session)
        assert shown(session) == ["flair", *expected]


def test_another_slice_of_the_same_live_maps_is_nothing_new(session):
    show_live(session)
    show_cams(session)
    show_live(session, index=4, made=False)
    assert shown(session) == ["flair", *CAMS, "mask"]
    show_live(session, index=4)
    assert shown(session) == ["flair", *LIVE, "mask"]


def test_older_maps_come_back_when_newer_ones_go(session):
    show_cams(session)
    show_live(session)
    hide_live_layers(session.viewer)
    assert shown(session) == ["flair", *CAMS, "mask"]
    show_preview(session)
    hide_preview_layers(session.viewer)
    assert shown(session) == ["flair", *CAMS, "mask"]
    show_level(session)
    empty_layers(session.viewer, "map")
    assert [name for name in shown(session) if name not in DEEP] == ["flair", *CAMS, "mask"]


def test_a_class_that_has_no_newer_map_keeps_the_older_one(session):
    show_cams(session)
    show_live(session, classes=1)
    assert shown(session) == ["flair", "CAM ED", "live: TC", "mask"]
    show_live(session)
    show_live(session, classes=1)
    assert shown(session) == ["flair", "CAM ED", "live: TC", "mask"]


def test_what_the_user_shows_and_hides_stays_so(session):
    layers = session.viewer.layers
    show_cams(session)
    layers["CAM ED"].visible = False
    show_live(session)
    layers["CAM TC"].visible = True
    layers["live: TC"].visible = False
    show_live(session, index=5)
    assert shown(session) == ["flair", "CAM TC", "live: ED", "mask"]
    show_cams(session)
    assert shown(session) == ["flair", "CAM TC", "mask"]


def test_live_maps_that_are_switched_on_again_are_seen(session):
    show_live(session)
    session.viewer.layers["live: TC"].visible = False
    hide_live_layers(session.viewer)
    show_live(session)
    assert shown(session) == ["flair", *LIVE]


@pytest.mark.parametrize("first", [show_cams, show_live])
def test_the_next_scan_shows_the_kind_that_was_shown(session, first):
    for make in {show_cams, show_live} - {first}:
        make(session)
    first(session)
    before = shown(session)
    session.show(session.study.scan_names[1])
    # Whichever is read sooner.
    show_live(session, made=False)
    show_cams(session)
    assert shown(session) == before
