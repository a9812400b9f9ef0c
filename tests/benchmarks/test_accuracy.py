"""The accuracy benchmark: what learns from tags never sees a mask, and rows continue."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.training.config import TrainingConfig

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))
accuracy = importlib.import_module("accuracy")
methods = importlib.import_module("accuracy_methods")
scores = importlib.import_module("accuracy_scores")

MOMENT = TrainingConfig(preset="local", epochs=1, minutes=0.01, width=2, device="cpu")


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *map(str, arguments)])
    accuracy.main()


@pytest.fixture
def bench_without_masks(tmp_path):
    """A tagged study whose masks are gone."""
    bench = accuracy.make_bench(accuracy.COHORTS["quick"], tmp_path)
    masks = list(tmp_path.rglob("seg.nii.gz"))
    assert len(masks) == len(bench.study.scan_names)
    for path in masks:
        path.unlink()
    return bench


@pytest.mark.slow
@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("preset", ["cam", "local", "mcwss", "published"])
def test_learning_from_tags_needs_no_mask(bench_without_masks, preset, refine, monkeypatch):
    # Some scans are held back: choosing an epoch needs no mask, either.
    monkeypatch.setattr("napari_mcwss.training.data.split.MIN_SCANS_TO_VALIDATE", 5)
    study = bench_without_masks.study
    *training, tested = study.scan_names
    config = accuracy.configured(preset, MOMENT.model_copy(update={"refine": refine}))
    epochs, predict = methods.learn(
        preset, bench_without_masks, config, training, methods.TAGS_ALONE
    )
    assert epochs == 1 + (refine and preset != "cam")
    for labels in predict(tested)[:2]:
        assert labels.shape == study.scan(tested).geometry.shape


@pytest.mark.parametrize("method", ["location_prior", "supervised", "features_masks"])
def test_only_the_prior_and_the_ceilings_need_masks(bench_without_masks, method):
    training = bench_without_masks.study.scan_names[:6]
    config = accuracy.configured(method, MOMENT)
    with pytest.raises(McwssError, match="no mask"):
        methods.learn(method, bench_without_masks, config, training, methods.TAGS_ALONE)


@pytest.mark.slow
def test_quick_runs_every_method_once(tmp_path, monkeypatch, capsys):
    figures, out = tmp_path / "figures", tmp_path / "accuracy.md"
    run(monkeypatch, "run", "--quick", "--figures", figures, "--device", "cpu")
    assert len(list(figures.iterdir())) == 2 * len(accuracy.METHODS)
    capsys.readouterr()
    run(monkeypatch, "run", "--quick", "--figures", figures, "--device", "cpu")
    assert capsys.readouterr().out.count("there already") == 2 * len(accuracy.METHODS)

    run(monkeypatch, "table", "--figures", figures, "--out", out)
    text = out.read_text(encoding="utf-8")
    assert all(f"| `{method}`" in text for method in accuracy.METHODS)
    out.write_text(text.replace("None yet.", "Trust nobody."), encoding="utf-8")
    run(monkeypatch, "table", "--figures", figures, "--out", out)
    assert out.read_text(encoding="utf-8") == text.replace("None yet.", "Trust nobody.")


def test_row_continues_where_it_stopped(tmp_path, monkeypatch):
    one_out = replace(accuracy.COHORTS["quick"], tested=None)
    monkeypatch.setitem(accuracy.COHORTS, "one-out", one_out)
    learn, runs = accuracy.learn, []

    def counted(method, bench, config, training, given):
        runs.append(training)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return learn(method, bench, config, training, given)

    monkeypatch.setattr(accuracy, "learn", counted)
    with pytest.raises(KeyboardInterrupt):
        accuracy.run_row("one-out", "location_prior", MOMENT, tmp_path)
    accuracy.run_row("one-out", "location_prior", MOMENT, tmp_path)
    assert len(runs) == 3 + 6
    records = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert len({record["fold"] for record in records}) == len(records) == 8
    assert all(set(record["scans"]) == {record["fold"]} for record in records)
    with pytest.raises(McwssError, match="no fold nobody"):
        accuracy.run_row("one-out", "empty", MOMENT, tmp_path, only=["nobody"])


def test_configurations_have_files_of_their_own():
    def name(method="local", **changes):
        config = MOMENT.model_copy(update=changes)
        return accuracy.file_name(accuracy.describe("quick", method, config), "test")

    names = [name(), name(epochs=2), name(minutes=1.0), name(seed=1), name("mcwss")]
    assert len(set(names)) == len(names)
    assert name("empty", seed=1, epochs=2) == name("empty")


def test_a_readers_time_is_that_of_tags_and_masks(tmp_path):
    bench = accuracy.make_bench(accuracy.COHORTS["quick"], tmp_path)
    training = bench.study.scan_names[:3]

    def hours(method, **given):
        return methods.reader_hours(method, bench, training, methods.Given(**given))

    assert hours("local") == pytest.approx(3 * 9 / 3600)
    assert hours("local", scans=2, masks=1) == pytest.approx((2 * 9 + 600) / 3600)
    for method in ("supervised", "features_masks", "location_prior"):
        assert hours(method) == pytest.approx(3 * 600 / 3600)
    assert hours("empty") == 0


def test_perfect_and_empty_masks_score_as_they_should(tmp_path):
    bench = accuracy.make_bench(accuracy.COHORTS["quick"], tmp_path)
    scan = bench.study.scan_names[0]
    ((_, references),) = bench.references([scan])
    perfect = np.where(references[0], 1, np.where(references[1], 2, 0))
    for figures in accuracy.score(bench, scan, perfect).values():
        assert (figures["dice"], figures["slice_dice"], figures["hd95_mm"]) == (1, 1, 0)
        assert figures["false_slices"] == 0
    everywhere = accuracy.score(bench, scan, np.ones_like(perfect))
    assert everywhere["TC"]["false_slices"] == everywhere["WT"]["false_slices"] == 1
    assert everywhere["ED"]["slice_dice"] == everywhere["ED"]["false_slices"] == 0


def test_table_gives_spread_and_shares_of_the_ceiling(tmp_path):
    def record(method, seed, dice, device="cpu", **changes):
        row = accuracy.describe("quick", method, MOMENT.model_copy(update={"seed": seed}))
        figures = {"dice": dice, "hd95_mm": None, "slice_dice": dice, "false_slices": 0.0}
        scans = {"a": {use: {"TC": figures, "WT": figures} for use in ("unused", "gate")}}
        whole = {**row, "fold": "test", "folds": 1, "scans": scans, "minutes": 1.0, "epochs": 1}
        whole["reader_hours"] = 0.5
        whole |= {"machine": "abacus", "device": device, **changes}
        name = f"{method}{seed}{device}{changes.get('folds', '')}.json"
        (tmp_path / name).write_text(json.dumps(whole))

    record("local", 0, 0.3)
    record("local", 1, 0.5)
    record("supervised", 0, 0.8)
    record("supervised", 0, 0.7, device="cuda")
    record("mcwss", 0, 0.4, folds=5, made="2026-01-02, 1a2b3c4")
    out = tmp_path / "accuracy.md"
    accuracy.write_table(tmp_path, out)
    text = out.read_text(encoding="utf-8")
    assert "| `local`, 0.01 min, 1 ep., cpu | 0.40 ± 0.14 (0.50) | 0.40 ± 0.14 (0.50) | - |" in text
    assert "| `supervised`, 0.01 min, 1 ep., cuda | 0.70 (0.87) |" in text
    assert "| `supervised`, 0.01 min, 1 ep., cpu | 0.80 |" in text
    assert "| `mcwss`, 0.01 min, 1 ep., cpu, 1 of 5 folds | 0.40 (0.50) |" in text
    assert "| 2026-01-02, 1a2b3c4 |" in text
    assert "| not noted |" in text


@pytest.mark.slow
def test_ceiling_learns_from_masks(tmp_path):
    bench = accuracy.make_bench(accuracy.COHORTS["quick"], tmp_path)
    config = TrainingConfig(preset="local", epochs=15, width=8, device="cpu", validation_share=0)
    config = accuracy.configured("supervised", config)
    training, tested = bench.study.scan_names[:6], bench.study.scan_names[6]
    _, predict = methods.learn("supervised", bench, config, training, methods.TAGS_ALONE)
    free, gated, _ = predict(tested)
    assert accuracy.score(bench, tested, free)["WT"]["dice"] > 0.5
    absent = bench.study.tags.read(tested).values == 0
    for label in (1, 2):
        assert not (gated[absent[:, label - 1]] == label).any()


def test_a_class_that_is_nowhere_has_no_slice_dice_but_its_false_slices():
    mask = np.zeros((4, 3, 3), bool)
    mask[1, 1, 1] = True
    assert scores._slices(mask, np.zeros_like(mask)) == {"slice_dice": None, "false_slices": 0.25}
    assert scores._slices(mask, np.ones_like(mask))["false_slices"] is None
