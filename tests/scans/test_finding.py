"""Scans, channels and masks are found by their names."""

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.file_names import guess_channels
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks

BRATS = [f"BraTS2021_00006_{name}.nii.gz" for name in ("flair", "seg", "t1", "t1ce", "t2")]


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(folder, channels):
    scans = find_scans(folder, channels)
    return {
        name: [path.relative_to(folder).as_posix() for path in paths]
        for name, paths in scans.items()
    }


class TestSubFolders:
    def test_channels_come_in_the_order_asked_for(self, tmp_path):
        make(tmp_path, "b/t1c.nii.gz", "b/flair.nii.gz", "b/seg.nii.gz", "a/flair.nii", "a/t1c.nii")
        assert found(tmp_path, ["flair", "t1c"]) == {
            "a": ["a/flair.nii", "a/t1c.nii"],
            "b": ["b/flair.nii.gz", "b/t1c.nii.gz"],
        }

    def test_t1_is_not_t1ce(self, tmp_path):
        make(tmp_path / "BraTS2021_00006", *BRATS)
        scans = find_scans(tmp_path, ["t1", "t1ce"])
        assert [path.name for path in scans["BraTS2021_00006"]] == [BRATS[2], BRATS[3]]

    def test_t1_is_not_found_in_t1ce_alone(self, tmp_path):
        make(tmp_path, "a/BraTS2021_00006_t1ce.nii.gz", "a/BraTS2021_00006_t2.nii.gz")
        with pytest.raises(McwssError) as told:
            find_scans(tmp_path, ["t1", "t2"])
        message = str(told.value)
        assert "scan a has no channel t1:" in message
        assert "t1ce.nii.gz" in message
        assert "\n" not in message

    @pytest.mark.parametrize("name", ["x_t1", "x-t1", "x.t1", "x t1", "T1", "x_T1"])
    def test_ends_of_stems(self, tmp_path, name):
        make(tmp_path, f"a/{name}.nii.gz", "a/xt1.nii.gz", "a/t1_x.nii.gz")
        assert found(tmp_path, ["t1"]) == {"a": [f"a/{name}.nii.gz"]}

    def test_the_more_exact_name_wins(self, tmp_path):
        make(tmp_path, "a/t1.nii", "a/x_t1.nii", "b/b_t1.nii", "b/b_x_t1.nii", "c/x_t1.nii")
        make(tmp_path, "c/xx_t1.nii")
        assert found(tmp_path, ["t1"]) == {
            "a": ["a/t1.nii"],
            "b": ["b/b_t1.nii"],
            "c": ["c/x_t1.nii"],
        }

    def test_the_longer_channel_takes_its_file_first(self, tmp_path):
        make(tmp_path, "a/a_t1_c.nii", "a/plain_c.nii")
        assert found(tmp_path, ["c", "t1_c"]) == {"a": ["a/plain_c.nii", "a/a_t1_c.nii"]}

    def test_equally_good_names_are_refused(self, tmp_path):
        make(tmp_path, "a/t1.nii", "a/t1.nii.gz")
        with pytest.raises(McwssError, match=r"t1\.nii.*t1\.nii\.gz.*both be t1"):
            find_scans(tmp_path, ["t1"])

    def test_a_single_file_holds_all_channels(self, tmp_path):
        make(tmp_path, "a/scan.nii.gz", "a/scan_seg.nii.gz", "b/other.nii.gz")
        assert found(tmp_path, ["t1", "t2"]) == {"a": ["a/scan.nii.gz"], "b": ["b/other.nii.gz"]}

    def test_other_folders_and_hidden_files_are_no_scans(self, tmp_path):
        make(tmp_path, "a/t1.nii", "a/.0a1b-t1.nii", "notes/read.txt", ".cache/t1.nii", "empty/x")
        assert found(tmp_path, ["t1"]) == {"a": ["a/t1.nii"]}


class TestFlatFolders:
    def test_each_file_is_a_scan(self, tmp_path):
        make(
            tmp_path, "hippocampus_001.nii.gz", "hippocampus_003.nii.gz", "readme.txt", "x_seg.nii"
        )
        assert found(tmp_path, ["t1"]) == {
            "hippocampus_001": ["hippocampus_001.nii.gz"],
            "hippocampus_003": ["hippocampus_003.nii.gz"],
        }

    def test_files_named_after_channels_are_grouped(self, tmp_path):
        make(tmp_path, "a_t1.nii", "a_t2.nii", "b_t2.nii", "b_t1.nii", "a_seg.nii")
        assert found(tmp_path, ["t1", "t2"]) == {
            "a": ["a_t1.nii", "a_t2.nii"],
            "b": ["b_t1.nii", "b_t2.nii"],
        }

    def test_a_scan_without_a_channel_is_named(self, tmp_path):
        make(tmp_path, "a_t1.nii", "a_t2.nii", "b_t1.nii")
        with pytest.raises(McwssError, match="scan b has no channel t2"):
            find_scans(tmp_path, ["t1", "t2"])

    def test_the_folder_of_one_scan(self, tmp_path):
        make(tmp_path / "pat1", "t1.nii", "t2.nii", "seg.nii")
        assert found(tmp_path / "pat1", ["t2", "t1"]) == {"pat1": ["t2.nii", "t1.nii"]}

    def test_one_name_twice(self, tmp_path):
        make(tmp_path, "a.nii", "a.png")
        with pytest.raises(McwssError, match="both be a"):
            find_scans(tmp_path, ["t1"])

    @pytest.mark.parametrize("files", [[], ["letter.txt", "sub/letter.txt"]])
    def test_nothing(self, tmp_path, files):
        make(tmp_path, *files)
        with pytest.raises(McwssError, match=r"no scans in.*t1, t2.*\.nii\.gz"):
            find_scans(tmp_path, ["t1", "t2"])

    def test_no_folder(self, tmp_path):
        with pytest.raises(McwssError, match="is not a folder"):
            find_scans(tmp_path / "missing", ["t1"])


class TestMasks:
    def test_beside_the_channels(self, tmp_path):
        make(tmp_path, "a/t1.nii", "a/seg.nii.gz", "b/t1.nii", "b/b_seg.nii", "b/b_noseg.nii")
        files = {"a": tmp_path / "a/t1.nii", "b": tmp_path / "b/t1.nii"}
        assert find_masks("seg", files) == {
            "a": tmp_path / "a/seg.nii.gz",
            "b": tmp_path / "b/b_seg.nii",
        }

    def test_among_the_files_of_all_scans(self, tmp_path):
        make(tmp_path, "a_t1.nii", "b_t1.nii", "a_seg.nii", "b_seg.nii")
        files = {"a": tmp_path / "a_t1.nii", "b": tmp_path / "b_t1.nii"}
        assert find_masks("seg", files) == {
            "a": tmp_path / "a_seg.nii",
            "b": tmp_path / "b_seg.nii",
        }

    def test_never_that_of_another_scan(self, tmp_path):
        make(tmp_path, "a_t1.nii", "b_t1.nii", "a_seg.nii")
        files = {"a": tmp_path / "a_t1.nii", "b": tmp_path / "b_t1.nii"}
        with pytest.raises(McwssError, match="scan b: no mask"):
            find_masks("seg", files)

    def test_never_that_of_a_scan_that_is_not_asked_for(self, tmp_path):
        make(tmp_path, "a_t1.nii", "b_t1.nii", "a_seg.nii")
        files = {"a": tmp_path / "a_t1.nii", "b": tmp_path / "b_t1.nii"}
        with pytest.raises(McwssError, match="scan b: no mask"):
            find_masks("seg", files, only=["b"])
        assert find_masks("seg", files, only=["a"]) == {"a": tmp_path / "a_seg.nii"}
        with pytest.raises(McwssError, match="no scan 'c' in this study: expected a, b"):
            find_masks("seg", files, only=["c"])

    def test_of_some_scans_only(self, tmp_path):
        make(tmp_path, "a_t1.nii", "b_t1.nii", "a_seg.nii")
        files = {"a": tmp_path / "a_t1.nii", "b": tmp_path / "b_t1.nii"}
        assert find_masks("seg", files, partial=True) == {"a": tmp_path / "a_seg.nii"}
        with pytest.raises(McwssError, match="scan a: no mask"):
            find_masks("truth", files, partial=True)

    def test_in_a_folder_of_their_own(self, tmp_path):
        make(tmp_path, "images/a.nii", "images/b.nii", "labels/a.nii.gz", "labels/b_seg.nii")
        files = {"a": tmp_path / "images/a.nii", "b": tmp_path / "images/b.nii"}
        assert find_masks(str(tmp_path / "labels"), files) == {
            "a": tmp_path / "labels/a.nii.gz",
            "b": tmp_path / "labels/b_seg.nii",
        }

    def test_missing(self, tmp_path):
        make(tmp_path, "a/t1.nii")
        with pytest.raises(McwssError, match=r"scan a: no mask.*named seg, found t1\.nii"):
            find_masks("seg", {"a": tmp_path / "a/t1.nii"})


class TestNamesThatNoScanCanHave:
    FOLDERS = ("O'Brien, Seán (2)", "con", "OBrien Seán (2)")
    SCANS = ("OBrien Seán (2)-2", "_con", "OBrien Seán (2)")

    def test_of_sub_folders(self, tmp_path):
        make(tmp_path, *(f"{name}/t1.nii" for name in self.FOLDERS))
        assert found(tmp_path, ["t1"]) == {
            scan: [f"{name}/t1.nii"] for name, scan in zip(self.FOLDERS, self.SCANS, strict=True)
        }

    @pytest.mark.parametrize(
        "files", [("{}.nii.gz",), ("{}_t1.nii", "{}_t2.nii"), ("imagesTr/{}_0000.nii.gz",)]
    )
    def test_of_files(self, tmp_path, files):
        names = [f"ID#{n}" for n in (1, 2)]
        make(tmp_path, *(file.format(name) for name in names for file in files))
        assert [*find_scans(tmp_path, ["t1", "t2"][: len(files)])] == ["ID_1", "ID_2"]

    def test_masks_with_the_names_of_folders(self, tmp_path):
        make(tmp_path, *(f"scans/{name}/t1.nii" for name in self.FOLDERS))
        files = {scan: paths[0] for scan, paths in find_scans(tmp_path / "scans", ["t1"]).items()}
        for ending in ("", "_seg"):
            masks = tmp_path / f"masks{ending}"
            make(masks, *(f"{name}{ending}.nii" for name in self.FOLDERS))
            assert find_masks(str(masks), files) == {
                scan: masks / f"{name}{ending}.nii"
                for name, scan in zip(self.FOLDERS, self.SCANS, strict=True)
            }

    def test_masks_with_the_names_of_scans(self, tmp_path):
        make(tmp_path, "scans/a#1/t1.nii", "scans/b#1/t1.nii", "made/a_1.nii", "made/b_1.nii")
        files = {scan: paths[0] for scan, paths in find_scans(tmp_path / "scans", ["t1"]).items()}
        assert find_masks(str(tmp_path / "made"), files) == {
            name: tmp_path / "made" / f"{name}.nii" for name in ("a_1", "b_1")
        }

    def test_masks_among_the_files(self, tmp_path):
        make(tmp_path, *(f"{name}_{end}.nii" for name in ("O'B", "O`B") for end in ("t1", "seg")))
        files = {scan: paths[0] for scan, paths in find_scans(tmp_path, ["t1"]).items()}
        assert find_masks("seg", files) == {
            "OB": tmp_path / "O'B_seg.nii",
            "OB-2": tmp_path / "O`B_seg.nii",
        }

    def test_a_number_that_tells_scans_apart_is_not_that_of_a_mask(self, tmp_path):
        make(tmp_path, "O'B.nii", "O`B.nii", "segmentation-2.nii")
        files = {"OB": tmp_path / "O'B.nii", "OB-2": tmp_path / "O`B.nii"}
        with pytest.raises(McwssError, match="no scan has such a mask"):
            find_masks("segmentation", files, partial=True)

    def test_masks_of_bids(self, tmp_path):
        for name in ("sub-O'B", "sub-O'B2"):
            make(tmp_path, *(f"{name}/anat/{name}_{end}.nii" for end in ("T1w", "T1w_dseg")))
        files = {scan: paths[0] for scan, paths in find_scans(tmp_path, ["T1w"]).items()}
        assert find_masks(str(tmp_path), files) == {
            scan: tmp_path / name / "anat" / f"{name}_T1w_dseg.nii"
            for scan, name in (("sub-OB", "sub-O'B"), ("sub-OB2", "sub-O'B2"))
        }

    def test_the_name_of_another_folder_is_not_taken_for_a_scan_of_its_own_name(self, tmp_path):
        make(tmp_path, "pat/t1.nii", "masks/pat.nii")
        with pytest.raises(McwssError, match="no mask"):
            find_masks(str(tmp_path / "masks"), {"pat-2": tmp_path / "pat/t1.nii"})


@pytest.mark.parametrize(
    ("names", "channels"),
    [
        (BRATS, ["flair", "t1", "t1ce", "t2"]),
        (["t1c.nii.gz", "flair.nii.gz", "seg.nii.gz", "notes.txt"], ["flair", "t1c"]),
        ([], []),
    ],
)
def test_channels_are_guessed_from_names(tmp_path, names, channels):
    assert guess_channels([tmp_path / name for name in names]) == channels
