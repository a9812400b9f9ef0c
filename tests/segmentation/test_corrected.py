"""Corrected masks on the disk, what counts as right, and learning from them."""

import json

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation import corrected
from napari_mcwss.segmentation.corrected import (
    CorrectedMask,
    is_corrected,
    read_corrected,
    right_scans,
    save_corrected,
    trusted_masks,
)
from napari_mcwss.study.study import Study


@pytest.fixture
def blocks(tagged_study: Study) -> dict[str, np.ndarray]:
    """A label image for each scan."""
    found = {}
    for scan in tagged_study.scan_names:
        image = np.zeros(tagged_study.scan(scan).geometry.shape, np.uint8)
        image[:, 10:20, 10:20], image[:, 22:30, 12:25] = 1, 2
        found[scan] = image
    return found


def test_a_mask_comes_back_as_it_was(tagged_study, blocks):
    assert read_corrected(tagged_study, "phantom01") is None
    save_corrected(tagged_study, "phantom01", CorrectedMask(blocks["phantom01"], True, "first"))
    found = read_corrected(Study.open(tagged_study.folder), "phantom01")
    np.testing.assert_array_equal(found.labels, blocks["phantom01"])
    assert (found.right, found.model) == (True, "first")
    assert is_corrected(tagged_study, "phantom01")


def test_only_masks_that_were_called_right_are_trusted(tagged_study, blocks):
    with pytest.raises(McwssError, match="no corrected mask is marked as right"):
        trusted_masks(tagged_study)
    for scan, right in (("phantom01", True), ("phantom02", False)):
        save_corrected(tagged_study, scan, CorrectedMask(blocks[scan], right))
    assert right_scans(tagged_study) == ["phantom01"]
    assert list(trusted_masks(tagged_study)) == ["phantom01"]
    with pytest.raises(McwssError, match="no corrected mask is marked as right"):
        trusted_masks(tagged_study, ["phantom02"])


def test_a_mask_that_cannot_be_written_leaves_the_old_one_but_not_as_right(
    tagged_study, blocks, monkeypatch
):
    save_corrected(tagged_study, "phantom01", CorrectedMask(blocks["phantom01"], True))

    def full(*_, **__):
        raise McwssError("cannot write 'x': No space left on device")

    monkeypatch.setattr(corrected, "write_volume", full)
    with pytest.raises(McwssError, match="No space"):
        save_corrected(tagged_study, "phantom01", CorrectedMask(blocks["phantom01"] * 0))
    found = read_corrected(tagged_study, "phantom01")
    np.testing.assert_array_equal(found.labels, blocks["phantom01"])
    assert not found.right


def test_classes_that_were_added_later_change_no_label(tagged_study, blocks):
    save_corrected(tagged_study, "phantom01", CorrectedMask(blocks["phantom01"], True))
    tagged_study.add_classes(["necrosis"])
    found = read_corrected(tagged_study, "phantom01")
    np.testing.assert_array_equal(found.labels, blocks["phantom01"])
    # Whether it holds the new class, nobody has checked.
    with pytest.raises(McwssError, match="no corrected mask is marked as right"):
        trusted_masks(tagged_study)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["ED", "NC"]}, "painted for the classes ED, NC, the study has TC, ED"),
        ({"right": "perhaps"}, "is damaged"),
    ],
)
def test_what_does_not_fit_is_refused(tagged_study, blocks, change, message):
    save_corrected(tagged_study, "phantom01", CorrectedMask(blocks["phantom01"], True))
    record = tagged_study.folder / "corrected" / "phantom01.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | change))
    with pytest.raises(McwssError, match=message):
        read_corrected(tagged_study, "phantom01")


def test_a_label_of_no_class_is_not_trained_on(tagged_study, blocks):
    blocks["phantom01"][4, 0, 0] = 9
    save_corrected(tagged_study, "phantom01", CorrectedMask(blocks["phantom01"], True))
    with pytest.raises(McwssError, match="label 9 on slice 4, which stands for no class"):
        trusted_masks(tagged_study)


def test_a_mask_that_was_put_there_by_hand_is_not_trusted_unasked(tagged_study, blocks):
    save_corrected(tagged_study, "phantom01", CorrectedMask(blocks["phantom01"], True))
    (tagged_study.folder / "corrected" / "phantom01.json").unlink()
    assert read_corrected(tagged_study, "phantom01") is not None
    assert right_scans(tagged_study) == []


def test_the_second_stage_learns_from_corrected_masks(tagged_study, blocks, run, refused):
    options = ("--model", "m", "--preset", "local", "--epochs", 1, "--width", 2, "--device", "cpu")
    command = ("train", tagged_study.folder, *options, "--trust", "corrected")
    assert "no corrected mask" in refused(*command, "--refine")
    for scan, image in blocks.items():
        save_corrected(tagged_study, scan, CorrectedMask(image, right=True))
    assert "second stage" in refused(*command)
    assert run(*command, "--refine")[0] == 0
    config = json.loads((tagged_study.model_folder("m") / "config.json").read_text())
    assert config["trusted_scans"] == list(blocks)
