"""Masks and CAMs of a study lie on the voxels of their scan, whoever reads them.

Both are made here from the intensities of the scan. So whoever reads the results and the scan's
own file finds the same intensities under them, or they lie elsewhere.
"""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_mcwss.scans.finding import find_scans
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import MASK, cam_path, save_result
from napari_mcwss.study.study import Study

sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")

SHAPE = (5, 7, 4)

AFFINES = {
    "canonical": np.diag([-1.0, -1, 1, 1]),
    "flipped": np.array([[1.0, 0, 0, -9], [0, 1, 0, 8], [0, 0, -1, 70], [0, 0, 0, 1]]),
    "permuted": np.array([[0.0, 0, -1, 12], [1, 0, 0, -3], [0, -1, 0, 5], [0, 0, 0, 1]]),
    "anisotropic": np.array([[-0.43, 0, 0, 9], [0, -0.47, 0, 8], [0, 0, 6.5, 7], [0, 0, 0, 1]]),
    "oblique": np.array(
        [[0.3, -1.04, 0.72, 4], [0.9, 0.4, -1.2, 5], [0.4, 0.6, 1.92, -6], [0, 0, 0, 1]]
    ),
}
# An orthogonal base, of unequal lengths.
AFFINES["oblique"][:3, :3] = np.linalg.qr(AFFINES["oblique"][:3, :3])[0] * [1.0, 1.3, 2.4]


def whole(path: Path, affine: np.ndarray) -> None:
    voxels = np.random.default_rng(0).permutation(np.arange(140, dtype=np.float32))
    nib.Nifti1Image(voxels.reshape(SHAPE), affine).to_filename(path)


def scaled(path: Path, affine: np.ndarray) -> None:
    voxels = np.random.default_rng(0).permutation(np.arange(140, dtype=np.int16))
    image = nib.Nifti1Image(voxels.reshape(SHAPE), affine)
    image.header.set_slope_inter(0.25, -1024)
    image.to_filename(path)


def four_axes(path: Path, affine: np.ndarray) -> None:
    voxels = np.random.default_rng(0).permutation(np.arange(280, dtype=np.float32))
    nib.Nifti1Image(voxels.reshape(*SHAPE, 2), affine).to_filename(path)


def four_scaled_axes(path: Path, affine: np.ndarray) -> None:
    voxels = np.random.default_rng(0).permutation(np.arange(280, dtype=np.int16))
    image = nib.Nifti1Image(voxels.reshape(*SHAPE, 2), affine)
    image.header.set_slope_inter(0.25, -1024)
    image.to_filename(path)


def without_sform(path: Path, affine: np.ndarray) -> None:
    whole(path, affine)
    image = nib.load(path)
    voxels = np.asarray(image.dataobj)
    image = nib.Nifti1Image(voxels, affine)
    image.set_qform(affine, code=1)
    image.set_sform(None, code=0)
    image.to_filename(path)


def results_of(study: Study, name: str) -> tuple[Path, Path]:
    """Save a mask and a CAM made of a scan's first channel, and give their files."""
    scan = study.scan(name)
    values = scan.volume()[0]
    scan.release()
    low, extent = values.min(), np.ptp(values)
    mask = (values.astype(np.float64) > low + extent / 3).astype(np.uint8)
    cam = (values - low) / extent
    scores = np.ones((scan.slices, 1), np.float32)
    found = Prediction(name, study.class_names, scores, cam[None])
    folder = save_result(study, "m", "run", found, mask, MaskSettings(), scan.geometry)
    return folder / MASK, cam_path(folder, study.class_names[0])


def check(source: Path, mask: Path, cam: Path) -> None:
    """Compare what nibabel and SimpleITK read, each for itself."""
    original = nib.load(source)
    values = np.asarray(original.dataobj).reshape(*original.shape[:3], -1)[..., 0]
    assert_made_of(values, *(np.asarray(nib.load(file).dataobj) for file in (mask, cam)))
    for file in (mask, cam):
        written = nib.load(file)
        assert written.shape == original.shape[:3]
        assert written.affine.tobytes() == original.affine.tobytes()
        assert nib.aff2axcodes(written.affine) == nib.aff2axcodes(original.affine)
    image = sitk.ReadImage(str(source))
    image = image[..., 0] if image.GetDimension() == 4 else image
    results = [sitk.ReadImage(str(file)) for file in (mask, cam)]
    assert_made_of(*map(sitk.GetArrayFromImage, (image, *results)))
    for result in results:
        assert result.GetSize() == image.GetSize()
        assert result.GetOrigin() == image.GetOrigin()
        assert result.GetSpacing() == image.GetSpacing()
        assert result.GetDirection() == image.GetDirection()


def assert_made_of(values: np.ndarray, mask: np.ndarray, cam: np.ndarray) -> None:
    values = values.astype(np.float64)
    low, extent = values.min(), np.ptp(values)
    assert np.array_equal(mask, values > low + extent / 3)
    assert np.abs(cam * extent + low - values).max() < 0.51 * extent / 255


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("write", [whole, scaled, four_axes, four_scaled_axes, without_sform])
def test_results_lie_on_the_scan(
    tmp_path: Path, write: Callable[[Path, np.ndarray], None], affine: np.ndarray
):
    source = tmp_path / "scan.nii.gz"
    write(source, affine)
    channels = ["t1", "t2"] if write in (four_axes, four_scaled_axes) else ["t1"]
    study = Study.create(
        tmp_path / "study", scans={"scan": [source]}, channels=channels, classes=["TC"]
    )
    check(source, *results_of(study, "scan"))


@pytest.mark.data
@pytest.mark.parametrize(("folder", "channel"), [("glioma", "t1c"), ("hippocampus/images", "mri")])
def test_results_lie_on_a_real_scan(data_folder, tmp_path: Path, folder: str, channel: str):
    scans = find_scans(data_folder(folder), [channel])
    name = next(iter(scans))
    study = Study.create(
        tmp_path / "study", scans={name: scans[name]}, channels=[channel], classes=["TC"]
    )
    check(study.files(name)[0], *results_of(study, name))
