"""Pictures are scans of one slice."""

import numpy as np
import pytest
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.scans.writing import write_volume

GREY = np.random.default_rng(0).integers(0, 256, (6, 9)).astype(np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def save(path, pixels, **settings):
    Image.fromarray(pixels).save(path, **settings)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.TIFF"])
@pytest.mark.parametrize(
    "pixels", [GREY, GREY.astype(np.uint16) * 100, GREY > 99], ids=["8 bit", "16 bit", "1 bit"]
)
def test_rows_and_columns_stay_as_seen(tmp_path, name, pixels):
    scan = read_scan("a", ["xr"], [save(tmp_path / name, pixels)])
    assert scan.geometry.spacing == (1, 1, 1)
    volume = scan.volume()
    assert volume.dtype == np.float32
    np.testing.assert_array_equal(volume[0, 0], pixels)


def test_real_numbers_of_a_tiff(tmp_path):
    pixels = GREY.astype(np.float32) / 7
    volume = read_scan("a", ["xr"], [save(tmp_path / "a.tif", pixels)]).volume()
    np.testing.assert_array_equal(volume[0, 0], pixels)


def test_bitmap(tmp_path):
    volume = read_scan("a", ["xr"], [save(tmp_path / "a.bmp", GREY)]).volume()
    np.testing.assert_array_equal(volume[0, 0], GREY)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_compressed_photographs(tmp_path, name):
    path = save(tmp_path / name, np.full((6, 9), 90, np.uint8))
    np.testing.assert_allclose(read_scan("a", ["xr"], [path]).volume(), 90, atol=1)


def test_colours_are_three_channels_or_one_luminance(tmp_path):
    path = save(tmp_path / "a.png", COLOUR)
    three = read_scan("a", ["red", "green", "blue"], [path]).volume()
    np.testing.assert_array_equal(three[:, 0], COLOUR.transpose(2, 0, 1))
    one = read_scan("a", ["skin"], [path]).volume()
    np.testing.assert_allclose(one[0, 0], COLOUR @ [0.299, 0.587, 0.114], rtol=1e-5)


def test_three_grey_pictures_are_three_channels(tmp_path):
    paths = [save(tmp_path / f"{name}.png", GREY // n) for n, name in enumerate("abc", 1)]
    volume = read_scan("x", list("abc"), paths).volume()
    np.testing.assert_array_equal(volume[:, 0], [GREY, GREY // 2, GREY // 3])


def test_transparency_is_left_out(tmp_path):
    path = save(tmp_path / "a.png", np.dstack([COLOUR, GREY]))
    volume = read_scan("a", ["red", "green", "blue"], [path]).volume()
    np.testing.assert_array_equal(volume[:, 0], COLOUR.transpose(2, 0, 1))


def test_mask_with_a_palette_holds_its_indices(tmp_path):
    picture = Image.fromarray(GREY % 3)
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "seg.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "seg.png")[0], GREY % 3)


def test_mask_in_colours_is_refused(tmp_path):
    with pytest.raises(McwssError, match="coloured"):
        read_mask(save(tmp_path / "seg.png", COLOUR))


def test_several_pages_are_refused(tmp_path):
    pages = [Image.fromarray(GREY // n) for n in (1, 2, 3)]
    pages[0].save(tmp_path / "a.webp", save_all=True, append_images=pages[1:])
    with pytest.raises(McwssError, match="3 pages"):
        read_header(tmp_path / "a.webp")


def test_truncated_picture(tmp_path):
    path = save(tmp_path / "a.png", COLOUR.repeat(20, 0).repeat(20, 1))
    path.write_bytes(path.read_bytes()[:300])
    scan = read_scan("a", ["skin"], [path])
    with pytest.raises(McwssError, match=r"a\.png.*copy it again"):
        scan.volume()


def test_mask_of_a_picture_is_written_as_a_volume(tmp_path):
    geometry = read_header(save(tmp_path / "a.png", GREY)).geometry
    mask = (GREY > 99).astype(np.uint8)[None]
    write_volume(tmp_path / "mask.nii.gz", mask, geometry, dtype=np.uint8)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", geometry), mask)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_camera_says(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    smooth = (np.add.outer(np.arange(6) * 30, np.arange(9) * 5)).astype(np.uint8)
    path = save(tmp_path / name, smooth, exif=exif)
    turns = {
        1: smooth,
        2: smooth[:, ::-1],
        3: smooth[::-1, ::-1],
        4: smooth[::-1],
        5: smooth.T,
        6: smooth[::-1].T,
        7: smooth[::-1, ::-1].T,
        8: smooth.T[::-1],
    }
    upright = turns[orientation]
    scan = read_scan("a", ["xr"], [path])
    assert scan.geometry.shape == (1, *upright.shape)
    np.testing.assert_allclose(scan.volume()[0, 0], upright, atol=4)
    np.testing.assert_allclose(read_mask(path)[0], upright, atol=4)


def test_a_mask_that_would_be_mirrored_on_a_picture_is_refused(tmp_path):
    import nibabel as nib

    geometry = read_header(save(tmp_path / "a.png", GREY)).geometry
    nib.save(nib.Nifti1Image(GREY.T[..., None], np.eye(4)), tmp_path / "seg.nii")
    with pytest.raises(McwssError, match="only one says in which direction"):
        read_mask(tmp_path / "seg.nii", geometry)
