"""Folders of data sets are recognised as people have them."""

import json
from types import MappingProxyType

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.default_channels import default_channels
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks, offered_masks
from napari_mcwss.study.study import Study


def make(folder, *names, channels=1):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shape = (4, 4, 3) if channels == 1 else (4, 4, 3, channels)
        nib.Nifti1Image(np.ones(shape, np.uint8), np.eye(4)).to_filename(folder / name)
    return folder


def found(folder, channels=None):
    """Find scans and make a study of them, as the dialog and `napari-mcwss new` do."""
    channels = channels or default_channels([folder])
    study = Study.create(folder / "study", scans=folder, channels=channels, classes=["x"])
    (folder / "study" / "mcwss.json").unlink()
    return channels, {
        scan: [file.relative_to(folder).as_posix() for file in study.files(scan)]
        for scan in study.scan_names
    }


def masks_of(folder, masks, channels):
    files = {scan: files[0] for scan, files in find_scans(folder, channels).items()}
    return {
        scan: path.relative_to(folder).as_posix() for scan, path in find_masks(masks, files).items()
    }


class TestNnunet:
    FILES = (
        *("imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz"),
        *("imagesTr/b_0000.nii.gz", "imagesTr/b_0001.nii.gz", "labelsTr/b.nii.gz"),
    )
    SCANS = MappingProxyType(
        {name: [f"imagesTr/{name}_000{n}.nii.gz" for n in (0, 1)] for name in ("a", "b")}
    )

    def test_two_cases_are_two_scans(self, tmp_path):
        make(tmp_path, *self.FILES)
        assert found(tmp_path) == (["0000", "0001"], self.SCANS)
        # Without names in a `dataset.json`, the user names the channels in their order.
        assert found(tmp_path, ["t1", "flair"]) == (["t1", "flair"], self.SCANS)
        assert default_channels([tmp_path / "imagesTr"]) == ["0000", "0001"]
        assert [*find_scans(tmp_path / "imagesTr", ["0001"])] == ["a", "b"]

    def test_channels_have_the_names_of_the_data_set(self, tmp_path):
        make(tmp_path, *self.FILES)
        listed = {"channel_names": {"0": "T1", "1": "FLAIR"}}
        (tmp_path / "dataset.json").write_text(json.dumps(listed))
        assert found(tmp_path) == (["T1", "FLAIR"], self.SCANS)
        assert found(tmp_path, ["flair"])[1]["a"] == ["imagesTr/a_0001.nii.gz"]
        # In the order of the numbers, T1 would be called flair.
        with pytest.raises(McwssError, match="scan a has no channel t2"):
            find_scans(tmp_path, ["flair", "t2"])

    @pytest.mark.parametrize("text", ["{", "[1]", '{"modality": {"1": "T1", "7": "T2"}}'])
    def test_a_damaged_list_of_names_is_passed_over(self, tmp_path, text):
        make(tmp_path, *self.FILES)
        (tmp_path / "dataset.json").write_text(text)
        assert found(tmp_path)[0] == ["0000", "0001"]

    def test_a_missing_channel_is_named(self, tmp_path):
        make(tmp_path, *self.FILES)
        (tmp_path / "imagesTr/b_0001.nii.gz").unlink()
        with pytest.raises(McwssError, match="scan b has no channel 0001"):
            find_scans(tmp_path, ["0000", "0001"])

    @pytest.mark.parametrize("given", ["", "labelsTr"])
    def test_masks(self, tmp_path, given):
        make(tmp_path, *self.FILES)
        expected = {"a": "labelsTr/a.nii.gz", "b": "labelsTr/b.nii.gz"}
        assert masks_of(tmp_path, str(tmp_path / given), ["0000", "0001"]) == expected
        assert masks_of(tmp_path, "labelsTr", ["0000", "0001"]) == expected
        assert offered_masks(tmp_path / "imagesTr/a_0000.nii.gz") == ["labelsTr"]

    def test_numbered_pictures_of_another_folder_stay_scans(self, tmp_path):
        make(tmp_path, "frame_0000.nii", "frame_0001.nii")
        assert [*find_scans(tmp_path, ["image"])] == ["frame_0000", "frame_0001"]


class TestImagesBesideLabels:
    def test_of_the_decathlon(self, tmp_path):
        make(tmp_path, "imagesTr/BRATS_001.nii.gz", "imagesTr/BRATS_002.nii.gz", channels=2)
        make(tmp_path, "labelsTr/BRATS_001.nii.gz", "labelsTr/BRATS_002.nii.gz")
        scans = {name: [f"imagesTr/{name}.nii.gz"] for name in ("BRATS_001", "BRATS_002")}
        assert found(tmp_path) == (["0000", "0001"], scans)
        (tmp_path / "dataset.json").write_text('{"modality": {"0": "FLAIR", "1": "T1w"}}')
        assert found(tmp_path) == (["FLAIR", "T1w"], scans)
        assert masks_of(tmp_path, str(tmp_path), ["FLAIR"])["BRATS_002"] == (
            "labelsTr/BRATS_002.nii.gz"
        )

    def test_of_amos_whose_numbers_are_those_of_scans(self, tmp_path):
        names = ("amos_0000", "amos_0004")
        make(
            tmp_path,
            *(f"{kind}Tr/{name}.nii.gz" for kind in ("images", "labels") for name in names),
        )
        make(tmp_path, "imagesVa/amos_0008.nii.gz", "labelsVa/amos_0008.nii.gz")
        expected = {name: [f"imagesTr/{name}.nii.gz"] for name in names}
        expected["amos_0008"] = ["imagesVa/amos_0008.nii.gz"]
        assert found(tmp_path) == (["image"], expected)
        assert masks_of(tmp_path, str(tmp_path), ["image"]) == {
            name: files[0].replace("images", "labels") for name, files in expected.items()
        }

    def test_many_images_are_scans_and_not_channels(self, tmp_path):
        make(tmp_path, *(f"{kind}/{n}.nii.gz" for kind in ("images", "labels") for n in range(25)))
        channels, scans = found(tmp_path)
        assert channels == ["image"]
        assert len(scans) == 25
        assert scans["7"] == ["images/7.nii.gz"]

    @pytest.mark.parametrize("images", ["images", "image", "imgs"])
    @pytest.mark.parametrize("masks", ["labels", "masks", "mask", "GT"])
    def test_pictures_are_scans_and_their_labels_references(self, tmp_path, images, masks):
        for folder in (images, masks):
            (tmp_path / folder).mkdir()
            for name in ("benign_047", "malignant_009"):
                Image.new("L", (6, 5)).save(tmp_path / folder / f"{name}.png")
        names = ("benign_047", "malignant_009")
        expected = {name: [f"{images}/{name}.png"] for name in names}
        assert found(tmp_path) == (["image"], expected)
        assert offered_masks(tmp_path / images / "benign_047.png") == [masks]
        assert masks_of(tmp_path, masks, ["image"]) == {n: f"{masks}/{n}.png" for n in names}
        with pytest.raises(McwssError, match=f"holds masks of the images in '{images}' beside it"):
            find_scans(tmp_path / masks, ["image"])


class TestBids:
    FILES = (
        *(
            "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
            "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz",
        ),
        *(
            "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz",
            "sub-01/ses-2/anat/sub-01_ses-2_FLAIR.nii.gz",
        ),
        *("sub-02/anat/sub-02_T1w.nii.gz", "sub-02/anat/sub-02_FLAIR.nii.gz"),
        "sub-02/anat/sub-02_T2w.nii.gz",
        *("sub-02/func/sub-02_task-rest_bold.nii.gz", "sub-02/dwi/sub-02_dwi.nii.gz"),
        *("sub-02/anat/sub-02_FLAIR_roi.nii.gz", "derivatives/x/sub-02/anat/sub-02_FLAIR.nii.gz"),
        "derivatives/x/sub-01/ses-1/anat/sub-01_ses-1_label-L_desc-lesion_mask.nii.gz",
        "derivatives/x/sub-01/ses-2/anat/sub-01_ses-2_label-L_desc-lesion_mask.nii.gz",
    )

    @pytest.mark.parametrize("root", [".", "rawdata"])
    def test_each_session_is_a_scan_and_suffixes_are_channels(self, tmp_path, root):
        make(tmp_path / root, *self.FILES)
        (tmp_path / root / "sub-02/dwi/sub-02_dwi.bval").touch()
        channels, scans = found(tmp_path)
        assert channels == ["FLAIR", "T1w"]
        stems = {"sub-01_ses-1": "sub-01/ses-1", "sub-01_ses-2": "sub-01/ses-2", "sub-02": "sub-02"}
        prefix = "" if root == "." else f"{root}/"
        assert scans == {
            scan: [f"{prefix}{place}/anat/{scan}_{channel}.nii.gz" for channel in channels]
            for scan, place in stems.items()
        }
        assert masks_of(tmp_path, str(tmp_path), channels) == {
            scan: f"{prefix}{self.FILES[n]}"
            for scan, n in {"sub-01_ses-1": -2, "sub-01_ses-2": -1, "sub-02": -4}.items()
        }

    def test_of_isles(self, tmp_path):
        case = "sub-strokecase0001/ses-0001"
        stem = case.replace("/", "_")
        files = [f"{case}/dwi/{stem}_{name}.nii.gz" for name in ("adc", "dwi")]
        mask = f"derivatives/{case}/{stem}_msk.nii.gz"
        make(tmp_path, *files, mask)
        assert found(tmp_path) == (["adc", "dwi"], {stem: files})
        assert masks_of(tmp_path, str(tmp_path), ["adc"]) == {stem: mask}
        assert offered_masks(tmp_path / files[0]) == [str(tmp_path)]
        (tmp_path / mask).unlink()
        assert offered_masks(tmp_path / files[0]) == []

    def test_a_subject_without_a_channel_is_named(self, tmp_path):
        make(tmp_path, *self.FILES)
        with pytest.raises(McwssError, match="scan sub-01_ses-1 has no channel T2w"):
            find_scans(tmp_path, ["T2w"])


def test_of_totalsegmentator(tmp_path):
    for case in ("s0001", "s0002"):
        masks = [f"{case}/segmentations/{name}.nii.gz" for name in ("liver", "spleen")]
        make(tmp_path, f"{case}/ct.nii.gz", *masks)
    assert found(tmp_path) == (["ct"], {s: [f"{s}/ct.nii.gz"] for s in ("s0001", "s0002")})
    assert masks_of(tmp_path, "segmentations/liver", ["ct"]) == {
        s: f"{s}/segmentations/liver.nii.gz" for s in ("s0001", "s0002")
    }
    folders = {s: f"{s}/segmentations" for s in ("s0001", "s0002")}
    assert masks_of(tmp_path, "segmentations", ["ct"]) == folders
    names = ["segmentations", "segmentations/liver", "segmentations/spleen"]
    assert offered_masks(tmp_path / "s0001/ct.nii.gz") == names
    assert find_scans(tmp_path / "s0001", ["ct"]) == {"s0001": [tmp_path / "s0001/ct.nii.gz"]}


def test_of_lits_whose_masks_are_named_before_the_number(tmp_path):
    make(tmp_path, *(f"{name}-{n}.nii" for name in ("volume", "segmentation") for n in (0, 1, 10)))
    volumes = {f"volume-{n}": [f"volume-{n}.nii"] for n in (0, 1, 10)}
    assert found(tmp_path) == (["image"], volumes)
    expected = {f"volume-{n}": f"segmentation-{n}.nii" for n in (0, 1, 10)}
    assert masks_of(tmp_path, "segmentation", ["image"]) == expected
    assert masks_of(tmp_path, str(tmp_path), ["image"]) == expected
    assert offered_masks(tmp_path / "volume-0.nii") == ["segmentation"]


def test_a_number_that_two_scans_have_names_no_mask(tmp_path):
    make(tmp_path, "a-1.nii", "b-1.nii", "seg-1.nii")
    files = {name: tmp_path / f"{name}.nii" for name in ("a-1", "b-1")}
    with pytest.raises(McwssError, match="scan a-1: no mask"):
        find_masks("seg", files)
