"""Whose turn it is to be undone: tags, or a stroke in the active layer."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.tags.editing import set_tag
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui


@pytest.fixture
def layer(session: Session) -> Labels:
    """A labels layer of the user, which is active."""
    return session.viewer.add_labels(np.zeros((25, 81, 72), np.uint8), scale=(4, 2, 2))


def tag(session: Session) -> None:
    session.change_tags(set_tag(session.table, session.slice_index, "TC", Tag.PRESENT))


def paint(layer: Labels, label: int, slice_index: int = 12) -> None:
    layer.paint((slice_index, 40, 40), label)


def test_what_was_done_last_comes_first(session, layer):
    paint(layer, 1)
    tag(session)
    paint(layer, 2)
    assert session.acts.undo_stroke() is layer
    assert layer.data[12].max() == 1
    assert session.acts.undo_stroke() is None, "the tag is next"
    assert session.acts.undo_stroke() is layer
    assert not layer.data.any()
    assert session.acts.undo_stroke() is None
    assert session.acts.redo_stroke() is layer
    assert session.acts.redo_stroke() is None
    assert session.acts.redo_stroke() is layer
    assert layer.data[12].max() == 2


def test_strokes_in_a_layer_that_is_not_active_stay(session, layer):
    paint(layer, 1)
    session.viewer.layers.selection.active = session.viewer.layers[0]
    assert session.acts.undo_stroke() is None
    assert layer.data.any()


def test_the_slice_of_an_undone_stroke_is_shown(session, layer):
    paint(layer, 1)
    session.go_to(3)
    session.acts.undo_stroke()
    assert session.slice_index == 12


def test_a_stroke_that_napari_has_undone_itself_is_not_counted(session, layer):
    tag(session)
    paint(layer, 1)
    layer.undo()
    assert session.acts.undo_stroke() is None


def test_a_new_stroke_ends_what_could_be_redone(session, layer):
    paint(layer, 1)
    session.acts.undo_stroke()
    paint(layer, 2)
    assert session.acts.redo_stroke() is None
    assert layer.data[12].max() == 2


def test_a_removed_layer_is_forgotten(session, layer):
    paint(layer, 1)
    session.viewer.layers.remove(layer)
    session.viewer.add_labels(np.zeros((25, 81, 72), np.uint8))
    assert session.acts.undo_stroke() is None
