"""Stacks of pages, and the many ways in which TIFF stores one picture."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.reading import read_header, read_mask, read_scan, refuse_time
from napari_mcwss.scans.scan import COLOURS

STACK = np.random.default_rng(0).integers(0, 256, (5, 6, 9)).astype(np.uint8)

COLOUR = np.random.default_rng(1).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def save(path, pixels, **settings):
    tifffile.imwrite(path, pixels, **settings)
    return path


def volume_of(path, channels=("xr",)):
    return read_scan("a", channels, [path]).volume()


def refused(path, match, read=read_header):
    with pytest.raises(McwssError, match=match) as told:
        read(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("settings", [{}, {"compression": "zlib"}, {"predictor": True}])
def test_every_type_is_read_at_its_value(tmp_path, dtype, settings):
    if settings.get("predictor"):
        settings = {"compression": "zlib", "predictor": 2 if np.dtype(dtype).kind != "f" else None}
    pixels = (STACK[0] * 200.0 - (3000 if np.dtype(dtype).kind != "u" else 0)).astype(dtype)
    np.testing.assert_array_equal(
        volume_of(save(tmp_path / "a.tif", pixels, **settings))[0, 0], pixels
    )


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["L", "I;16", "F"])
def test_compressions_of_other_programs(tmp_path, compression, mode):
    pixels = {"L": STACK[0], "I;16": STACK[0].astype(np.uint16) * 99, "F": STACK[0] / np.float32(7)}
    Image.fromarray(pixels[mode]).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(volume_of(tmp_path / "a.tif")[0, 0], pixels[mode])
    if mode != "F":
        np.testing.assert_array_equal(read_mask(tmp_path / "a.tif")[0], pixels[mode])


def test_a_compressed_stack_of_other_programs(tmp_path):
    pages = [Image.fromarray(page) for page in STACK]
    pages[0].save(
        tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw"
    )
    with pytest.warns(UserWarning, match="5 pages"):
        np.testing.assert_array_equal(volume_of(tmp_path / "a.tif")[0], STACK)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_and_its_mask_are_turned_alike(tmp_path, compression, orientation):
    pixels, turned = STACK[0], STACK[0]
    if orientation > 4:
        turned = turned.T
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    Image.fromarray(pixels).save(
        tmp_path / "a.tif", tiffinfo={274: orientation}, compression=compression
    )
    scan = read_scan("a", ["xr"], [tmp_path / "a.tif"])
    np.testing.assert_array_equal(scan.volume()[0, 0], turned)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif", scan.geometry)[0], turned)


class TestStacks:
    @pytest.mark.parametrize("settings", [{}, {"metadata": None}, {"compression": "zlib"}])
    def test_pages_of_unknown_meaning_are_slices_and_it_is_said(self, tmp_path, settings):
        path = save(tmp_path / "a.tif", STACK, **settings)
        with pytest.warns(UserWarning, match=r"a\.tif' does not say what its 5 pages are"):
            np.testing.assert_array_equal(volume_of(path)[0], STACK)

    @pytest.mark.parametrize("kind", ["imagej", "ome"])
    @pytest.mark.filterwarnings("error:.*pages:UserWarning")
    def test_slices_that_a_file_names_are_slices(self, tmp_path, kind):
        sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
        sizes = sizes if kind == "ome" else {"spacing": 2.0, "unit": "um"}
        path = save(
            tmp_path / "a.tif",
            STACK,
            **{kind: True},
            metadata={"axes": "ZYX", **sizes},
            resolution=(2, 2),
        )
        scan = read_scan("a", ["xr"], [path])
        np.testing.assert_array_equal(scan.volume()[0], STACK)
        np.testing.assert_array_equal(read_mask(path, scan.geometry), STACK)
        assert scan.geometry.spacing == (4, 1, 1)
        assert not scan.geometry.in_mm

    @pytest.mark.parametrize("axes", ["CZYX", "ZCYX"])
    def test_channels_that_a_file_names_are_channels(self, tmp_path, axes):
        pixels = np.stack([STACK, 255 - STACK], axes.index("C"))
        path = save(tmp_path / "a.tif", pixels, ome=True, metadata={"axes": axes})
        np.testing.assert_array_equal(volume_of(path, ["a", "b"]), [STACK, 255 - STACK])

    def test_points_in_time_are_no_scan(self, tmp_path):
        path = save(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "TYX"})
        with pytest.raises(McwssError, match="series of 5 points in time"):
            refuse_time("a", [path])

    def test_channels_and_points_in_time_are_refused_together(self, tmp_path):
        path = save(tmp_path / "a.tif", np.stack([STACK] * 2), ome=True, metadata={"axes": "TCYX"})
        refused(path, r"axes TCYX of 2x5x6x9: expected")

    def test_pages_of_several_sizes_are_refused(self, tmp_path):
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            file.write(STACK[0])
            file.write(STACK[0, :3])
        refused(tmp_path / "a.tif", "2 images of different sizes")

    def test_a_stack_in_colours(self, tmp_path):
        pixels = np.stack([COLOUR, COLOUR // 2])
        path = save(tmp_path / "a.tif", pixels, photometric="rgb")
        with pytest.warns(UserWarning, match="2 pages"):
            found = volume_of(path, COLOURS)
        np.testing.assert_array_equal(found, np.moveaxis(pixels, -1, 0))


class TestColours:
    @pytest.mark.parametrize("planes", ["contig", "separate"])
    def test_colours_are_three_channels_or_one_luminance(self, tmp_path, planes):
        pixels = COLOUR if planes == "contig" else np.moveaxis(COLOUR, -1, 0)
        path = save(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig=planes)
        np.testing.assert_array_equal(volume_of(path, COLOURS)[:, 0], np.moveaxis(COLOUR, -1, 0))
        grey = COLOUR @ [0.299, 0.587, 0.114]
        np.testing.assert_allclose(volume_of(path)[0, 0], grey, rtol=1e-5)
        refused(path, "coloured picture", read_mask)

    def test_a_palette_is_colours_of_a_picture_and_values_of_a_mask(self, tmp_path):
        picture = Image.fromarray(STACK[0] % 3)
        picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
        picture.save(tmp_path / "a.tif")
        expected = np.asarray(picture.convert("RGB"))
        found = volume_of(tmp_path / "a.tif", COLOURS)
        np.testing.assert_array_equal(found[:, 0], np.moveaxis(expected, -1, 0))
        np.testing.assert_array_equal(read_mask(tmp_path / "a.tif")[0], STACK[0] % 3)

    def test_white_that_is_stored_as_zero_is_white(self, tmp_path):
        path = save(tmp_path / "a.tif", STACK[0], photometric="miniswhite")
        np.testing.assert_array_equal(volume_of(path)[0, 0], 255 - STACK[0])


class TestDamage:
    def test_a_header_that_speaks_of_more_than_the_file_holds(self, tmp_path):
        path = save(tmp_path / "a.tif", STACK[0], metadata=None)
        with tifffile.TiffFile(path, mode="r+") as file:
            for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                file.pages[0].tags[name].overwrite(200_000, dtype="I")
        refused(path, r"37\.3 GiB of voxels, and it holds")

    def test_every_cut_is_told_in_one_line_or_leaves_the_picture_whole(self, tmp_path):
        whole = save(tmp_path / "a.tif", STACK[0]).read_bytes()
        for end in range(0, len(whole), 7):
            (tmp_path / "b.tif").write_bytes(whole[:end])
            refused(tmp_path / "b.tif", r"b\.tif'", read=volume_of)


def test_more_pixels_of_one_bit_than_the_file_can_hold_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.eye(16, dtype=bool), photometric="minisblack")
    assert read_mask(path).any()
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(struct.pack("<HH", 256, 4)) + 8, 700_000_000)
    path.write_bytes(content)
    refused(path, "declares")


def test_a_picture_without_rows_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    width = struct.pack("<HHII", 256, 4, 1, 700_000_000)
    path.write_bytes(struct.pack("<2sHIH", b"II", 42, 8, 1) + width + bytes(4))
    refused(path, "it has 0x700000000 pixels")
