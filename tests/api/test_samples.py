"""Public samples are downloaded on request, checked, and become studies with tags."""

import hashlib
import io
import tarfile
from dataclasses import replace

import nibabel as nib
import numpy as np
import platformdirs
import pytest
from helpers.file_server import file_server
from typer.testing import CliRunner

import napari_mcwss as mcwss
from napari_mcwss.api.samples import SAMPLES, make_sample
from napari_mcwss.cli.app import app


def archive() -> bytes:
    """Return a tar of some megabytes: two scans, laid out as the hippocampus, and their masks."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for number in range(2):
            mask = np.zeros((200, 200, 3), np.uint8)
            mask[1, 1, number] = 1
            mask[2, 2, 2] = 2
            for folder, voxels in (("imagesTr", mask * 10.0), ("labelsTr", mask)):
                content = nib.Nifti1Image(voxels, np.eye(4)).to_bytes()
                name = f"Task04_Hippocampus/{folder}/hippocampus_{number}.nii"
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    with file_server() as server:
        yield server


@pytest.fixture
def sample(server):
    server.files["/Task04.tar"] = content = archive()
    md5 = hashlib.md5(content).hexdigest()
    return replace(SAMPLES["hippocampus"], address=f"{server.url}/Task04.tar", md5=md5)


def test_a_sample_becomes_a_study_with_the_tags_of_its_masks(sample, tmp_path):
    seen = []
    study = make_sample(sample, tmp_path / "made", lambda done, size: seen.append((done, size)))
    assert study.scan_names == ("hippocampus_0", "hippocampus_1")
    assert study.channels == ("t1",)
    tags = study.tags["hippocampus_1"]
    assert tags[1, "anterior"] is mcwss.PRESENT
    assert tags[0, "anterior"] is mcwss.ABSENT
    assert tags[2, "posterior"] is mcwss.PRESENT
    assert seen[-1] == (len(archive()), len(archive()))


def test_a_second_study_needs_no_download(sample, server, tmp_path):
    make_sample(sample, tmp_path / "first")
    make_sample(sample, tmp_path / "second")
    assert server.begins == [0]


def test_an_interrupted_download_is_continued(sample, server, tmp_path):
    server.cut.add("/Task04.tar")
    with pytest.raises(mcwss.McwssError, match="what has arrived is kept"):
        make_sample(sample, tmp_path / "made")
    assert not (tmp_path / "made").exists()
    server.cut.clear()
    make_sample(sample, tmp_path / "made")
    assert 0 < server.begins[1] < len(archive())


def test_an_archive_with_another_checksum_is_refused_and_loaded_anew(sample, server, tmp_path):
    good = server.files["/Task04.tar"]
    server.files["/Task04.tar"] = good[:-1] + b"x"
    with pytest.raises(mcwss.McwssError, match="another checksum"):
        make_sample(sample, tmp_path / "made")
    server.files["/Task04.tar"] = good
    assert make_sample(sample, tmp_path / "made").scan_names


def test_a_server_that_is_gone_is_one_line(sample, tmp_path):
    gone = replace(sample, address=sample.address.replace("Task04", "nothing"))
    with pytest.raises(mcwss.McwssError, match="404"):
        make_sample(gone, tmp_path / "made")


def test_the_command_lists_samples_and_makes_one(sample, tmp_path, monkeypatch):
    monkeypatch.setitem(SAMPLES, "hippocampus", sample)
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
