"""The benchmark of clicks: what its user clicks on, and that it runs."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))
clicks = importlib.import_module("clicks")


def test_the_deepest_voxel_of_the_largest_wrong_piece_is_clicked():
    reference = np.zeros((9, 20, 20), np.uint8)
    reference[2:7, 3:8, 3:8] = 1
    mask = np.zeros_like(reference)
    mask[3:6, 12:15, 12:15] = 2
    assert clicks.wrong_piece(mask, reference) == (1, (4, 5, 5))
    assert clicks.wrong_piece(np.where(mask, mask, reference), reference) == (0, (4, 13, 13))
    assert clicks.wrong_piece(reference, reference) is None


@pytest.mark.slow
def test_a_quick_run_writes_the_page_and_the_figures(monkeypatch, tmp_path):
    out = tmp_path / "clicks.md"
    monkeypatch.setattr(sys, "argv", ["clicks.py", "--quick", "--out", str(out)])
    clicks.main()
    assert "| mean | **" in out.read_text(encoding="utf-8")
    (found,) = json.loads(out.with_suffix(".json").read_bytes())["scans"].values()
    assert len(found["dice"]) == 11
    assert found["dice"][-1]["WT"] >= found["dice"][0]["WT"]
