"""Damaged files of every format end in one line or are read: they raise nothing else."""

import warnings
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from helpers.dicom_series import image_of
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.formats.registry import FORMATS
from napari_mcwss.scans.reading import read_mask, read_scan

VOXELS = np.random.default_rng(0).integers(0, 4, (6, 5, 4)).astype(np.int16)

AFFINE = np.diag([-1.0, 1, 2, 1])


def _nifti(path: Path) -> None:
    nib.Nifti1Image(VOXELS, AFFINE).to_filename(path)


def _nifti2(path: Path) -> None:
    nib.Nifti2Image(VOXELS, AFFINE).to_filename(path)


def _itk(path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path), useCompression="z" in path.name)


def _analyze(path: Path) -> None:
    nib.Spm2AnalyzeImage(VOXELS, AFFINE).to_filename(path)


def _mgh(path: Path) -> None:
    nib.MGHImage(VOXELS, AFFINE).to_filename(path)


def _picture(path: Path) -> None:
    Image.fromarray(VOXELS[0].astype(np.uint8)).save(path)


def _stack(path: Path) -> None:
    tifffile.imwrite(path, VOXELS, imagej=True, metadata={"axes": "ZYX"})


def _dicom(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    image = image_of(np.eye(4), VOXELS[0], 0, SeriesInstanceUID="1.2.5")
    image.save_as(path, enforce_file_format=True)


SAMPLES = {
    **dict.fromkeys(("a.nii", "a.nii.gz"), _nifti),
    "b.nii": _nifti2,
    **dict.fromkeys(("a.nrrd", "z.nrrd", "a.mha", "z.mha"), _itk),
    "a.hdr": _analyze,
    **dict.fromkeys(("a.mgh", "a.mgz"), _mgh),
    **dict.fromkeys(("a.png", "a.jpg", "a.bmp", "a.webp"), _picture),
    "a.tif": _stack,
    "series/1.dcm": _dicom,
}
"""A file of each format, and what writes it; the folder of a series is read."""


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Change, repeat, remove or cut some bytes, mostly of the header."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        end = len(data) if rng.random() < 0.3 else min(len(data), 400)
        place = int(rng.integers(0, max(end, 1)))
        match rng.integers(0, 6):
            case 0:
                data[place : place + 1] = rng.bytes(1)
            case 1:
                data[place : place + 4] = rng.choice([b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff"])
            case 2:
                data[place:place] = data[place : place + 16]
            case 3:
                del data[place : place + int(rng.integers(1, 9))]
            case 4:
                del data[place:]
            case _:
                data[place : place + 8] = rng.bytes(8)
    return bytes(data)


def read(path: Path) -> None:
    """Read a file as a scan and as a mask; check that what is raised is one line."""
    whole = path.parent if path.suffix == ".dcm" else path
    told = []
    for action in (lambda: read_scan("a", ["t1"], [whole]).volume(), lambda: read_mask(whole)):
        try:
            action()
        except McwssError as error:
            told.append(str(error))
    assert all("\n" not in line and whole.name in line for line in told), told


def check(path: Path, name: str, seed: int) -> None:
    """Read a mutation of a sample; everything but `McwssError` fails."""
    SAMPLES[name](path)
    path.write_bytes(mutated(path.read_bytes(), np.random.default_rng(seed)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read(path)


def test_every_format_has_a_sample():
    for kind in FORMATS:
        assert any(name.endswith(kind.suffixes or ".dcm") for name in SAMPLES), kind.name


@pytest.mark.parametrize("name", SAMPLES)
def test_mutations_are_read_or_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    for seed in range(40):
        check(path, name, seed)
        with suppress(FileNotFoundError):
            path.unlink()
