import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.baselines import LocationPrior
from napari_mcwss.measurement.measure import (
    EMPTY_MASK_POLICY,
    MeasuredScan,
    class_masks,
    evaluate,
    measure,
    write_measurements,
)
from napari_mcwss.measurement.tables import measurement_table

SHAPE = (6, 9, 7)
SPACING = (3.0, 2.0, 1.0)
CLASSES = ["TC", "ED"]
RATIOS = {"dice", "sensitivity", "precision"}
MEASURES = RATIOS | {"hd95_mm", "surface_mm", "volume_ml", "reference_ml"}


def box(*bounds: slice, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[bounds] = True
    return mask


def label_image(tc: np.ndarray, ed: np.ndarray) -> np.ndarray:
    return np.where(tc, 1, np.where(ed, 2, 0)).astype(np.uint8)


@pytest.fixture
def references() -> np.ndarray:
    core = box(slice(2, 4), slice(3, 6), slice(2, 4))
    oedema = box(slice(1, 5), slice(2, 8), slice(1, 6)) & ~core
    return np.stack([core, oedema])


def test_a_mask_against_itself(references):
    m = measure(references[0], references[0], SPACING)
    assert (m.dice, m.hd95_mm, m.sensitivity, m.precision) == (1, 0, 1, 1)
    assert m.volume_ml == m.reference_ml == pytest.approx(12 * 6 / 1000)


def test_ratios_follow_their_definitions():
    rng = np.random.default_rng(0)
    mask, reference = rng.random((2, *SHAPE)) < 0.4
    m = measure(mask, reference, SPACING)
    both = (mask & reference).sum()
    assert m.dice == pytest.approx(2 * both / (mask.sum() + reference.sum()))
    assert m.sensitivity == pytest.approx(both / reference.sum())
    assert m.precision == pytest.approx(both / mask.sum())


@pytest.mark.parametrize(("axis", "millimetres"), [(0, 3.0), (1, 2.0), (2, 1.0)])
def test_distances_are_in_millimetres_along_every_axis(axis, millimetres):
    reference = box(slice(1, 3), slice(1, 3), slice(1, 3))
    moved = np.roll(reference, 2, axis)
    assert measure(moved, reference, SPACING).hd95_mm == pytest.approx(2 * millimetres)


def test_the_distance_is_a_percentile_and_the_larger_direction():
    reference = box(slice(0, 10), slice(0, 10), slice(0, 10), shape=(10, 10, 40))
    stray = reference.copy()
    stray[0, 0, 39] = True
    assert measure(stray, reference, SPACING).hd95_mm == 0
    half = box(slice(0, 10), slice(0, 10), slice(0, 5), shape=(10, 10, 40))
    forth, back = measure(half, reference, SPACING), measure(reference, half, SPACING)
    assert forth.hd95_mm == back.hd95_mm == pytest.approx(5)


def test_cropping_changes_nothing(references):
    offset = (40, 60, 50)
    mask = np.roll(references[0], 1, 2)
    small = measure(mask, references[0], SPACING)
    pads = [(o, 20) for o in offset]
    assert measure(np.pad(mask, pads), np.pad(references[0], pads), SPACING) == small


def test_empty_masks_follow_the_stated_policy(references):
    full, empty = references[1], np.zeros(SHAPE, bool)
    both = measure(empty, empty, SPACING)
    assert (both.dice, both.hd95_mm, both.sensitivity, both.precision) == (1, 0, 1, 1)
    missed = measure(empty, full, SPACING)
    assert (missed.dice, missed.sensitivity, missed.volume_ml) == (0, 0, 0)
    assert math.isnan(missed.hd95_mm)
    assert math.isnan(missed.precision)
    invented = measure(full, empty, SPACING)
    assert (invented.dice, invented.precision, invented.reference_ml) == (0, 0, 0)
    assert math.isnan(invented.hd95_mm)
    assert math.isnan(invented.sensitivity)


def test_raw_values_become_class_masks():
    raw = np.array([[[0, 1, 2, 4]]])
    masks = class_masks(raw, {"ED": (2,), "TC": (1, 4)}, CLASSES)
    assert masks[:, 0, 0].tolist() == [[False, True, False, True], [False, False, True, False]]
    overlapping = class_masks(raw, {"TC": (1, 4), "ED": (1, 2, 4)}, CLASSES)
    assert overlapping[:, 0, 0, 1].all()


def test_a_class_without_values_is_refused():
    with pytest.raises(McwssError, match=r"given for TC, but the classes are TC, ED"):
        class_masks(np.zeros(SHAPE, int), {"TC": (1,)}, CLASSES)


def test_json_has_the_agreed_form(references):
    exact = label_image(*references)
    cases = [
        MeasuredScan("a", exact, references, SPACING),
        MeasuredScan("b", np.zeros_like(exact), references, SPACING),
    ]
    prior = LocationPrior([references])
    evaluation = evaluate(cases, CLASSES, unions={"WT": CLASSES}, prior=prior)
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
    evaluation = evaluate([MeasuredScan("a", empty, references, SPACING)], CLASSES, unions={})
    assert evaluation.to_json()["mean"]["TC"]["hd95_mm"] is None
    assert set(evaluation.baselines) == {"empty"}


def test_a_union_joins_masks_before_it_is_measured(references):
    swapped = label_image(references[1], references[0])
    evaluation = evaluate(
        [MeasuredScan("a", swapped, references, SPACING)], CLASSES, unions={"WT": CLASSES}
    )
    assert evaluation.mean("TC").dice == 0
    assert evaluation.mean("WT").dice == 1


@pytest.mark.parametrize(
    ("unions", "message"),
    [
        ({"WT": ["TC", "NC"]}, "union WT joins NC, but the classes are TC, ED"),
        ({"TC": ["TC", "ED"]}, "union TC has the name of a class"),
    ],
)
def test_wrong_unions_are_refused(references, unions, message):
    with pytest.raises(McwssError, match=message):
        evaluate(
            [MeasuredScan("a", label_image(*references), references, SPACING)],
            CLASSES,
            unions=unions,
        )


def test_a_reference_of_another_shape_is_refused(references):
    mask = np.zeros((5, 9, 7), np.uint8)
    with pytest.raises(McwssError, match=r"scan a: the mask has shape \(5, 9, 7\).*\(6, 9, 7\)"):
        evaluate([MeasuredScan("a", mask, references, SPACING)], CLASSES, unions={})


def test_no_scan_is_refused():
    with pytest.raises(McwssError, match="no scan to measure"):
        evaluate([], CLASSES, unions={})


def test_the_table_states_counts_and_policy(references):
    exact = label_image(*references)
    cases = [
        MeasuredScan("a", exact, references, SPACING),
        MeasuredScan("b", np.zeros_like(exact), references, SPACING),
    ]
    output = io.StringIO()
    Console(width=100, file=output).print(measurement_table(evaluate(cases, CLASSES, unions={})))
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
        assert evaluate(
            [MeasuredScan("a", back, double, SPACING)], CLASSES, unions={"WT": CLASSES}
        ).mean("WT").dice == pytest.approx(1, abs=0.02)

    def test_shapes_weigh_by_their_number_of_scans(self, references):
        odd = np.ones((2, 4, 5, 6), bool)
        p = LocationPrior([references, references, references, odd]).probabilities(SHAPE)
        assert np.allclose(p[:2], (3 * references + 1) / 4)

    def test_it_needs_a_mask(self):
        with pytest.raises(ValueError, match="at least one"):
            LocationPrior([])


def test_importing_loads_no_torch():
    code = (
        "import sys, napari_mcwss.measurement.measure, napari_mcwss.measurement.tables; "
        "sys.exit(bool({'torch', 'monai'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
