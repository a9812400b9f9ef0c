"""The examples run, and do what they say."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_mcwss as mcwss
from napari_mcwss.model.encoders.registry import ENCODERS
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.writing import write_volume

EXAMPLES = Path(__file__).parent.parent / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="tests are run without the examples")


@pytest.fixture
def example(request, monkeypatch):
    """The module of the example that the test's parameter names."""
    name = request.param
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def named(name):
    return pytest.mark.parametrize("example", [name], indirect=True)


@pytest.mark.slow
@named("train_and_segment")
def test_training_and_segmenting_ends_in_measurements(example, tmp_path, capsys):
    example.main(tmp_path / "made")
    said = capsys.readouterr().out
    assert "epoch 3: loss" in said
    assert "ED: Dice" in said


@named("tags_from_a_spreadsheet")
def test_tags_of_a_spreadsheet_are_imported_and_conflicts_refused(example, tmp_path, capsys):
    example.main(tmp_path / "made")
    said = capsys.readouterr().out
    assert "6 tags were imported" in said
    assert "1 tag of the study (1 by a reader without a name) would be replaced" in said
    assert "the model was trained on phantom01, phantom02" in said


@pytest.mark.slow
@named("pictures")
def test_pictures_with_one_tag_each_get_masks_where_the_disc_is(example, tmp_path, capsys):
    example.main(tmp_path / "made")
    lines = [line for line in capsys.readouterr().out.splitlines() if "pixels" in line]
    with_disc = [int(line.split()[-5]) for line in lines if "no disc" not in line]
    without = [int(line.split()[-5]) for line in lines if "no disc" in line]
    assert len(with_disc) == len(without) == 3
    assert np.mean(with_disc) > 10 * np.mean(without)


@pytest.mark.slow
@named("own_encoder")
def test_heads_learn_from_an_encoder_of_ones_own(example, tmp_path, capsys):
    try:
        example.main(tmp_path / "made")
    finally:
        ENCODERS.pop(example.NAME, None)
    study = mcwss.Study.open(tmp_path / "made" / "study")
    assert example.NAME in (study.model_folder("example") / "config.json").read_text("utf-8")
    assert "mL" in capsys.readouterr().out


@pytest.mark.slow
@named("own_preset")
def test_a_preset_of_ones_own_trains_and_segments(example, tmp_path, capsys):
    try:
        example.main(tmp_path / "made")
    finally:
        PRESETS.pop(example.NAME, None)
    study = mcwss.Study.open(tmp_path / "made" / "study")
    assert example.NAME in (study.model_folder("example") / "config.json").read_text("utf-8")
    assert "mL" in capsys.readouterr().out


@named("known_data_sets")
@pytest.mark.parametrize(
    ("files", "channels"),
    [
        (["{0}/{0}_t1ce.nii.gz", "{0}/{0}_flair.nii.gz", "{0}/{0}_seg.nii.gz"], {"t1ce", "flair"}),
        (["imagesTr/{0}_0000.nii.gz", "labelsTr/{0}.nii.gz"], None),
        (["sub-{0}/anat/sub-{0}_T1w.nii.gz"], None),
    ],
    ids=["brats", "nnunet", "bids"],
)
def test_known_data_sets_are_recognised_with_their_channels(example, files, channels, tmp_path):
    geometry = Geometry.from_source((5, 4, 3), np.eye(4))
    for scan in ("case1", "case2"):
        for name in files:
            path = tmp_path / "data" / name.format(scan)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(path, np.zeros(geometry.shape), geometry, dtype="uint8")
    study = example.main(tmp_path / "data", tmp_path / "study", ["tumour"])
    assert len(study.scan_names) == 2
    assert channels is None or set(study.channels) == channels


@pytest.mark.slow
@named("hand_over_to_nnunet")
def test_masks_made_from_tags_become_a_data_set_for_nnunet(example, tmp_path, capsys):
    example.main(tmp_path / "made")
    said = capsys.readouterr().out.splitlines()
    assert "dataset.json" in said
    assert len([line for line in said if line.startswith("labelsTr")]) == 4
    assert len([line for line in said if line.startswith("imagesTr")]) == 8


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a script for bash")
def test_the_jobs_of_an_array_share_the_scans(example_folder, tmp_path):
    shutil.copytree(example_folder, tmp_path / "copy")
    study = mcwss.Study.open(tmp_path / "copy" / "my-study")
    (model,) = study.model_names()
    shutil.rmtree(study.folder / "results", ignore_errors=True)
    done = study.folder / "results" / model
    bin_folder = str(Path(sys.executable).parent)
    for job in range(2):
        before = {path.name for path in done.glob("*")}
        array = {"SLURM_ARRAY_TASK_ID": str(job), "SLURM_ARRAY_TASK_COUNT": "2"}
        names = {"STUDY": str(study.folder), "MODEL": model}
        path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["bash", EXAMPLES / "slurm_segment.sh"],
            env={**os.environ, **array, **names, "PATH": path},
            check=True,
        )
        made = {path.name for path in done.glob("*")} - before
        assert made == {*study.scan_names[job::2]}
