import io
import json

import numpy as np
import pytest
from helpers.in_memory import evaluation_of
from rich.console import Console

from napari_mcwss.measurement.baselines import LocationPrior
from napari_mcwss.measurement.evaluation import write_measurements
from napari_mcwss.measurement.measure import EMPTY_MASK_POLICY, measure
from napari_mcwss.measurement.tables import evaluation_table

SHAPE = (6, 9, 7)
SPACING = (3.0, 2.0, 1.0)
CLASSES = ["TC", "ED"]
MEASURES = {
    "dice",
    "sensitivity",
    "precision",
    "hd95_mm",
    "surface_mm",
    "volume_ml",
    "reference_ml",
}


def label_image(tc: np.ndarray, ed: np.ndarray) -> np.ndarray:
    return np.where(tc, 1, np.where(ed, 2, 0)).astype(np.uint8)


@pytest.fixture
def references() -> np.ndarray:
    core, oedema = np.zeros((2, *SHAPE), bool)
    core[2:4, 3:6, 2:4] = True
    oedema[1:5, 2:8, 1:6] = True
    return np.stack([core, oedema & ~core])


def test_json_has_the_agreed_form(references):
    exact = label_image(*references)
    masks = {"a": exact, "b": np.zeros_like(exact)}
    evaluation = evaluation_of(
        masks, references, CLASSES, SPACING, unions={"WT": CLASSES}, prior_scans=["p"]
    )
    written = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    names = {"TC", "ED", "WT"}
    assert set(written) == {"scans", "mean", "baselines"}
    assert set(written["scans"]) == {"a", "b"}
    for by_class in (*written["scans"].values(), written["mean"]):
        assert set(by_class) == names
        assert all(set(values) == MEASURES for values in by_class.values())
    assert set(written["baselines"]) == {"empty", "location_prior"}
    for by_class in written["baselines"].values():
        assert set(by_class) == names
        assert all(set(values) == {"dice"} for values in by_class.values())
    assert written["scans"]["b"]["TC"]["hd95_mm"] is None
    assert written["mean"]["TC"]["dice"] == 0.5
    assert written["mean"]["TC"]["hd95_mm"] == 0
    assert written["baselines"]["empty"]["WT"]["dice"] == 0
    assert written["baselines"]["location_prior"]["WT"]["dice"] == 1


def test_a_mean_of_nothing_is_undefined(references):
    empty = np.zeros(SHAPE, np.uint8)
    evaluation = evaluation_of({"a": empty}, references, CLASSES, SPACING)
    assert evaluation.to_json()["mean"]["TC"]["hd95_mm"] is None
    assert set(evaluation.to_json()["baselines"]) == {"empty"}


def test_a_union_joins_masks_before_it_is_measured(references):
    swapped = label_image(references[1], references[0])
    evaluation = evaluation_of({"a": swapped}, references, CLASSES, SPACING, unions={"WT": CLASSES})
    assert evaluation.mean("TC").dice == 0
    assert evaluation.mean("WT").dice == 1


def test_the_table_states_counts_and_policy(references):
    exact = label_image(*references)
    masks = {"a": exact, "b": np.zeros_like(exact)}
    table = evaluation_table(evaluation_of(masks, references, CLASSES, SPACING))
    output = io.StringIO()
    Console(width=100, file=output).print(table)
    text = output.getvalue()
    assert "0.0 (n=1)" in text
    assert "empty mask" in text
    assert " ".join(EMPTY_MASK_POLICY.split()) in " ".join(text.split())


def test_measurements_are_written_as_csv(references, tmp_path):
    measurements = {
        "TC": measure(references[0], references[0], SPACING),
        "ED": measure(references[0] & False, references[1], SPACING),
    }
    path = tmp_path / "result" / "measurements.csv"
    write_measurements(path, measurements)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0] == ["class", *measurements["TC"].to_json()]
    assert rows[1][:3] == ["TC", "1.0", "0.0"]
    assert rows[2][:3] == ["ED", "0.0", ""]
    assert [p.name for p in path.parent.iterdir()] == ["measurements.csv"]


def test_records_are_flat_and_name_scan_mask_and_class(references):
    masks = {"a": label_image(*references)}
    evaluation = evaluation_of(masks, references, CLASSES, SPACING, unions={"WT": CLASSES})
    records = evaluation.records()
    names = [(r["scan"], r["mask"], r["class"]) for r in records]
    assert names[:3] == [("a", "m", "TC"), ("a", "m", "ED"), ("a", "m", "WT")]
    assert {name[1] for name in names[3:]} == {"empty mask"}
    assert len({tuple(record) for record in records}) == 1, "all have the same keys"
    assert records[0]["dice"] == 1
    assert records[0]["slices"] == 2
    assert (records[3]["volume_ml"], records[3]["hd95_mm"]) == (None, None)


class TestLocationPrior:
    def test_it_is_the_voxelwise_mean(self, references):
        prior = LocationPrior([references, references & False, references])
        p = prior.probabilities(SHAPE)
        assert np.allclose(p[:2], references * (2 / 3))
        assert np.allclose(p[2], references.any(axis=0) * (2 / 3))
        assert (prior.mask(SHAPE) == label_image(*references)).all()

    def test_what_is_rarer_than_one_in_two_is_left_out(self, references):
        prior = LocationPrior([references, references & False, references & False])
        assert not prior.mask(SHAPE).any()

    def test_any_class_counts_where_each_alone_is_rare(self):
        first = np.stack([np.ones(SHAPE, bool), np.zeros(SHAPE, bool)])
        prior = LocationPrior([first, first, first[::-1], first & False, first & False])
        assert (prior.mask(SHAPE) == 1).all()

    def test_masks_of_other_shapes_are_stretched_onto_the_scan(self, references):
        double = references.repeat(2, 1).repeat(2, 2).repeat(2, 3)
        twice = tuple(2 * n for n in SHAPE)
        assert (LocationPrior([double]).mask(SHAPE) == label_image(*references)).all()
        back = LocationPrior([references]).mask(twice)
        found = evaluation_of({"a": back}, double, CLASSES, SPACING, unions={"WT": CLASSES})
        assert found.mean("WT").dice == pytest.approx(1, abs=0.02)

    def test_shapes_weigh_by_their_number_of_scans(self, references):
        odd = np.ones((2, 4, 5, 6), bool)
        p = LocationPrior([references, references, references, odd]).probabilities(SHAPE)
        assert np.allclose(p[:2], (3 * references + 1) / 4)

    def test_it_needs_a_mask(self):
        with pytest.raises(ValueError, match="at least one"):
            LocationPrior([])
