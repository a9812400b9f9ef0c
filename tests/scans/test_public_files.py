"""The test files that pydicom and nibabel bring along are read right or refused in one line."""

import shutil
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.formats.format import Header
from napari_mcwss.scans.reading import read_header, read_scan

pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")

pytestmark = pytest.mark.slow

LEAST = {"nibabel": 5, "pydicom": 50}
"""Files that are read, at least; the other files hold no images of grey values."""

NO_FILES = {".py", ".pyc", ".md", ".txt", ".json", ".sh", ".rst", ".m"}


def files_of(module, *parts: str) -> list[Path]:
    found = sorted(Path(module.__file__).parent.rglob("*"))
    return [
        path
        for path in found
        if path.is_file() and {*parts} <= {*path.parts} and path.suffix not in NO_FILES
    ]


def read(path: Path) -> tuple[Header, NDArray[np.float32]] | None:
    """Read all channels; None if it is refused in one line."""
    try:
        header = read_header(path)
        names = [f"c{number}" for number in range(header.channels)]
        return header, read_scan("a", names, [path]).volume()
    except McwssError as error:
        if "\n" in str(error):
            raise
        return None


def test_files_of_nibabel():
    count = 0
    for path in files_of(nib, "tests", "data"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read(path)
        if found is None:
            continue
        count += 1
        header, volume = found
        image = nib.load(path)
        # What is no number becomes 0.
        stored = np.nan_to_num(np.asanyarray(image.dataobj).astype(np.float32))
        stored = stored.reshape(*stored.shape[:3], -1)
        np.testing.assert_allclose(image.affine, header.geometry.source_affine, atol=1e-4)
        mine = header.geometry.to_source(volume)
        np.testing.assert_allclose(np.moveaxis(stored, -1, 0), mine, rtol=1e-5, err_msg=str(path))
    assert count >= LEAST["nibabel"]


def test_files_of_pydicom(tmp_path):
    count = 0
    for number, path in enumerate(files_of(pydicom, "data")):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read(folder)
            if found is None:
                continue
            data = pydicom.dcmread(path, force=True)
            syntax = pydicom.uid.ImplicitVRLittleEndian
            data.file_meta.TransferSyntaxUID = data.file_meta.get("TransferSyntaxUID", syntax)
            count += 1
            try:
                pixels = data.pixel_array
            except RuntimeError:  # Only ITK can decode it.
                continue
            stored = np.asarray(pydicom.pixels.apply_rescale(pixels, data), np.float32)
        header, volume = found
        mine = header.geometry.to_source(volume)[0].transpose(2, 1, 0)
        stored = stored.reshape(mine.shape)
        if data.PhotometricInterpretation == "MONOCHROME1":
            # What is dense is bright here: both together are the same everywhere.
            assert np.ptp(stored + mine) == pytest.approx(0, abs=1e-2), path.name
        else:
            # Frames are sorted by their places.
            assert sorted(frame.tobytes() for frame in stored) == sorted(
                np.ascontiguousarray(frame).tobytes() for frame in mine
            ), path.name
    assert count >= LEAST["pydicom"]
