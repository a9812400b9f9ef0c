"""Reading and writing through napari's own open and save."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.utils.notifications import Notification, notification_manager

from napari_mcwss.scans.phantom import phantom_scan

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def test_a_scan_and_its_mask_open_in_canonical_order(viewer, phantom_folder):
    folder = phantom_folder / "phantom02"
    viewer.open([folder / "t1c.nii.gz", folder / "seg.nii.gz"], plugin="napari-mcwss")
    image, labels = viewer.layers
    assert (image.name, labels.name) == ("t1c", "seg")
    assert labels._type_string == "labels"
    assert image.data.shape == labels.data.shape == (25, 81, 72)
    assert tuple(image.scale) == (3, 2, 2)
    assert {str(unit) for unit in image.units} == {"millimeter"}
    # Stored in RAS order: left-right and front-back are flipped on the screen.
    stored = np.asarray(nib.load(folder / "seg.nii.gz").dataobj)
    np.testing.assert_array_equal(labels.data, stored.transpose(2, 1, 0)[:, ::-1, ::-1])


@pytest.mark.parametrize("dropped", ["a.img", "a.hdr"])
def test_of_an_image_in_two_files_either_opens_it(viewer, tmp_path, dropped):
    voxels = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    nib.Nifti1Pair(voxels, np.diag([-1.0, -1, 1, 1])).to_filename(tmp_path / "a.img")
    layers = viewer.open(tmp_path / dropped, plugin="napari-mcwss")
    assert [layer.name for layer in layers] == ["a"]
    np.testing.assert_array_equal(layers[0].data, voxels.T)


@pytest.mark.parametrize("dropped", [("a.img", "a.hdr"), ("a.hdr", "b.hdr", "b.img", "a.img")])
def test_an_image_in_two_files_that_are_dropped_together_opens_once(viewer, tmp_path, dropped):
    for name in {Path(name).stem for name in dropped}:
        voxels = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
        nib.Nifti1Pair(voxels, np.diag([-1.0, -1, 1, 1])).to_filename(tmp_path / f"{name}.img")
    paths = [str(tmp_path / name) for name in dropped]
    layers = viewer.open(paths, plugin="napari-mcwss")
    assert len(layers) == len(viewer.layers) == len(dropped) / 2
    again = viewer.open(paths[0], plugin="napari-mcwss")
    assert len(again) == 1, "the same file is opened again when it is asked for"


def test_a_map_of_probabilities_is_an_image_whatever_its_name(viewer, tmp_path):
    values = np.random.default_rng(0).random((4, 3, 2)).astype(np.float32)
    nib.save(nib.Nifti1Image(values, np.diag([-1, -1, 1, 1])), tmp_path / "lung_mask.nii.gz")
    (layer,) = viewer.open(tmp_path / "lung_mask.nii.gz", plugin="napari-mcwss")
    assert layer._type_string == "image"
    np.testing.assert_array_equal(layer.data, values.T)


def test_a_damaged_file_is_told_in_a_notification(viewer, phantom_folder, tmp_path):
    whole, damaged = phantom_folder / "phantom01" / "t1c.nii.gz", tmp_path / "damaged.nii.gz"
    damaged.write_bytes(whole.read_bytes()[:-500])
    told: list[Notification] = []
    notification_manager.notification_ready.connect(told.append)
    viewer.open([damaged, whole], plugin="napari-mcwss")
    viewer.open(damaged, plugin="napari-mcwss")
    notification_manager.notification_ready.disconnect(told.append)
    assert [layer.name for layer in viewer.layers] == ["t1c"]
    assert ["damaged.nii.gz" in notification.message for notification in told] == [True, True]


def test_a_saved_layer_lies_on_the_voxels_of_its_source(viewer, phantom_folder, tmp_path):
    source = phantom_folder / "phantom02" / "seg.nii.gz"
    viewer.open(source, plugin="napari-mcwss")
    viewer.layers.save(str(tmp_path / "copy.nii.gz"), plugin="napari-mcwss")
    one, other = nib.load(source), nib.load(tmp_path / "copy.nii.gz")
    assert np.array_equal(one.affine, other.affine)
    assert np.array_equal(np.asarray(one.dataobj), np.asarray(other.dataobj))


def test_a_layer_without_a_source_is_saved_with_its_scale(viewer, tmp_path):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    layer = viewer.add_image(data, scale=(5, 1, 2))
    layer.save(str(tmp_path / "image.nii"), plugin="napari-mcwss")
    written = nib.load(tmp_path / "image.nii")
    assert written.shape == (4, 3, 2)
    np.testing.assert_allclose(np.abs(np.diag(written.affine)), [2, 1, 5, 1])


def test_a_layer_that_cannot_be_nifti_is_told_in_a_notification(viewer, tmp_path):
    told: list[Notification] = []
    notification_manager.notification_ready.connect(told.append)
    layer = viewer.add_image(np.zeros((2, 2, 2, 2)))
    layer.save(str(tmp_path / "image.nii"), plugin="napari-mcwss")
    notification_manager.notification_ready.disconnect(told.append)
    assert "4 axes cannot be written" in told[-1].message
    assert not (tmp_path / "image.nii").exists()


def test_the_phantom_is_sample_data(viewer):
    viewer.open_sample("napari-mcwss", "phantom")
    assert [layer.name for layer in viewer.layers] == ["t1c", "flair", "truth"]
    assert {layer.data.shape for layer in viewer.layers} == {(25, 81, 72)}


def test_the_sample_is_the_phantom_as_it_is_generated_now(viewer):
    volume, truth, spacing = phantom_scan()
    t1c, flair, mask = viewer.open_sample("napari-mcwss", "phantom")
    for layer, voxels in ((t1c, volume[0]), (flair, volume[1])):
        assert np.abs(layer.data - voxels).max() <= 0.51, "stored as whole numbers"
        assert tuple(layer.scale) == spacing
    np.testing.assert_array_equal(mask.data, truth)
