"""The accuracy benchmark on folders of pictures: groups, figures, and cohorts without code."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_mcwss.base.errors import McwssError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))
accuracy = importlib.import_module("accuracy")
cohorts = importlib.import_module("accuracy_cohorts")
methods = importlib.import_module("accuracy_methods")
rows = importlib.import_module("accuracy_rows")
scores = importlib.import_module("accuracy_scores")


@pytest.fixture
def bench(tmp_path):
    return cohorts.make_bench(cohorts.COHORTS["quick_pictures"], tmp_path)


@pytest.fixture
def cysts(tmp_path, monkeypatch):
    """A folder of pictures that nothing is known of but what it says itself."""
    folder = tmp_path / "data" / "domains" / "cysts"
    for name, value in (("images", 90), ("labels", 0)):
        (folder / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((20, 24), value, np.uint8)
            pixels[5:10, 5:12] = 3 if name == "labels" else 200
            Image.fromarray(pixels).save(folder / name / f"case{number}.png")
    (folder / "about.json").write_text(json.dumps({"classes": {"3": "cyst"}}))
    monkeypatch.setenv("MCWSS_DATA", str(tmp_path / "data"))


def counts(overlap, mask, reference, score=None):
    return {"overlap": overlap, "mask": mask, "reference": reference, "score": score}


def test_groups_are_never_split(bench):
    folds = bench.cohort.folds(bench.study.scan_names)
    assert list(folds) == ["test"]
    assert len(folds["test"]) == 6
    training = set(bench.study.scan_names) - set(folds["test"])
    assert {name[:-1] for name in training}.isdisjoint(name[:-1] for name in folds["test"])


@pytest.mark.parametrize(
    ("cohort", "names", "length"),
    [
        ("covidct_half", ["te_006L", "te_006R", "tr_1L", "tr_1R", "tr_2L", "tr_2R"], 4),
        ("idrid_tiles", ["IDRiD_01_r0c3", "IDRiD_01_r1c0", "IDRiD_02_r0c3", "IDRiD_10_r0c0"], 8),
    ],
)
def test_halves_and_tiles_of_a_patient_stay_together(cohort, names, length):
    tested = cohorts._third(names, cohorts.GROUPS[cohort])
    inside = {name[:length] if length == 8 else name[:-1] for name in tested}
    outside = {name[:length] if length == 8 else name[:-1] for name in set(names) - set(tested)}
    assert len(inside) == 1
    assert inside.isdisjoint(outside)


def test_coloured_pictures_are_read_as_a_user_would_read_them(bench):
    assert bench.study.channels == ("red", "green", "blue")


def test_picture_measures():
    pictures = [
        counts(2, 4, 4, 0.9),
        counts(0, 0, 4, 0.4),
        counts(0, 2, 0, 0.5),
        counts(0, 0, 0, 0),
    ]
    found = {name: measure(pictures) for name, measure in scores.PICTURE_MEASURES.items()}
    assert found == {
        "pooled Dice": pytest.approx(2 * 2 / (6 + 8)),
        "mean Dice": pytest.approx((0.5 + 0) / 2),
        "false pictures": 0.5,
        "AUC": pytest.approx(3 / 4),
    }


def test_what_cannot_be_measured_is_left_out():
    def found(*pictures):
        return {name: measure(pictures) for name, measure in scores.PICTURE_MEASURES.items()}

    assert found(counts(0, 0, 0)) == {
        "pooled Dice": None,
        "mean Dice": None,
        "false pictures": 0,
        "AUC": None,
    }
    always = found(counts(1, 1, 1, 0.5), counts(1, 1, 1, 0.6))
    assert always["false pictures"] is always["AUC"] is None


def test_perfect_masks_count_fully(bench):
    scan = bench.study.scan_names[0]
    ((_, references),) = bench.references([scan])
    perfect = np.where(references[0], 1, np.where(references[1], 2, 0))
    everything = methods.Found(perfect, perfect, np.array([[0.25, 0.5]]))
    found = scores.count(bench, everything, references)
    assert [found[name]["score"] for name in ("green", "blue", "any class")] == [0.25, 0.5, None]
    for figures in found.values():
        assert figures["overlap"] == figures["mask"] == figures["reference"]
    assert found["any class"]["mask"] == references.any(0).sum() > 0


def test_folder_of_pictures_is_a_cohort_by_its_name(cysts, tmp_path, monkeypatch):
    figures, out = tmp_path / "figures", tmp_path / "accuracy.md"
    for method in ("empty", "location_prior"):
        arguments = ["run", "cysts", method, "--figures", str(figures)]
        monkeypatch.setattr(sys, "argv", ["accuracy.py", *arguments])
        accuracy.main()
    accuracy.write_table(figures, out)
    text = out.read_text(encoding="utf-8")
    assert "| `location_prior` | 1.00 | 1.00 | - | - |" in text
    assert "| cysts | 0.00 | 1.00 |" in text
    with pytest.raises(McwssError, match=r"no cohort 'cyst': .*, cysts"):
        cohorts.cohort_of("cyst")


def test_summary_has_the_main_rows_with_share_of_the_ceiling_and_auc(tmp_path):
    def record(method, overlap, name, **settings):
        planned = next(r for r in rows.main_rows("quick_pictures") if r.method == method)
        config = planned.config("cpu").model_copy(update=settings)
        row = rows.describe("quick_pictures", method, config)
        scans = {
            "a": {"green": counts(overlap, 10, 10, 0.7), "any class": counts(overlap, 10, 10)},
            "b": {"green": counts(0, 0, 0, 0.1), "any class": counts(0, 0, 0)},
        }
        row |= {"fold": "test", "folds": 1, "scans": scans, "minutes": 1.0, "epochs": 1}
        row |= {"reader_hours": 0.5, "machine": "abacus"}
        (tmp_path / f"{name}.json").write_text(json.dumps(row))

    record("local", 4, "main")
    record("local", 7, "longer", epochs=9)
    record("supervised", 8, "ceiling")
    out = tmp_path / "accuracy.md"
    accuracy.write_table(tmp_path, out)
    text = out.read_text(encoding="utf-8")
    (summary,) = (line for line in text.splitlines() if line.startswith("| quick_pictures |"))
    assert "| 0.40 (0.50); AUC 1.00 |" in summary
    assert "| 0.80; AUC 1.00 |" in summary
    assert (
        "| `local`, 0.1 min, 9 ep., cpu | 0.70 (0.87) | 0.70 (0.87) | 0.00 | 1.00 (1.00) |" in text
    )


def test_all_goes_on_after_a_row_that_fails_and_tells_of_it(tmp_path, monkeypatch):
    def learn(method, bench, config, training, given):
        if method == "local":
            raise McwssError("out of luck")
        return 0, lambda scan: methods.Found(*[methods._nothing(bench, scan)] * 2)

    monkeypatch.setattr(accuracy, "learn", learn)
    with pytest.raises(McwssError, match="1 rows failed: quick_pictures, local: out of luck"):
        accuracy.run_all(["quick_pictures"], tmp_path, "cpu")
    assert len(list(tmp_path.iterdir())) == len(accuracy.METHODS) - 1


def test_rows_kept_before_are_the_main_rows():
    for cohort, method in (("glioma", "local"), ("hippocampus", "local"), ("glioma", "supervised")):
        planned = next(row for row in rows.main_rows(cohort) if row.method == method)
        row = rows.describe(cohort, method, planned.config("cpu"))
        fold = "test" if cohort == "hippocampus" else "pat0001"
        assert (BENCHMARKS / "figures" / rows.file_name(row, fold)).is_file()
    given = [row.given.masks for row in rows.main_rows("hippocampus")]
    assert given[-3:] == [1, 2, 5]
