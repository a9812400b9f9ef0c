"""Marks on disk, beside the corrected mask."""

import json

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.corrected import (
    CorrectedMask,
    corrected_path,
    read_corrected,
    read_strokes,
    save_corrected,
)
from napari_mcwss.segmentation.strokes.store import read_marks, save_marks
from napari_mcwss.segmentation.strokes.stroke import ClassBox, Stroke

MARKS = (
    Stroke(path=((3, 4, 5), (3, 4, 6)), class_name="TC", add=False, radius=2.5),
    ClassBox(class_name="ED", low=(0, 2, 3), high=(9, 30, 31)),
    Stroke(path=((1, 1, 1),), class_name="ED", add=True),
)


def test_marks_come_back_in_their_order(tmp_path):
    path = tmp_path / "scan.strokes.json"
    assert read_marks(path) == ()
    save_marks(path, MARKS)
    assert read_marks(path) == MARKS
    save_marks(path, ())
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "{", '{"format": 2}', '{"marks": [{"path": []}]}'])
def test_a_file_that_cannot_be_understood_is_named_and_left_alone(tmp_path, content):
    path = tmp_path / "scan.strokes.json"
    path.write_text(content)
    with pytest.raises(McwssError, match=r"scan\.strokes\.json.*the mask itself is kept"):
        read_marks(path)
    assert path.read_text() == content


def test_strokes_are_stored_with_the_corrected_mask(tagged_study):
    labels = np.zeros(tagged_study.scan("phantom01").geometry.shape, np.uint8)
    save_corrected(tagged_study, "phantom01", CorrectedMask(labels, marks=MARKS))
    file = corrected_path(tagged_study, "phantom01").with_name("phantom01.strokes.json")
    assert json.loads(file.read_text())["format"] == 1
    assert read_strokes(tagged_study, "phantom01") == MARKS
    # Whoever saves a mask without knowing of strokes keeps them.
    save_corrected(tagged_study, "phantom01", CorrectedMask(labels))
    assert read_strokes(tagged_study, "phantom01") == MARKS
    save_corrected(tagged_study, "phantom01", CorrectedMask(labels, marks=()))
    assert not file.exists()


def test_damaged_strokes_do_not_keep_anybody_from_the_mask(tagged_study):
    labels = np.ones(tagged_study.scan("phantom01").geometry.shape, np.uint8)
    save_corrected(tagged_study, "phantom01", CorrectedMask(labels, marks=MARKS))
    corrected_path(tagged_study, "phantom01").with_name("phantom01.strokes.json").write_text("{")
    assert (read_corrected(tagged_study, "phantom01").labels == 1).all()
