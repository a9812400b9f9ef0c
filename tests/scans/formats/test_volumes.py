"""NRRD, MetaImage, FreeSurfer's and Analyze's volumes lie where nibabel and ITK find them."""

import gzip
import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from helpers.orientations import ORIENTATIONS, SHAPE, affine_of, turned

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.scans.writing import write_volume

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

AFFINES = {
    **{f"{axes}{signs}": affine_of(axes, signs) for axes, signs in ORIENTATIONS},
    "oblique": turned(17) @ turned(-8, (1, 2)) @ affine_of((2, 0, 1), (1, -1, -1)),
    "anisotropic": affine_of((0, 1, 2), (-1, -1, 1), (0.43, 0.43, 6.5)),
    "not exact in float32": affine_of((1, 0, 2), (1, 1, -1), (0.1, 1 / 3, 0.7), (0.1, 0.2, 0.3)),
}

ITK = ("a.nrrd", "a.nhdr", "a.mha", "a.mhd")

OBLIQUE = AFFINES["oblique"]


def voxels_of(shape=SHAPE):
    return np.random.default_rng(0).integers(0, 4, shape).astype(np.int16)


def save(path, voxels, affine, **settings):
    """Write a volume as the program does that the format comes from."""
    if path.suffix in (".mgh", ".mgz"):
        nib.MGHImage(voxels, affine).to_filename(path)
        return path
    image = sitk.GetImageFromArray(voxels.transpose(2, 1, 0))
    axes = RAS_FROM_LPS @ affine
    sizes = np.linalg.norm(axes[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((axes[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(axes[:3, 3].tolist())
    sitk.WriteImage(image, str(path), **settings)
    return path


def refused(path, match, read=read_header):
    with pytest.raises(McwssError, match=match) as told:
        read(path)
    assert "\n" not in str(told.value)


def volume_of(path):
    return read_scan("a", ["t1"], [path]).volume()[0]


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_every_format_lies_on_the_voxels_of_its_nifti(tmp_path, affine):
    nib.Nifti1Image(voxels_of(), affine).to_filename(tmp_path / "a.nii")
    for name in (*ITK, "a.mgh", "a.mgz"):
        save(tmp_path / name, voxels_of(), affine)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scan = read_scan("a", ["n", "x"], [tmp_path / "a.nii", tmp_path / name])
        np.testing.assert_array_equal(*scan.volume(), err_msg=name)
        mask = read_mask(tmp_path / name, scan.geometry)
        np.testing.assert_array_equal(mask, scan.volume()[0], err_msg=name)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_a_mask_comes_back_onto_the_very_voxels_of_its_scan(tmp_path, affine):
    mask = voxels_of().astype(np.uint8)
    for name in ("a.nrrd", "a.mha"):
        source, written = save(tmp_path / name, mask, affine), tmp_path / f"mask-{name}"
        geometry = read_header(source).geometry
        write_volume(written, read_mask(source, geometry), geometry, dtype=np.uint8)
        one, other = sitk.ReadImage(str(source)), sitk.ReadImage(str(written))
        assert one.GetSize() == other.GetSize()
        assert one.GetPixelIDTypeAsString() == other.GetPixelIDTypeAsString()
        np.testing.assert_array_equal(*map(sitk.GetArrayFromImage, (one, other)))
        # A direction is stored as three numbers of 17 digits.
        for get in ("GetOrigin", "GetSpacing", "GetDirection"):
            pair = [getattr(image, get)() for image in (one, other)]
            np.testing.assert_allclose(*pair, rtol=0, atol=1e-15, err_msg=f"{name} {get}")
            if affine is not OBLIQUE and get != "GetSpacing":
                np.testing.assert_array_equal(*pair)
        assert (read_header(written).geometry.source_affine - geometry.source_affine == 0).all()


def test_a_cam_is_written_at_its_values(tmp_path):
    geometry = read_header(save(tmp_path / "a.nrrd", voxels_of(), OBLIQUE)).geometry
    cam = np.random.default_rng(0).random(geometry.shape, np.float32)
    for name in ("cam.nrrd", "cam.mha"):
        write_volume(tmp_path / name, cam, geometry, dtype=np.uint8, scale=1 / 255)
        np.testing.assert_allclose(volume_of(tmp_path / name), cam, atol=0.51 / 255)


@pytest.mark.parametrize("name", ["b.nhdr", "b.mhd", "b.mgz", "b.hdr"])
def test_what_is_only_read_is_not_written(tmp_path, name):
    geometry = read_header(save(tmp_path / "a.nrrd", voxels_of(), OBLIQUE)).geometry
    with pytest.raises(McwssError, match=r"ends in \.nii\.gz or \.nii or \.nrrd or \.mha"):
        write_volume(tmp_path / name, voxels_of(geometry.shape), geometry, dtype=np.uint8)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ITK)
def test_compressed_or_not(tmp_path, name, compressed):
    path = save(tmp_path / name, voxels_of(), OBLIQUE, useCompression=compressed)
    geometry = read_header(path).geometry
    np.testing.assert_array_equal(geometry.to_source(volume_of(path)), voxels_of())


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_further_axes_and_components_are_channels(tmp_path, name):
    parts = [sitk.GetImageFromArray(voxels_of() + np.int16(n)) for n in range(2)]
    for whole in (sitk.JoinSeries(parts), sitk.Compose(parts)):
        sitk.WriteImage(whole, str(tmp_path / name))
        volume = read_scan("a", ["r", "s"], [tmp_path / name]).volume()
        np.testing.assert_array_equal(volume, [voxels_of(), voxels_of() + 1])


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_two_axes_are_one_slice(tmp_path, name):
    sitk.WriteImage(sitk.GetImageFromArray(voxels_of()[0]), str(tmp_path / name))
    np.testing.assert_array_equal(volume_of(tmp_path / name)[0], voxels_of()[0])


def test_nrrd_of_other_spaces_and_without_one(tmp_path):
    path = save(tmp_path / "a.nrrd", voxels_of(), affine_of((0, 1, 2), (-1, -1, 1)))
    ras = path.read_bytes().replace(b"left-posterior-superior", b"right-anterior-superior")
    (tmp_path / "b.nrrd").write_bytes(ras)
    np.testing.assert_array_equal(volume_of(tmp_path / "b.nrrd"), volume_of(path)[:, ::-1, ::-1])
    lines = [b"NRRD0004", b"type: short", b"dimension: 3", b"sizes: 3 4 5", b"spacings: 1 2 3"]
    lines += [b"encoding: raw", b"endian: little", b"", voxels_of().T.astype("<i2").tobytes()]
    (tmp_path / "c.nrrd").write_bytes(b"\n".join(lines))
    geometry = read_header(tmp_path / "c.nrrd").geometry
    assert geometry.spacing == (3, 2, 1)
    assert not geometry.oriented


def test_scans_and_masks_of_each_format_are_found(tmp_path):
    for scan in ("anna", "ben"):
        (tmp_path / scan).mkdir()
        for stem in ("t1", "flair", "seg"):
            for suffix in (".mhd", ".nhdr"):
                if (stem == "seg") == (suffix == ".nhdr"):
                    save(tmp_path / scan / f"{stem}{suffix}", voxels_of(), OBLIQUE)
    found = find_scans(tmp_path, ["flair", "t1"])
    names = [[path.name for path in files] for files in found.values()]
    assert list(found) == ["anna", "ben"]
    assert names == [["flair.mhd", "t1.mhd"]] * 2
    masks = find_masks("seg", {name: files[0] for name, files in found.items()})
    assert {path.name for path in masks.values()} == {"seg.nhdr"}


class TestAnalyze:
    def test_its_side_is_a_guess_that_is_told(self, tmp_path):
        image = nib.AnalyzeImage(voxels_of(), None)
        image.header.set_zooms((1, 2, 3))
        image.to_filename(tmp_path / "a.hdr")
        with pytest.warns(UserWarning, match=r"a\.hdr' is Analyze, which does not say which side"):
            geometry = read_header(tmp_path / "a.hdr").geometry
        assert geometry.spacing == (3, 2, 1)
        assert not geometry.oriented
        with pytest.warns(UserWarning, match="Analyze"):
            np.testing.assert_array_equal(volume_of(tmp_path / "a.hdr"), voxels_of().T[:, ::-1])

    @pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Spm2AnalyzeImage])
    def test_what_says_its_place_is_read_there(self, tmp_path, kind):
        affine = affine_of((0, 1, 2), (-1, 1, 1))
        kind(voxels_of(), affine).to_filename(tmp_path / "a.hdr")
        geometry = read_header(tmp_path / "a.hdr").geometry
        np.testing.assert_allclose(geometry.source_affine, affine, atol=1e-5)
        assert geometry.oriented
        np.testing.assert_array_equal(
            geometry.to_source(volume_of(tmp_path / "a.hdr")), voxels_of()
        )

    def test_missing_voxels_are_named(self, tmp_path):
        nib.Nifti1Pair(voxels_of(), np.eye(4)).to_filename(tmp_path / "a.hdr")
        (tmp_path / "a.img").unlink()
        refused(tmp_path / "a.hdr", r"a\.hdr' has its voxels in 'a\.img', which is missing")

    def test_voxels_that_end_early(self, tmp_path):
        nib.Nifti1Pair(voxels_of(), np.eye(4)).to_filename(tmp_path / "a.hdr")
        (tmp_path / "a.img").write_bytes((tmp_path / "a.img").read_bytes()[:-1])
        refused(tmp_path / "a.hdr", "120 bytes of voxels, and it holds 119 bytes")


class TestDamage:
    @pytest.mark.parametrize("name", ["a.nhdr", "a.mhd"])
    def test_missing_voxels_are_named(self, tmp_path, name):
        path = save(tmp_path / name, voxels_of(), OBLIQUE, useCompression=False)
        (tmp_path / "a.raw").unlink()
        refused(path, r"has its voxels in 'a\.raw', which is missing")

    @pytest.mark.parametrize(
        ("name", "field", "more"),
        [
            ("a.nrrd", b"sizes: 3 4 5", b"sizes: 30000 40000 50000"),
            ("a.mha", b"DimSize = 3 4 5", b"DimSize = 30000 40000 50000"),
        ],
    )
    @pytest.mark.parametrize("compressed", [True, False])
    def test_a_header_that_speaks_of_more_than_the_file_holds(
        self, tmp_path, name, field, more, compressed
    ):
        path = save(tmp_path / name, voxels_of(), OBLIQUE, useCompression=compressed)
        path.write_bytes(path.read_bytes().replace(field, more))
        refused(path, r"109\.1 TiB of voxels, and it holds")

    @pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mgh", "a.mgz"])
    def test_what_ends_early_or_is_another_file(self, tmp_path, name):
        whole = save(tmp_path / name, voxels_of((30, 20, 10)), OBLIQUE).read_bytes()
        for content in (b"", b"hello\n" * 99, whole[:40], whole[: len(whole) // 2]):
            (tmp_path / f"b-{name}").write_bytes(content)
            refused(tmp_path / f"b-{name}", f"b-{name}", volume_of)

    def test_a_packed_header_of_freesurfer_that_is_too_large(self, tmp_path):
        path = save(tmp_path / "a.mgh", voxels_of(), OBLIQUE)
        content = path.read_bytes()
        content = content[:4] + np.array([30000] * 3, ">i4").tobytes() + content[16:]
        (tmp_path / "b.mgz").write_bytes(gzip.compress(content))
        refused(tmp_path / "b.mgz", r"49\.1 TiB of voxels")


class TestHeadersThatWouldCrashItk:
    """ITK itself ends the whole program over these, or reads memory that is not the file's."""

    def write(self, path, old: bytes, new: bytes):
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5), np.int16)), str(path))
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new, 1))
        return path

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"encoding: raw", b"x" * 2000 + b"\nencoding: raw"),
            (b"type: short", b"type: " + b"x" * 2000),
            (b"kinds:", b"k" * 2000 + b":"),
        ],
    )
    def test_of_nrrd(self, tmp_path, old, new):
        with pytest.raises(McwssError, match="a line that is no field"):
            read_header(self.write(tmp_path / "a.nrrd", old, new))

    def test_long_keys_of_the_user_are_read(self, tmp_path):
        text = b"encoding: raw\nterms:=" + b"x" * 3000
        assert read_header(self.write(tmp_path / "a.nrrd", b"encoding: raw", text)).channels == 1

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"NDims = 3", b"NDims = " + b"1" * 300),
            (b"NDims = 3", b"NDims = 99"),
            (b"ElementDataFile = LOCAL", b"ElementDataFile = %d%d%d%d.raw 1 3 1"),
            (b"ElementDataFile = LOCAL", b"ElementDataFile = %n.raw 1 3 1"),
        ],
    )
    def test_of_metaimage(self, tmp_path, old, new):
        with pytest.raises(McwssError, match=r"NDims is|names the files of its voxels as"):
            read_header(self.write(tmp_path / "a.mha", old, new))
