"""The main job on files as people have them: real scans, and pictures."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_mcwss.cli import app as cli
from napari_mcwss.study.study import Study

TINY = ("--preset", "local", "--epochs", 1, "--width", 2, "--device", "cpu")


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["napari-mcwss", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code


@pytest.mark.data
@pytest.mark.slow
def test_one_patient_with_four_channels(monkeypatch, data_folder, tmp_path):
    study = tmp_path / "study"
    options = ("--channels", "t1,t1ce,t2,flair", "--class", "TC", "--class", "ED")
    run(monkeypatch, "new", study, "--scans", data_folder("glioma4"), *options)
    values = ("--masks", "seg", "--map", "TC=1,4", "--map", "ED=2")
    run(monkeypatch, "tags", "from-masks", study, *values)
    run(monkeypatch, "train", study, "--model", "m", *TINY)
    run(monkeypatch, "segment", study, "--model", "m", "--device", "cpu")
    opened = Study.open(study)
    (name,) = opened.scan_names
    assert opened.scan(name).volume().shape == (4, 155, 240, 240)
    assert [path.name for path in opened.files(name)][1].endswith("_t1ce.nii.gz")
    assert (opened.result_folder("m", name) / "mask.nii.gz").exists()


@pytest.mark.data
@pytest.mark.slow
def test_a_flat_folder_of_scans_with_a_folder_of_masks(monkeypatch, data_folder, tmp_path):
    study, data = tmp_path / "study", data_folder("hippocampus")
    options = ("--channels", "t1", "--class", "ANT", "--class", "POST")
    run(monkeypatch, "new", study, "--scans", data / "images", *options)
    names = Study.open(study).scan_names
    learnt, unseen = ",".join(names[:6]), ",".join(names[-2:])
    values = ("--masks", data / "labels", "--map", "ANT=1", "--map", "POST=2")
    run(monkeypatch, "tags", "from-masks", study, *values)
    run(monkeypatch, "train", study, "--model", "m", "--scans", learnt, *TINY)
    options = ("--model", "m", "--scans", unseen)
    run(monkeypatch, "segment", study, *options, "--ignore-tags", "--device", "cpu")
    result = tmp_path / "result.json"
    run(monkeypatch, "evaluate", study, *options, *values, "--json", result)
    written = json.loads(result.read_text())
    assert list(written["scans"]) == list(names[-2:])
    assert written["baselines"]["location_prior"]["ANT"]["dice"] > 0.3


def test_a_folder_of_pictures(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    folder, study = tmp_path / "pictures", tmp_path / "study"
    folder.mkdir()
    for number in range(8):
        pixels = rng.integers(40, 80, (50, 37), dtype=np.uint8)
        if number % 2:
            pixels[10:20, 5:15] = 220
        Image.fromarray(pixels).save(folder / f"picture{number}.png")
    run(monkeypatch, "new", study, "--scans", folder, "--class", "spot")
    opened = Study.open(study)
    assert opened.channels == ("image",)
    assert len(opened.scan_names) == 8
    for number, name in enumerate(opened.scan_names):
        table = opened.tags.read(name)
        table.values[:] = number % 2
        opened.tags.write({name: table})
    run(monkeypatch, "train", study, "--model", "m", *TINY)
    run(monkeypatch, "segment", study, "--model", "m", "--device", "cpu")
    for name in opened.scan_names:
        assert Path(opened.result_folder("m", name), "mask.nii.gz").exists()
