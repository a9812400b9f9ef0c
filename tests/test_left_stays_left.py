"""What lies on the patient's left does so in every layer, model, mask and export.

A finding is drawn on the left of the patient and stored in files of several formats and orders.
Their geometry is judged by nibabel and SimpleITK.
"""

import base64
import io
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from helpers.dicom_series import write_series
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

import napari_mcwss as mcwss
from napari_mcwss.export.drawing import GAP, LINE
from napari_mcwss.segmentation.results import load_mask, load_result
from napari_mcwss.study.study import Study

SHAPE = (8, 30, 26)
"""Slices from below, rows from the front, columns from the patient's right."""

SPACING = (4.0, 1.5, 1.25)

CENTRE = -16.0
"""Left of column 0, in mm: the patient's middle lies between the columns."""

HERE = np.s_[2:5, 8:15, 17:23]
"""The finding: a column of 13 and more is on the left."""


def truth() -> NDArray[np.bool_]:
    found = np.zeros(SHAPE, bool)
    found[HERE] = True
    return found


def head(seed: int) -> NDArray[np.int16]:
    """Return a scan (z, y, x): a round head, with a bright finding."""
    _, y, x = np.indices(SHAPE)
    inside = ((y - 14.5) / 14) ** 2 + ((x - 12.5) / 12) ** 2 < 1
    noise = np.random.default_rng(seed).normal(0, 8, SHAPE)
    return (inside * (200 + noise) + truth() * 300).astype(np.int16)


LPS = np.array(
    [[SPACING[2], 0, 0, CENTRE], [0, SPACING[1], 0, -20], [0, 0, SPACING[0], 5], [0, 0, 0, 1]]
)
"""From (column, row, slice) to left, posterior, superior."""

RAS = np.diag([-1.0, -1, 1, 1]) @ LPS


def nifti(folder: Path, voxels: NDArray[np.int16], codes: str) -> Path:
    image = nib.Nifti1Image(voxels.transpose(2, 1, 0), RAS)
    wanted = nib.orientations.axcodes2ornt(codes)
    change = nib.orientations.ornt_transform(nib.io_orientation(image.affine), wanted)
    image.as_reoriented(change).to_filename(folder / "t1.nii.gz")
    return folder / "t1.nii.gz"


def itk(folder: Path, voxels: NDArray[np.int16], suffix: str) -> Path:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(SPACING[::-1])
    image.SetOrigin([CENTRE, -20, 5])
    sitk.WriteImage(sitk.DICOMOrient(image, "RAS"), str(folder / f"t1{suffix}"))
    return folder / f"t1{suffix}"


WRITERS = {
    "ras": lambda folder, voxels: nifti(folder, voxels, "RAS"),
    "las": lambda folder, voxels: nifti(folder, voxels, "LAS"),
    "psr": lambda folder, voxels: nifti(folder, voxels, "PSR"),
    "nrrd": lambda folder, voxels: itk(folder, voxels, ".nrrd"),
    "mha": lambda folder, voxels: itk(folder, voxels, ".mha"),
    "mgz": lambda folder, voxels: mgz(folder, voxels),
    "dicom": lambda folder, voxels: write_series(folder / "t1", LPS, voxels),
}


def mgz(folder: Path, voxels: NDArray[np.int16]) -> Path:
    nib.MGHImage(voxels.transpose(2, 1, 0)[::-1].astype(np.float32), flipped()).to_filename(
        folder / "t1.mgz"
    )
    return folder / "t1.mgz"


def flipped() -> NDArray[np.float64]:
    """Return the affine of voxels whose first axis is reversed."""
    back = np.diag([-1.0, 1, 1, 1])
    back[0, 3] = SHAPE[2] - 1
    return RAS @ back


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    folder = tmp_path_factory.mktemp("left")
    scans = {}
    for seed, (name, write) in enumerate(WRITERS.items()):
        (folder / name).mkdir()
        scans[name] = [write(folder / name, head(seed))]
    study = mcwss.Study.create(folder / "study", scans=scans, channels=["t1"], classes=["lesion"])
    for name in study.scan_names:
        for number, found in enumerate(truth().any((1, 2))):
            study.tags[name][number, "lesion"] = mcwss.PRESENT if found else mcwss.ABSENT
    return study


def left_of_the_middle(array: NDArray[np.generic], affine: NDArray[np.float64]) -> float:
    """Return how far left of the middle an array (i, j, k) has its weight, in mm; RAS affine."""
    weights = np.asarray(array, float)
    place = [np.average(index, weights=weights) for index in np.indices(weights.shape)]
    return float(-(affine @ [*place, 1])[0])


@pytest.mark.parametrize("name", WRITERS)
def test_it_is_read_there(study, name):
    scan = study.scan(name)
    assert scan.geometry.shape == SHAPE
    bright = scan.volume()[0] > 400
    assert np.array_equal(bright, head(list(WRITERS).index(name)) > 400)
    # Of (z, y, x), the affine gives superior, posterior, left.
    centre = np.array([np.average(index, weights=bright) for index in np.indices(bright.shape)])
    assert (scan.geometry.affine @ [*centre, 1])[2] == pytest.approx(CENTRE + 1.25 * 19.5, abs=0.5)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "dicom"])
def test_it_is_shown_there(study, name):
    from napari_mcwss.plugin.reader_writer import read_layers

    ((data, attributes, _),) = read_layers(str(study.files(name)[0]))
    assert all(size > 0 for size in attributes["scale"])
    # As radiologists look at it, the patient's left is on the right of the screen.
    assert np.argwhere(data > 400)[:, 2].min() > data.shape[2] / 2


@pytest.mark.slow
def test_it_is_learnt_and_found_there(study):
    quick = {"preset": "local", "epochs": 25, "width": 4, "device": "cpu", "seed": 1}
    study.train("tiny", scans=["ras", "las", "psr", "mha"], progress=False, **quick)
    for name in ("nrrd", "dicom", "mgz"):
        study.segment(name, "tiny", ignore_tags=True, progress=False)
        found = load_result(study, "tiny", name)
        assert found is not None
        cam = found.cams[0]
        assert cam[HERE].mean() > 2 * cam[..., :13].mean()
        surest = np.unravel_index(np.argsort(cam, axis=None)[-50:], cam.shape)
        assert (surest[2] >= 13).all()
        mask = load_mask(study, "tiny", name) == 1
        assert mask[HERE].mean() > 2 * mask[..., :13].mean()


@pytest.fixture
def segmented_left(study, give_results):
    give_results(study, dict.fromkeys(study.scan_names, truth().astype(np.uint8)))
    return study


WHERE = pytest.approx(CENTRE + 1.25 * 19.5, abs=1e-3)


def places_of(letter: str, pixels: NDArray[np.uint8]) -> set[int]:
    """Return the columns at which figures have a letter, as it is drawn there."""
    glyph = Image.new("L", (20, 20))
    ImageDraw.Draw(glyph).text((4, 0), letter, 255, ImageFont.load_default(14))
    bright = np.asarray(glyph) == 255
    rows, columns = np.nonzero(bright)
    # What is around the letter is not white, or every white block would be each letter.
    box = np.s_[rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2]
    windows = np.lib.stride_tricks.sliding_window_view((pixels == 255).all(-1), bright[box].shape)
    return {*np.nonzero((windows == bright[box]).all((-2, -1)))[1].tolist()}


def coloured(pixels: NDArray[np.uint8], colour: str) -> NDArray[np.intp]:
    """Return the columns of pixels in the full colour of a class, as contours have it."""
    return np.nonzero((pixels == ImageColor.getrgb(colour)[:3]).all(-1))[1]


def check_figures(folder: Path, study: Study) -> None:
    """Check that the finding is on the side of the L in figures."""
    for name in study.scan_names:
        path = next(folder.glob(f"{name}_*.png"))
        with Image.open(path) as figure:
            pixels = np.asarray(figure)
        # The scan, the CAM and the mask side by side, without texts and margins around them.
        width = (pixels.shape[1] - GAP) // 3
        inside = pixels[2 * LINE : -LINE - 2 * GAP]
        scan, _, mask = (inside[:, n * width + GAP : (n + 1) * width] for n in range(3))
        (left,), (right,) = places_of("L", scan), places_of("R", scan)
        columns = coloured(mask, study.classes[0].colour)
        assert right < width / 2 < left
        assert columns.size > 50
        assert columns.min() > width / 2


def check_report(path: Path, study: Study) -> None:
    """Check that the finding is on the side of the L in the report's pictures."""
    page = path.read_text(encoding="utf-8")
    assert page.count('class="mark right-side">R<') >= len(study.scan_names)
    assert page.count('class="mark left-side">L<') >= len(study.scan_names)
    assert re.search(r"\.right-side \{ left: ", page)
    assert re.search(r"\.left-side \{ right: ", page)
    for name in study.scan_names:
        found = re.search(rf'base64,([^"]*)"[^>]*alt="{name}, slice \d: mask"', page)
        assert found
        with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
            pixels = np.asarray(picture)
        columns = coloured(pixels, study.classes[0].colour)
        assert columns.size > 50
        assert columns.min() > pixels.shape[1] / 2


def test_its_mask_is_written_there(segmented_left):
    for name in segmented_left.scan_names:
        path = segmented_left.result_folder("model-1", name) / "mask.nii.gz"
        image = nib.load(path)
        assert left_of_the_middle(np.asarray(image.dataobj), image.affine) == WHERE
        judged = sitk.ReadImage(str(path))
        z, y, x = np.argwhere(sitk.GetArrayFromImage(judged)).mean(axis=0)
        assert judged.TransformContinuousIndexToPhysicalPoint([x, y, z])[0] == WHERE


def test_it_is_exported_there(segmented_left, run, tmp_path):
    def export(kind: str, name: str) -> Path:
        out = tmp_path / name
        assert run("export", kind, segmented_left.folder, out, "--model", "model-1")[0] in (0, 2)
        return out

    labels = sorted((export("nnunet", "Dataset501_Left") / "labelsTr").glob("*.nii.gz"))
    masks = sorted(export("bids", "derivatives").rglob("*_dseg.nii.gz"))
    assert len(labels) == len(masks) == len(WRITERS)
    for path in (*labels, *masks):
        image = nib.load(path)
        voxels = np.asarray(image.dataobj) == 1
        assert left_of_the_middle(voxels, image.affine) == WHERE
    check_figures(export("figures", "figures"), segmented_left)
    check_report(export("report", "report.html"), segmented_left)
    hd = pytest.importorskip("highdicom", reason="highdicom is not installed")
    segmentation = hd.seg.segread(export("dicom-seg", "seg") / "dicom.dcm")
    volume = segmentation.get_volume(combine_segments=True)
    place = np.argwhere(volume.array).mean(axis=0)
    assert (volume.affine @ [*place, 1])[0] == WHERE
