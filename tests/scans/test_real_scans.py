"""Real scans are read as radiologists see them."""

import nibabel as nib
import numpy as np
import pytest

from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.reading import read_mask, read_scan
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.study import Study
from napari_mcwss.tags.importing import tags_from_mask

pytestmark = pytest.mark.data


def test_glioma_is_shown_as_stored(data_folder, tmp_path):
    scans = find_scans(data_folder("glioma"), ["t1c", "flair"])
    scan = read_scan("pat0001", ["t1c", "flair"], scans["pat0001"])
    stored = nib.load(scan.paths[0])
    assert nib.aff2axcodes(stored.affine) == ("L", "P", "S")
    assert scan.geometry.shape == (155, 240, 240)
    assert scan.geometry.spacing == (1, 1, 1)
    np.testing.assert_array_equal(scan.volume()[0], np.asarray(stored.dataobj).T)

    seg = find_masks("seg", {"pat0001": scan.paths[0]})["pat0001"]
    mask = read_mask(seg, scan.geometry)
    write_volume(tmp_path / "mask.nii.gz", mask, scan.geometry, dtype=np.uint8)
    written, original = nib.load(tmp_path / "mask.nii.gz"), nib.load(seg)
    np.testing.assert_array_equal(written.dataobj, original.dataobj)
    assert written.affine.tobytes() == original.affine.tobytes()
    tags = tags_from_mask(mask, {"TC": [1, 4], "ED": [2]}).values
    assert not (tags[:, 0] > tags[:, 1]).any()


def test_four_channels_of_brats(data_folder):
    channels = ["t1", "t1ce", "t2", "flair"]
    scans = find_scans(data_folder("glioma4"), channels)
    scan = read_scan("BraTS2021_00006", channels, scans["BraTS2021_00006"])
    assert [path.name.rpartition("_")[2] for path in scan.paths] == [
        f"{channel}.nii.gz" for channel in channels
    ]
    volume = scan.volume()
    assert volume.shape == (4, 155, 240, 240)
    assert np.isfinite(volume).all()


def test_hippocampus_is_a_folder_of_files(data_folder, tmp_path):
    folder = data_folder("hippocampus")
    scans = find_scans(folder / "images", ["t1"])
    assert len(scans) == 80
    masks = find_masks(str(folder / "labels"), {name: paths[0] for name, paths in scans.items()})
    study = Study.create(tmp_path / "study", scans=scans, channels=["t1"], classes=["a", "p"])
    in_reals = 0
    for name in list(scans)[:12]:
        mask = read_mask(masks[name], study.scan(name).geometry)
        in_reals += nib.load(masks[name]).get_data_dtype().kind == "f"
        assert set(np.unique(mask)) == {0, 1, 2}
    assert in_reals
