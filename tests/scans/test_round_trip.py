"""A mask comes back onto the very voxels of its scan, to the last bit."""

import nibabel as nib
import numpy as np
import pytest
from helpers.orientations import ORIENTATIONS, SHAPE, affine_of, turned

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.scans.writing import write_volume

AFFINES = {
    **{f"{axes}{signs}": affine_of(axes, signs) for axes, signs in ORIENTATIONS},
    "oblique": turned(17) @ turned(-8, (1, 2)) @ affine_of((2, 0, 1), (1, -1, -1)),
    "anisotropic": affine_of((0, 1, 2), (-1, -1, 1), (0.43, 0.43, 6.5)),
    "not exact in float32": affine_of((1, 0, 2), (1, 1, -1), (0.1, 1 / 3, 0.7), (0.1, 0.2, 0.3)),
}


def mask_of(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 4, shape).astype(np.uint8)


def save(path, voxels, affine, *, image_class=nib.Nifti1Image, sform=1, qform=1):
    image = image_class(voxels, affine)
    image.set_sform(affine if sform else None, code=sform)
    image.set_qform(affine if qform else None, code=qform)
    image.to_filename(path)
    return path


def write_back(path, source, **settings):
    """Read a mask file in canonical order and write what was read."""
    geometry = read_header(source).geometry
    write_volume(path, read_mask(source, geometry), geometry, dtype=np.uint8, **settings)


def assert_same_grid(path, source):
    written, original = nib.load(path), nib.load(source)
    assert type(written) is type(original)
    assert written.shape == original.shape[:3]
    for field in ("qform_code", "sform_code", "xyzt_units", "qoffset_x", "quatern_b", "srow_x"):
        np.testing.assert_array_equal(written.header[field], original.header[field], err_msg=field)
    assert written.affine.tobytes() == original.affine.tobytes()
    np.testing.assert_array_equal(written.header["pixdim"][:4], original.header["pixdim"][:4])


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_mask_is_bit_identical(tmp_path, affine):
    mask = mask_of(SHAPE)
    source = save(tmp_path / "source.nii.gz", mask, affine)
    write_back(tmp_path / "mask.nii.gz", source)
    assert_same_grid(tmp_path / "mask.nii.gz", source)
    written = nib.load(tmp_path / "mask.nii.gz")
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(written.dataobj), mask)


@pytest.mark.parametrize(("sform", "qform"), [(0, 1), (1, 0), (2, 1), (4, 3), (0, 2)])
def test_codes_are_kept(tmp_path, sform, qform):
    affine = turned(17) @ turned(-8, (1, 2)) @ affine_of((2, 0, 1), (1, -1, -1))
    source = save(tmp_path / "source.nii", mask_of(SHAPE), affine, sform=sform, qform=qform)
    write_back(tmp_path / "mask.nii", source)
    assert_same_grid(tmp_path / "mask.nii", source)


def test_sform_and_qform_that_disagree_are_both_kept(tmp_path):
    image = nib.Nifti1Image(mask_of(SHAPE), np.eye(4))
    image.set_sform(affine_of((0, 1, 2), (1, 1, 1)), code=4)
    image.set_qform(turned(30) @ affine_of((0, 1, 2), (-1, 1, 1)), code=1)
    image.to_filename(tmp_path / "source.nii")
    write_back(tmp_path / "mask.nii", tmp_path / "source.nii")
    assert_same_grid(tmp_path / "mask.nii", tmp_path / "source.nii")


def test_file_without_codes_stays_without(tmp_path):
    source = save(tmp_path / "source.nii", mask_of(SHAPE), np.eye(4), sform=0, qform=0)
    write_back(tmp_path / "mask.nii", source)
    assert_same_grid(tmp_path / "mask.nii", source)


def test_nifti2_keeps_its_double_precision(tmp_path):
    affine = turned(17.123456789) @ affine_of((1, 2, 0), (1, -1, 1))
    source = save(tmp_path / "source.nii.gz", mask_of(SHAPE), affine, image_class=nib.Nifti2Image)
    write_back(tmp_path / "mask.nii.gz", source)
    assert_same_grid(tmp_path / "mask.nii.gz", source)


@pytest.mark.parametrize("order", "<>")
def test_byte_order_of_the_source_does_not_matter(tmp_path, order):
    mask = mask_of(SHAPE).astype(f"{order}i2")
    image = nib.Nifti1Image(mask, affine_of((1, 0, 2), (1, 1, -1)))
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(mask.dtype)
    nib.Nifti1Image(mask, image.affine, header).to_filename(tmp_path / "source.nii")
    write_back(tmp_path / "mask.nii", tmp_path / "source.nii")
    assert_same_grid(tmp_path / "mask.nii", tmp_path / "source.nii")
    np.testing.assert_array_equal(nib.load(tmp_path / "mask.nii").dataobj, mask)


def test_mask_of_a_4d_scan_is_3d(tmp_path):
    affine = affine_of((2, 0, 1), (1, -1, -1))
    source = tmp_path / "source.nii.gz"
    nib.Nifti1Image(np.zeros((*SHAPE, 2), np.float32), affine).to_filename(source)
    geometry = read_scan("scan", ["t1", "t2"], [source]).geometry
    mask = mask_of(geometry.shape)
    write_volume(tmp_path / "mask.nii.gz", mask, geometry, dtype=np.uint8)
    written = nib.load(tmp_path / "mask.nii.gz")
    assert written.shape == SHAPE
    assert written.affine.tobytes() == nib.load(source).affine.tobytes()
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", geometry), mask)


def test_microns_are_read_as_millimetres_and_written_as_microns(tmp_path):
    image = nib.Nifti1Image(mask_of(SHAPE), np.diag([500.0, 250, 2000, 1]))
    image.header.set_xyzt_units("micron")
    image.to_filename(tmp_path / "source.nii")
    assert read_header(tmp_path / "source.nii").geometry.spacing == (2, 0.25, 0.5)
    write_back(tmp_path / "mask.nii", tmp_path / "source.nii")
    assert_same_grid(tmp_path / "mask.nii", tmp_path / "source.nii")


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_simpleitk_finds_the_mask_on_the_voxels_of_the_scan(tmp_path, affine):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    source = save(tmp_path / "source.nii.gz", mask_of(SHAPE), affine)
    write_back(tmp_path / "mask.nii.gz", source)
    original = sitk.ReadImage(str(source))
    written = sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    assert written.GetSize() == original.GetSize()
    assert written.GetOrigin() == original.GetOrigin()
    assert written.GetSpacing() == original.GetSpacing()
    assert written.GetDirection() == original.GetDirection()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(original))


def test_simpleitk_finds_a_geometry_without_a_file(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    affine = turned(20) @ affine_of((2, 0, 1), (1, -1, -1))
    geometry = Geometry.from_source(SHAPE, affine)
    mask = mask_of(geometry.shape)
    write_volume(tmp_path / "mask.nii.gz", mask, geometry, dtype=np.uint8)
    image = sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    z, y, x = 2, 1, 2
    superior, posterior, left, _ = geometry.affine @ [z, y, x, 1]
    index = image.TransformPhysicalPointToIndex((left, posterior, superior))
    assert image[index] == mask[z, y, x]


def test_sheared_affine_is_kept_in_the_sform_alone(tmp_path):
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    geometry = Geometry.from_source(SHAPE, sheared)
    write_volume(tmp_path / "mask.nii", mask_of(geometry.shape), geometry, dtype=np.uint8)
    written = nib.load(tmp_path / "mask.nii")
    np.testing.assert_allclose(written.affine, sheared, atol=1e-6)
    assert written.header["qform_code"] == 0


class TestValues:
    geometry = Geometry.from_source(SHAPE, np.diag([-1.0, -1, 1, 1]))

    def write(self, path, array, **settings):
        write_volume(path, array, self.geometry, **settings)
        return np.asarray(nib.load(path).dataobj).T

    def test_scale_keeps_a_cam_in_a_byte(self, tmp_path):
        cam = np.random.default_rng(0).random(self.geometry.shape, np.float32)
        cam[0, 0, :2] = 0, 1
        found = self.write(tmp_path / "cam.nii.gz", cam, dtype=np.uint8, scale=1 / 255)
        assert nib.load(tmp_path / "cam.nii.gz").get_data_dtype() == np.uint8
        np.testing.assert_allclose(found, cam, atol=0.51 / 255)
        assert found[0, 0, 0] == 0
        np.testing.assert_allclose(found[0, 0, 1], 1, rtol=1e-6)

    def test_values_beyond_the_type_are_refused_not_wrapped(self, tmp_path):
        mask = np.full(self.geometry.shape, 256)
        with pytest.raises(ValueError, match="256"):
            self.write(tmp_path / "mask.nii", mask, dtype=np.uint8)

    def test_real_numbers_stay(self, tmp_path):
        values = np.linspace(-1, 1, 60, dtype=np.float32).reshape(self.geometry.shape)
        np.testing.assert_array_equal(
            self.write(tmp_path / "map.nii", values, dtype=np.float32), values
        )

    def test_description_is_kept(self, tmp_path):
        zeros = np.zeros(self.geometry.shape)
        self.write(tmp_path / "map.nii", zeros, dtype=np.uint8, description="ä" * 60)
        assert nib.load(tmp_path / "map.nii").header["descrip"].item().startswith(b"\xc3\xa4")

    def test_other_names_are_refused(self, tmp_path):
        with pytest.raises(McwssError, match=r"\.nii"):
            self.write(tmp_path / "mask.png", np.zeros(self.geometry.shape), dtype=np.uint8)
        assert list(tmp_path.iterdir()) == []
