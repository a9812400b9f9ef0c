"""A script reads, writes, imports and exports tags through `Study.tags`."""

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import export_tags
from napari_mcwss.tags.table import Tag, TagTable

VALUES = {"TC": 1, "ED": (2,)}


@pytest.fixture
def study(tagged_folder, tmp_path) -> Study:
    """Phantoms that are as good as untagged, in a study made of a folder."""
    made = Study.create(
        str(tmp_path / "study"),
        scans=str(tagged_folder / "scans"),
        channels=PHANTOM_CHANNELS,
        classes=["TC", "ED"],
    )
    made.tags["phantom01"][0, "TC"] = Tag.PRESENT  # the mask says that it is absent
    return made


def test_a_study_made_of_a_folder_has_the_scans_that_are_found_there(study, tagged_study):
    assert study.scan_names == tagged_study.scan_names
    assert [study.files(name) for name in study.scan_names]
    assert Study.open(str(study.folder)).scan_names == study.scan_names


def test_a_tag_is_on_disk_when_it_is_written_and_can_be_undone(study):
    tags = study.tags["phantom02"]
    tags[np.int64(3), "ED"] = Tag.ABSENT
    again = Study.open(study.folder)
    assert again.tags["phantom02"][3, "ED"] is Tag.ABSENT
    assert again.tags["phantom02"].table.get(3, "ED") is Tag.ABSENT
    assert (tags.values != -1).sum() == 1
    study.tags.undo()
    assert tags[3, "ED"] is Tag.UNKNOWN


def test_what_a_view_returns_is_a_copy(study):
    tags = study.tags["phantom02"]
    tags.values[:] = 1
    tags.table.set(0, "TC", Tag.PRESENT)
    assert not tags.table.tagged.any()


def test_unknown_names_are_refused(study):
    tags = study.tags["phantom01"]
    with pytest.raises(McwssError, match="no scan 'pat'"):
        study.tags["pat"]
    for key in ((9, "TC"), (-1, "TC"), (0, "XX")):
        with pytest.raises(McwssError, match="does not exist"):
            tags[key]
        with pytest.raises(McwssError, match="does not exist"):
            tags[key] = Tag.PRESENT
    with pytest.raises(McwssError, match="tag 2"):
        tags[0, "TC"] = 2
    assert (tags.values != -1).sum() == 1


def test_conflicts_with_masks_are_refused_until_one_side_is_chosen(study, tagged_study):
    with pytest.raises(
        McwssError, match=r"1 tag of the study .*slice 0, TC: present in the study.*keep"
    ):
        study.tags.import_masks("seg", VALUES)
    with pytest.raises(McwssError, match="both overwrite and keep"):
        study.tags.import_masks("seg", VALUES, overwrite=True, keep=True)
    assert sum((study.tags[scan].values != -1).sum() for scan in study.scan_names) == 1
    assert study.tags.import_masks("seg", VALUES, keep=True) == 4 * 9 * 2 - 1
    assert study.tags["phantom01"][0, "TC"] is Tag.PRESENT
    assert study.tags.import_masks("seg", VALUES, overwrite=True) == 1
    for scan in study.scan_names:
        assert np.array_equal(study.tags[scan].values, tagged_study.tags[scan].values)


def test_masks_of_some_scans_tag_these_alone(study):
    study.tags.import_masks("seg", VALUES, ["phantom02", "phantom03"])
    tagged = [scan for scan in study.scan_names if study.tags[scan].table.tagged.all()]
    assert tagged == ["phantom02", "phantom03"]


def test_a_file_that_was_exported_is_imported_again(study, tagged_study, tmp_path):
    file = tmp_path / "tags.csv"
    assert tagged_study.tags.export(str(file)) == 4 * 9 * 2
    assert file.read_bytes() == _exported(tagged_study, tmp_path / "again.csv")
    with pytest.raises(McwssError, match="1 tag of the study"):
        study.tags.import_file(str(file))
    assert study.tags.import_file(file, overwrite=True) == 4 * 9 * 2
    assert study.tags.import_file(tagged_study.folder) == 0
    study.tags.write({"phantom01": TagTable.empty(9, study.class_names)})
    assert study.tags.import_file(str(tagged_study.folder)) == 9 * 2


def _exported(study, path):
    export_tags(study, path)
    return path.read_bytes()
