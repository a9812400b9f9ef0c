"""What a model suggests for slices without tags, and what becomes of it."""

import numpy as np
import pytest

from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.project import Study
from napari_mcwss.segmentation.predict import predict
from napari_mcwss.segmentation.suggestions import (
    accepted,
    most_doubtful,
    open_suggestions,
    predict_tags,
)
from napari_mcwss.tags.table import TagTable


def value_of(generator):
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def table(*rows: tuple[int, int]) -> TagTable:
    return TagTable(("TC", "ED"), np.array(rows, np.int8))


PROBABILITIES = np.array([[0.9, 0.2], [0.55, 0.97], [0.1, 0.03]], np.float32)


def test_suggestions_are_the_models_scores_without_its_maps(trained_study: Study, monkeypatch):
    model = load_model(trained_study.model_folder("model-1"), device="cpu")
    scan = trained_study.scan(trained_study.scan_names[0])
    scores = value_of(predict(model, scan)).scores
    monkeypatch.setattr(type(model.preset), "predict", None)
    found = value_of(predict_tags(model, scan))
    assert found.shape == scores.shape
    # The prediction's scores are means over the mirror image.
    np.testing.assert_allclose(found, scores, atol=0.2)


def test_a_tagged_slice_has_no_suggestion():
    suggested = open_suggestions(PROBABILITIES, table((1, -1), (-1, -1), (0, 0)))
    assert np.isnan(suggested).tolist() == [[True, False], [False, False], [True, True]]


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (0.5, [[0, 0], [1, 1], [0, 0]]),
        (0.9, [[0, -1], [-1, 1], [0, 0]]),
        (1.0, [[0, -1], [-1, -1], [-1, -1]]),
    ],
)
def test_sure_suggestions_become_tags_and_known_tags_stay(confidence, expected):
    before = table((0, -1), (-1, -1), (-1, -1))
    assert accepted(before, PROBABILITIES, confidence).values.tolist() == expected
    assert before.values.tolist() == [[0, -1], [-1, -1], [-1, -1]]


def test_one_slice_alone_can_be_accepted():
    found = accepted(table(*[(-1, -1)] * 3), PROBABILITIES, slice_index=1)
    assert found.values.tolist() == [[-1, -1], [1, 1], [-1, -1]]


def test_the_least_sure_slices_of_all_scans_come_first():
    suggestions = {"a": PROBABILITIES, "b": np.array([[0.48, 0.95]] * 3, np.float32)}
    tables = {"a": table(*[(-1, -1)] * 3), "b": table((-1, -1), (0, -1), (0, 1))}
    assert most_doubtful(suggestions, tables) == [("b", 0), ("a", 1), ("a", 0), ("a", 2), ("b", 1)]
    assert most_doubtful(suggestions, {}) == []
