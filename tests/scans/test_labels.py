"""Masks of all kinds are read on the voxels of their scan, with numbers or names."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from helpers.dicom_masks import segmentation, structure_set
from helpers.dicom_series import write_series
from helpers.orientations import ORIENTATIONS, affine_of
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.labels import read_labels
from napari_mcwss.scans.reading import read_header, read_mask
from napari_mcwss.study.study import Study

OBLIQUE = np.array(
    [[0, -0.6, 0.8, 5], [1.5, 0, 0, -6], [0, -0.8, -0.6, 7], [0, 0, 0, 1]]
) @ np.diag([1, 0.5, 4, 1])
"""From (column, row, slice) to left, posterior, superior."""

SHAPE = (5, 8, 7)
"""Slices, rows, columns."""


def labels() -> NDArray[np.uint8]:
    """Return a label image ``(slice, row, column)`` in which no two directions look alike."""
    image = np.zeros(SHAPE, np.uint8)
    image[1, 2:4, 1], image[3, 1, 1:5], image[4, 6, 5] = 1, 2, 2
    return image


@pytest.fixture
def series(tmp_path: Path) -> Path:
    voxels = np.zeros(SHAPE, np.int16)
    return write_series(tmp_path / "scans" / "anna", OBLIQUE, voxels)


def on_scan(geometry: Geometry, image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Put a label image of the series on its scan, whose slices are sorted along their normal."""
    return geometry.to_canonical(image[::-1].transpose(2, 1, 0))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("BINARY", {}),
        ("BINARY", {"omit_empty_frames": False}),
        ("LABELMAP", {}),
        ("FRACTIONAL", {"max_fractional_value": 200}),
    ],
)
def test_a_dicom_segmentation_is_drawn_by_the_names_of_its_segments(
    tmp_path, series, kind, options
):
    made = segmentation(series, labels(), kind, **options)
    made.save_as(tmp_path / "anna.dcm")
    geometry = read_header(series).geometry
    read = read_labels(tmp_path / "anna.dcm", geometry)
    assert read.found == ("Liver", "Spleen left")
    for number, name in enumerate(read.found, 1):
        assert np.array_equal(read.voxels([name.upper()]), on_scan(geometry, labels() == number))
    assert not read.voxels(["kidney"]).any()
    with pytest.raises(McwssError, match=r"has names \(Liver, Spleen left\): expected"):
        read.voxels([1])


def test_segments_may_overlap(tmp_path, series):
    both = np.stack([labels() > 0, labels() == 2], -1)
    segmentation(series, both).save_as(tmp_path / "anna.dcm")
    geometry = read_header(series).geometry
    read = read_labels(tmp_path / "anna.dcm", geometry)
    assert np.array_equal(read.voxels(["Liver"]), on_scan(geometry, labels() > 0))
    assert np.array_equal(read.voxels(["Spleen left"]), on_scan(geometry, labels() == 2))


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS[::5])
def test_a_segmentation_lies_right_on_a_scan_stored_in_another_order(tmp_path, series, axes, signs):
    """The scan was converted: its voxels are turned, the segmentation is of the series."""
    segmentation(series, labels()).save_as(tmp_path / "anna.dcm")
    ras = np.diag([-1.0, -1, 1, 1]) @ OBLIQUE
    image = nib.Nifti1Image(labels().transpose(2, 1, 0), ras)
    wanted = np.column_stack([axes, signs])
    turned = image.as_reoriented(wanted)
    turned.to_filename(tmp_path / "anna.nii.gz")
    geometry = read_header(tmp_path / "anna.nii.gz").geometry
    read = read_labels(tmp_path / "anna.dcm", geometry)
    truth = read_mask(tmp_path / "anna.nii.gz")
    assert np.array_equal(read.voxels(["liver"]), truth == 1)
    assert np.array_equal(read.voxels(["spleen left"]), truth == 2)


def test_a_segmentation_of_other_voxels_is_refused(tmp_path, series):
    segmentation(series, labels()).save_as(tmp_path / "anna.dcm")
    right = read_header(series).geometry
    wider, moved = np.diag([1.0, 1, 1.1, 1]), np.eye(4)
    moved[0, 3] = 0.4
    for wrong in (wider, moved):
        other = Geometry.from_source(right.source_shape, right.source_affine @ wrong)
        with pytest.raises(McwssError, match="lies on other voxels than its scan"):
            read_labels(tmp_path / "anna.dcm", other).voxels(["Liver"])
    smaller = Geometry.from_source((7, 8, 3), right.source_affine)
    with pytest.raises(McwssError, match="reaches beyond its scan"):
        read_labels(tmp_path / "anna.dcm", smaller).voxels(["Liver", "Spleen left"])


def test_fractions_are_refused_with_the_reason(tmp_path, series):
    half = np.where(labels() == 1, 0.5, 0)[..., None]
    made = segmentation(series, half, "FRACTIONAL", names=("Liver",))
    made.save_as(tmp_path / "anna.dcm")
    with pytest.raises(McwssError, match="fractions or probabilities: expected a binary one"):
        read_labels(tmp_path / "anna.dcm", read_header(series).geometry)


def slicer_file(path: Path, layers: NDArray[np.uint8], fields: dict[str, object]) -> Geometry:
    """Write layers ``(layer, z, y, x)`` as 3D Slicer does, and return the geometry."""
    several = len(layers) > 1
    size = " ".join(map(str, layers.shape[:0:-1]))
    lines = [
        "NRRD0005",
        "# Complete NRRD file format specification at:",
        "type: unsigned char",
        f"dimension: {4 if several else 3}",
        "space: left-posterior-superior",
        f"sizes: {f'{len(layers)} ' if several else ''}{size}",
        f"space directions: {'none ' if several else ''}(1,0,0) (0,1,0) (0,0,2)",
        f"kinds: {'list ' if several else ''}domain domain domain",
        "encoding: raw",
        "space origin: (0,0,0)",
        *(f"{key}:={value}" for key, value in fields.items()),
        f"Segmentation_ConversionParameters:={'Smoothing factor|0.5|&' * 300}",
        "",
        "",
    ]
    voxels = np.moveaxis(layers, 0, -1) if several else layers[0]
    path.write_bytes("\n".join(lines).encode() + np.ascontiguousarray(voxels).tobytes())
    return read_header(path).geometry


def segment(number: int, **fields: object) -> dict[str, object]:
    color = {f"Segment{number}_Color": "0.5 0.5 0.1", f"Segment{number}_Extent": "0 6 0 7 0 4"}
    return {f"Segment{number}_{key}": value for key, value in fields.items()} | color


def test_segments_of_slicer_have_names_and_values(tmp_path):
    fields = segment(0, ID="Segment_2", Name="Spleen left", LabelValue=2, Layer=0)
    fields |= segment(1, ID="Segment_1", Name="Liver", LabelValue=1, Layer=0)
    geometry = slicer_file(tmp_path / "anna.seg.nrrd", labels()[None], fields)
    read = read_labels(tmp_path / "anna.seg.nrrd", geometry)
    assert read.found == (0, 1, 2, "Spleen left", "Liver")
    for name, number in (("liver", 1), ("spleen left", 2)):
        assert np.array_equal(read.voxels([name]), labels() == number)
        assert np.array_equal(read.voxels([number]), labels() == number)
    assert not read.voxels(["kidney"]).any()


@pytest.mark.parametrize("said", [True, False], ids=["with layers", "as older versions"])
def test_segments_of_slicer_in_several_layers_may_overlap(tmp_path, said):
    layers = np.stack([labels() > 0, labels() == 2, labels() == 1]).astype(np.uint8)
    names = ("Body", "Spleen left", "Lé")
    fields: dict[str, object] = {}
    for number, name in enumerate(names):
        placed = {"LabelValue": 1, "Layer": number} if said else {}
        fields |= segment(number, ID=f"Segment_{number}", Name=name, **placed)
    geometry = slicer_file(tmp_path / "anna.seg.nrrd", layers, fields)
    read = read_labels(tmp_path / "anna.seg.nrrd", geometry)
    assert read.found == names
    for name, layer in zip(names, layers, strict=True):
        assert np.array_equal(read.voxels([name]), layer > 0)
    with pytest.raises(McwssError, match=r"has names \(Body, Spleen left, Lé\): expected"):
        read.voxels([1])


def test_many_segments_of_slicer_share_a_layer(tmp_path):
    fields: dict[str, object] = {}
    for number in range(150):
        tags = "|".join(["Segmentation.Status:inprogress"] * 20)
        value = {"LabelValue": number + 1, "Layer": 0, "Tags": tags}
        fields |= segment(number, Name=f"organ {number + 1}", **value)
    geometry = slicer_file(tmp_path / "anna.seg.nrrd", labels()[None], fields)
    read = read_labels(tmp_path / "anna.seg.nrrd", geometry)
    assert np.array_equal(read.voxels(["organ 2"]), labels() == 2)


@pytest.mark.parametrize(
    "wrong", [{"Layer": 1}, {"Layer": -1}, {"Layer": "x"}, {"LabelValue": "1.5"}]
)
def test_segments_that_are_not_there_are_named(tmp_path, wrong):
    fields = segment(0, **({"Name": "Liver", "LabelValue": 1, "Layer": 0} | wrong))
    geometry = slicer_file(tmp_path / "anna.seg.nrrd", labels()[None], fields)
    with pytest.raises(McwssError, match=r"Liver in layer -?1|is damaged or not"):
        read_labels(tmp_path / "anna.seg.nrrd", geometry)


def test_tags_come_from_the_names_of_segments(run, tmp_path):
    (tmp_path / "masks").mkdir()
    scan, mask = tmp_path / "anna.nrrd", tmp_path / "masks" / "anna.seg.nrrd"
    slicer_file(scan, labels()[None], {})
    fields = segment(0, Name="Liver", LabelValue=1, Layer=0)
    fields |= segment(1, Name="Spleen left", LabelValue=2, Layer=0)
    slicer_file(mask, labels()[None], fields)
    study = tmp_path / "study"
    run("new", study, "--scans", scan.parent, "--class", "liver", "--class", "spleen")
    masks = ("--masks", mask.parent)
    code, _, err = run(
        "tags", "from-masks", study, *masks, "--map", "liver=Liver", "--map", "spleen=spleen left"
    )
    assert code == 0, err
    values = Study.open(study).tags.read("anna").values
    assert values.tolist() == [[0, 0], [1, 0], [0, 0], [0, 1], [0, 1]]


def circle(slice_: float, row: float, column: float, radius: float) -> NDArray[np.float64]:
    """Return a contour in mm, of a circle in voxels of a slice."""
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    voxels = [column + radius * np.cos(angles), row + radius * np.sin(angles)]
    ones = np.ones_like(angles)
    return (OBLIQUE @ np.stack([*voxels, slice_ * ones, ones]))[:3].T


def test_contours_fill_the_voxels_whose_centres_they_enclose(tmp_path, series):
    contours = {
        "Ring": [circle(1, 3.1, 3.2, 3.05), circle(1, 3.1, 3.2, 1.4), circle(2, 3, 3, 1.2)],
        "Core": [circle(1, 3.1, 3.2, 1.4)],
    }
    structure_set(tmp_path / "anna.dcm", contours)
    geometry = read_header(series).geometry
    read = read_labels(tmp_path / "anna.dcm", geometry)
    assert read.found == ("Ring", "Core")
    row, column = np.indices(SHAPE[1:])
    away = np.hypot(row - 3.1, column - 3.2)
    ring, core = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    ring[1], core[1] = (away < 3.05) & (away >= 1.4), away < 1.4
    ring[2] = np.hypot(row - 3, column - 3) < 1.2
    assert np.array_equal(read.voxels(["ring"]), on_scan(geometry, ring))
    assert np.array_equal(read.voxels(["core"]), on_scan(geometry, core))
    assert np.array_equal(read.voxels(["ring", "core"]), on_scan(geometry, ring | core))


def test_contours_that_are_not_of_this_scan_are_refused(tmp_path, series):
    geometry = read_header(series).geometry
    structure_set(tmp_path / "anna.dcm", {"a": [circle(1.5, 3, 3, 2)], "b": [circle(9, 3, 3, 2)]})
    read = read_labels(tmp_path / "anna.dcm", geometry)
    with pytest.raises(McwssError, match="between the slices"):
        read.voxels(["a"])
    with pytest.raises(McwssError, match="beyond its scan"):
        read.voxels(["b"])


def test_points_and_open_lines_are_left_out_by_name(tmp_path, series):
    structure_set(tmp_path / "anna.dcm", {"wire": [circle(1, 3, 3, 2)]}, "OPEN_NONPLANAR")
    with pytest.warns(UserWarning, match="enclose no voxels: left out of wire"):
        read = read_labels(tmp_path / "anna.dcm", read_header(series).geometry)
    assert not read.voxels(["wire"]).any()


GRID = Geometry.from_source((7, 8, 5), affine_of((0, 2, 1), (1, -1, 1)))


def write(path: Path, voxels: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(voxels, GRID.source_affine).to_filename(path)
    return path


def test_a_folder_has_a_mask_for_each_class(tmp_path):
    stored = labels().transpose(2, 1, 0)
    write(tmp_path / "p1" / "segmentations" / "liver.nii.gz", (stored == 1) * np.uint8(255))
    write(tmp_path / "p1" / "segmentations" / "spleen.nii.gz", (stored == 2).astype(np.uint8))
    scan = write(tmp_path / "p1" / "ct.nii.gz", stored)
    found = find_masks("segmentations", {"p1": scan})
    read = read_labels(found["p1"], GRID)
    assert read.found == ("liver", "spleen")
    assert np.array_equal(read.voxels(["liver"]), GRID.to_canonical(stored == 1))
    assert np.array_equal(read.voxels(["liver", "spleen"]), GRID.to_canonical(stored > 0))


def test_a_file_of_several_classes_is_not_the_mask_of_one(tmp_path):
    write(tmp_path / "p1" / "all.nii", labels().transpose(2, 1, 0))
    with pytest.raises(McwssError, match=r"all\.nii' has 2 values: expected one"):
        read_labels(tmp_path / "p1", GRID).voxels(["all"])


def test_folders_of_scans_are_no_masks(tmp_path):
    scan = write(tmp_path / "p1" / "ct.nii.gz", labels().transpose(2, 1, 0))
    with pytest.raises(McwssError, match="no mask in"):
        find_masks(str(tmp_path), {"p1": scan})


def test_masks_of_dicom_are_found_in_a_folder_by_the_names_of_scans(tmp_path, series):
    masks = tmp_path / "masks"
    masks.mkdir()
    segmentation(series, labels()).save_as(masks / "anna.dcm")
    structure_set(masks / "bea_seg.dcm", {"a": [circle(1, 3, 3, 2)]})
    files = {"anna": series, "bea": series.with_name("bea")}
    found = find_masks(str(masks), files)
    assert {scan: path.name for scan, path in found.items()} == {
        "anna": "anna.dcm",
        "bea": "bea_seg.dcm",
    }


def test_a_folder_beside_the_series_may_hold_its_segmentation(tmp_path, series):
    folder = series.parent / "seg"
    folder.mkdir()
    segmentation(series, labels()).save_as(folder / "1-1.dcm")
    geometry = read_header(series).geometry
    read = read_labels(find_masks("seg", {"anna": series})["anna"], geometry)
    assert np.array_equal(read.voxels(["liver"]), on_scan(geometry, labels() == 1))


def test_a_channel_for_each_class_counts_from_one(tmp_path):
    stored = labels().transpose(2, 1, 0)
    path = write(tmp_path / "a.nii", np.stack([stored > 0, stored == 2], -1).astype(np.uint8))
    read = read_labels(path, GRID)
    assert read.found == (1, 2)
    assert np.array_equal(read.voxels([1]), GRID.to_canonical(stored > 0))
    assert np.array_equal(read.voxels([2]), GRID.to_canonical(stored == 2))
    with pytest.raises(McwssError, match="has no names of classes"):
        read.voxels(["liver"])


def test_a_channel_of_background_counts_as_zero(tmp_path):
    stored = labels().transpose(2, 1, 0)
    one_hot = np.stack([stored == k for k in range(3)], -1).astype(np.float32)
    path = write(tmp_path / "a.nii", one_hot)
    with pytest.warns(UserWarning, match="the first is taken for the background"):
        read = read_labels(path, GRID)
    assert read.found == (0, 1, 2)
    assert np.array_equal(read.voxels([2]), GRID.to_canonical(stored == 2))


@pytest.mark.parametrize("channels", [1, 2])
def test_probabilities_are_refused_with_the_reason(tmp_path, channels):
    stored = np.random.default_rng(0).random((7, 8, 5, channels)).astype(np.float32)
    path = write(tmp_path / "a.nii", stored.squeeze())
    with pytest.raises(McwssError, match=r"holds probabilities, such as 0\.\d+.*threshold it"):
        read_labels(path, GRID)


def test_channels_of_other_values_are_refused(tmp_path):
    path = write(tmp_path / "a.nii", np.full((7, 8, 5, 2), 3, np.uint8))
    with pytest.raises(McwssError, match="2 channels with values from 3 to 3: expected"):
        read_labels(path, GRID)


@pytest.mark.parametrize("value", [2**31, 2**40, -(2**33)])
def test_values_beyond_32_bits_are_refused_and_not_wrapped(tmp_path, value):
    stored = np.zeros((5, 8, 7), np.int64)
    stored[0, 0, 0] = value
    sitk.WriteImage(sitk.GetImageFromArray(stored), str(tmp_path / "a.nrrd"))
    geometry = read_header(tmp_path / "a.nrrd").geometry
    with pytest.raises(McwssError, match="holds values from"):
        read_labels(tmp_path / "a.nrrd", geometry)
