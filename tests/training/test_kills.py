"""Killed at any moment, a training goes on from what it has last announced."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.study.study import Study
from napari_mcwss.tags.importing import tags_from_mask

KILLING = Path(__file__).parents[1] / "helpers" / "killing.py"


@pytest.fixture
def tiny_study(tmp_path) -> Study:
    """Two scans of a few voxels with all slices tagged."""
    write_phantom(tmp_path / "scans", scans=2, size=(6, 21, 18))
    scans = {folder.name: folder for folder in sorted((tmp_path / "scans").iterdir())}
    files = {
        name: [folder / f"{channel}.nii.gz" for channel in PHANTOM_CHANNELS]
        for name, folder in scans.items()
    }
    study = Study.create(
        tmp_path / "study", scans=files, channels=PHANTOM_CHANNELS, classes=list(PHANTOM_CLASSES)
    )
    for name, folder in scans.items():
        mask = read_mask(folder / "seg.nii.gz", study.scan(name).geometry)
        study.tags.update(name, tags_from_mask(mask, PHANTOM_CLASSES))
    return study


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork and no SIGKILL")
def test_kills_at_random_moments_lose_nothing_that_was_announced(tiny_study: Study):
    kills = os.environ.get("MCWSS_KILLS", "10")
    done = subprocess.run(
        [sys.executable, KILLING, tiny_study.folder, kills],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert result["states"] >= int(kills)
    assert result["finished"]
