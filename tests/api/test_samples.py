"""Public samples are downloaded on request, checked, and become studies with tags."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.small_sample import archive
from typer.testing import CliRunner

import napari_mcwss as mcwss
from napari_mcwss.api.samples import SAMPLES, Sample, SampleStep, make_sample
from napari_mcwss.base.generators import Returning
from napari_mcwss.cli.app import app


def made(sample: Sample, folder: Path) -> tuple[mcwss.Study, list[SampleStep]]:
    """Return the study of a sample, and the steps that made it."""
    making = Returning(make_sample(sample, folder))
    steps = list(making)
    return making.value, steps


def test_a_sample_becomes_a_study_with_the_tags_of_its_masks(public_sample, tmp_path):
    study, steps = made(public_sample, tmp_path / "made")
    assert study.scan_names == ("hippocampus_0", "hippocampus_1")
    assert study.channels == ("t1",)
    tags = study.tags["hippocampus_1"]
    assert tags[1, "anterior"] is mcwss.PRESENT
    assert tags[0, "anterior"] is mcwss.ABSENT
    assert tags[2, "posterior"] is mcwss.PRESENT
    size = len(archive())
    assert SampleStep("downloading", size, size) in steps
    assert steps[-1] == SampleStep("unpacking", 4, 4)


def test_a_download_that_was_given_up_is_continued(public_sample, sample_server, tmp_path):
    making = make_sample(public_sample, tmp_path / "made")
    first = next(making)
    making.close()
    assert not (tmp_path / "made").exists()
    made(public_sample, tmp_path / "made")
    assert sample_server.begins == [0, first.done]


def test_unpacking_that_was_given_up_leaves_no_folder(public_sample, tmp_path):
    making = make_sample(public_sample, tmp_path / "made")
    next(step for step in making if step.doing == "unpacking")
    assert (tmp_path / "made").exists()
    making.close()
    assert not (tmp_path / "made").exists()


def test_a_second_study_needs_no_download(public_sample, sample_server, tmp_path):
    made(public_sample, tmp_path / "first")
    made(public_sample, tmp_path / "second")
    assert sample_server.begins == [0]


def test_an_interrupted_download_is_continued(public_sample, sample_server, tmp_path):
    sample_server.cut.add("/Task04.tar")
    with pytest.raises(mcwss.McwssError, match="the part that was downloaded is kept"):
        made(public_sample, tmp_path / "made")
    assert not (tmp_path / "made").exists()
    sample_server.cut.clear()
    made(public_sample, tmp_path / "made")
    assert 0 < sample_server.begins[1] < len(archive())


def test_an_archive_with_another_checksum_is_refused_and_loaded_anew(
    public_sample, sample_server, tmp_path
):
    good = sample_server.files["/Task04.tar"]
    sample_server.files["/Task04.tar"] = good[:-1] + b"x"
    with pytest.raises(mcwss.McwssError, match="another checksum"):
        made(public_sample, tmp_path / "made")
    sample_server.files["/Task04.tar"] = good
    assert made(public_sample, tmp_path / "made")[0].scan_names


def test_a_server_that_is_gone_is_one_line(public_sample, tmp_path):
    gone = replace(public_sample, address=public_sample.address.replace("Task04", "nothing"))
    with pytest.raises(mcwss.McwssError, match="404"):
        made(gone, tmp_path / "made")


def test_a_computer_without_a_network_is_told_why_in_short(public_sample, tmp_path):
    # Nothing listens at this port.
    nowhere = replace(public_sample, address="http://127.0.0.1:1/Task04.tar")
    with pytest.raises(mcwss.McwssError, match="refused") as told:
        made(nowhere, tmp_path / "made")
    assert "retries" not in str(told.value)
    assert "kept" not in str(told.value)


def test_the_command_lists_samples_and_makes_one(public_sample, tmp_path, monkeypatch):
    monkeypatch.setitem(SAMPLES, "hippocampus", public_sample)
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(app, ["sample"]).output
    assert "phantom" in listed
    assert "29 MB to download; licence: CC BY-SA 4.0" in listed
    done = CliRunner().invoke(app, ["sample", "hippocampus"])
    assert "licence CC BY-SA 4.0" in done.output
    assert mcwss.Study.open("mcwss-hippocampus/study").tags["hippocampus_0"]
    again = CliRunner().invoke(app, ["sample", "hippocampus"])
    assert "exists: name a new folder" in str(again.exception)


def test_the_phantom_needs_no_network(tmp_path):
    out = tmp_path / "made"
    done = CliRunner().invoke(app, ["sample", "phantom", "--out", str(out)])
    assert done.exit_code == 0
    assert len(mcwss.Study.open(out / "study").scan_names) == 6
