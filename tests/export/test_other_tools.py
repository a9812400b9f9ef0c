"""The tools of those who read exports accept them: ``tox run -e exports`` installs these tools."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from napari_mcwss.study.study import Study

THREE = ("--model", "model-1", "--scans", "phantom01,phantom02,phantom03")


@pytest.fixture
def tool():
    """Give a command's path, or skip the test where it is not installed."""

    def find(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{package} is not installed")
        return path

    return find


@pytest.mark.slow
def test_nnunet_finds_no_fault(run, tool, segmented: Study, tmp_path: Path):
    command = tool("nnUNetv2_plan_and_preprocess", "nnunetv2")
    folders = {f"nnUNet_{n}": str(tmp_path / n) for n in ("raw", "preprocessed", "results")}
    out = tmp_path / "raw" / "Dataset501_Heads"
    assert run("export", "nnunet", segmented.folder, out, *THREE)[0] == 0
    # It plans after the check only if that found nothing; more takes minutes.
    options = ("-d", "501", "--verify_dataset_integrity", "--no_pp", "-npfp", "1")
    done = subprocess.run(
        [command, *options], env={**os.environ, **folders}, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "verify_dataset_integrity Done" in said
    assert "rror" not in said.replace("If you didn't see any error messages", "")
    assert list((tmp_path / "preprocessed" / out.name).glob("nnUNetPlans.json"))


def test_the_bids_validator_misses_authors_alone(run, tool, segmented: Study, tmp_path: Path):
    command = tool("bids-validator-deno", "bids-validator-deno")
    out = tmp_path / "derivatives"
    assert run("export", "bids", segmented.folder, out, *THREE)[0] == 0
    done = subprocess.run(
        [command, "--format", "json", str(out)], capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)["issues"]["issues"]
    # Who the authors are, the user has to say.
    assert [(issue["severity"], issue["code"]) for issue in found] == [
        ("warning", "TOO_FEW_AUTHORS")
    ]
    assert done.returncode == 0


def test_the_bids_validator_finds_what_is_wrong(run, tool, segmented: Study, tmp_path: Path):
    command = tool("bids-validator-deno", "bids-validator-deno")
    out = tmp_path / "derivatives"
    run("export", "bids", segmented.folder, out, *THREE)
    (out / "dseg.tsv").rename(out / "classes.tsv")
    done = subprocess.run([command, "--format", "json", str(out)], capture_output=True, text=True)
    assert done.returncode != 0
