"""Many scans one after the other: skipping what is done, surviving what is broken."""

import json

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.segmentation.batch import add_found, segment_scans
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress, seconds_left, summary
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.results import (
    RECORD,
    has_exact_cams,
    has_result,
    load_mask,
    stored_settings,
)

MODEL = "model-1"


@pytest.fixture
def scans(trained_study):
    return trained_study.scan_names


def spoil(study, scan: str) -> None:
    study.files(scan)[0].write_bytes(b"half a file")
    study._scans.clear()


def batch(study, scans, **options):
    """Run a batch; give all that it yields."""
    model = load_model(study.model_folder(MODEL), device="cpu")
    return list(segment_scans(study, MODEL, model, scans, tags=lambda _: None, **options))


def ends(steps) -> dict[str, ScanDone]:
    return {step.scan: step for step in steps if isinstance(step, ScanDone)}


def test_one_bad_file_does_not_stop_the_others(trained_study, scans):
    spoil(trained_study, scans[1])
    steps = batch(trained_study, scans)
    found = ends(steps)
    assert [scan for scan in scans if found[scan].problem] == [scans[1]]
    assert trained_study.files(scans[1])[0].name in found[scans[1]].problem
    assert [has_result(trained_study, MODEL, scan) for scan in scans] == [True, False, True, True]
    assert all(found[scan].seconds > 0 for scan in scans if scan != scans[1])
    here = [step for step in steps if isinstance(step, ScanProgress) and step.scan == scans[2]]
    assert {(step.number, step.scans) for step in here} == {(3, 4)}
    assert here[-1].done == here[-1].total == 9


def test_what_is_done_is_skipped_unless_asked_for_again(trained_study, scans):
    batch(trained_study, scans[:1])
    assert ends(batch(trained_study, scans[:2]))[scans[0]].skipped
    assert not ends(batch(trained_study, scans[:1], again=True))[scans[0]].skipped


def test_scans_that_are_done_do_not_count_to_what_is_to_come(trained_study, scans):
    batch(trained_study, scans[1:3])
    steps = batch(trained_study, scans)
    assert [step.scan for step in steps[:2]] == [*scans[1:3]]
    there = [
        (step.scan, step.number, step.scans) for step in steps if isinstance(step, ScanProgress)
    ]
    assert set(there) == {(scans[0], 1, 2), (scans[3], 2, 2)}


def test_a_cancelled_batch_keeps_what_is_done(trained_study, scans):
    model = load_model(trained_study.model_folder(MODEL), device="cpu")
    steps = segment_scans(trained_study, MODEL, model, scans, tags=lambda _: None)
    while not isinstance(next(steps), ScanDone):
        pass
    next(steps)
    steps.close()
    assert [has_result(trained_study, MODEL, scan) for scan in scans[:2]] == [True, False]


def test_scans_of_a_folder_join_the_study_as_far_as_they_can_be_read(
    trained_study, trained_folder, tmp_path
):
    for name in ("new1", "new2"):
        source = trained_folder / "scans" / "phantom01"
        for file in source.glob("*.nii.gz"):
            target = tmp_path / "more" / name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"half" if name == "new2" else file.read_bytes())
    found = find_scans(tmp_path / "more", trained_study.channels)
    added, problems = add_found(trained_study, found)
    assert (added, [end.scan for end in problems]) == (["new1"], ["new2"])
    assert "new1" in trained_study.scan_names
    assert add_found(trained_study, found)[0] == ["new1"], "once more, it is there already"


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        ([ScanDone("a", 2.0)], "1 scan segmented, 2.0 s each"),
        ([ScanDone("a", problem="?")], "0 scans segmented; 1 could not be segmented"),
        (
            [ScanDone("a", skipped=True), ScanDone("b", skipped=True)],
            "0 scans segmented; 2 were done already",
        ),
    ],
)
def test_a_batch_is_summed_up_in_a_line(ended, text):
    assert summary(ended) == text


def test_masks_by_other_settings_are_told_of_or_made_anew(trained_study, scans):
    batch(trained_study, scans[:2], settings=MaskSettings(0.4))
    found = ends(batch(trained_study, scans[:2], settings=MaskSettings(0.3)))
    assert found[scans[0]] == ScanDone(scans[0], skipped=True, other_settings=True)
    assert stored_settings(trained_study, MODEL, scans[0])["threshold"] == 0.4
    found = ends(batch(trained_study, scans[:2], settings=MaskSettings(0.3), remake=True))
    assert found[scans[0]] == ScanDone(scans[0], skipped=True, remade=True)
    assert stored_settings(trained_study, MODEL, scans[0])["threshold"] == 0.3
    found = ends(batch(trained_study, scans[:2], settings=MaskSettings(0.3), remake=True))
    assert found[scans[0]] == ScanDone(scans[0], skipped=True)


def test_masks_of_older_cams_are_made_anew_by_the_network(trained_study, scans):
    batch(trained_study, scans[:1])
    record = trained_study.result_folder(MODEL, scans[0]) / RECORD
    older = json.loads(record.read_text())
    assert older.pop("exact_cams")
    record.write_text(json.dumps(older))
    (end,) = ends(batch(trained_study, scans[:1])).values()
    assert end.skipped
    options = {"settings": MaskSettings(0.3), "remake": True}
    (end,) = ends(batch(trained_study, scans[:1], **options)).values()
    assert not end.skipped
    assert has_exact_cams(trained_study, MODEL, scans[0])


def test_damaged_tags_of_a_segmented_scan_do_not_stop_the_others(trained_study, scans):
    batch(trained_study, scans[:2])

    def tags(scan: str) -> None:
        if scan == scans[0]:
            raise McwssError("its tags are damaged")

    model = load_model(trained_study.model_folder(MODEL), device="cpu")
    found = ends(segment_scans(trained_study, MODEL, model, scans[:2], tags=tags))
    assert found[scans[0]].problem == "its tags are damaged"
    assert found[scans[1]].skipped


class TestCommand:
    def test_options_count_for_scans_that_are_done_already(self, trained_study, scans, run):
        command = ("segment", trained_study.folder, "--model", MODEL, "--device", "cpu")
        assert run(*command)[0] == 0
        assert stored_settings(trained_study, MODEL, scans[0])["tags"]
        out = run(*command)[1]
        assert "4 were done already:" in out
        code, out, _ = run(*command, "--threshold", 0.3)
        assert (code, "4 were done already, 4 masks made anew" in out) == (0, True)
        code, out, _ = run(*command, "--ignore-tags", "--threshold", 0.3)
        assert (code, "4 were done already, 4 masks made anew" in out) == (0, True)
        assert stored_settings(trained_study, MODEL, scans[0]) == {
            "threshold": 0.3,
            "gate": 0.5,
            "tags": False,
            "steps": "holes",
        }
        assert "4 were done already, 4 masks with other settings:" in run(*command)[1]
        assert stored_settings(trained_study, MODEL, scans[0])["threshold"] == 0.3

    def test_it_goes_on_after_a_bad_file_and_tells_at_the_end(self, trained_study, scans, run):
        spoil(trained_study, scans[0])
        command = ("segment", trained_study.folder, "--model", MODEL, "--device", "cpu")
        code, out, err = run(*command)
        assert code == 2
        assert "3 scans segmented" in out
        last = err.strip().splitlines()[-1]
        assert last.startswith(f"error: 1 of 4 scans could not be segmented, see above: {scans[0]}")
        code, out, _ = run(*command)
        assert "0 scans segmented; 3 were done already; 1 could not be segmented" in out

    def test_a_scan_that_is_named_is_segmented_again(self, trained_study, scans, run):
        command = ("segment", trained_study.folder, "--model", MODEL, "--device", "cpu")
        for _ in range(2):
            assert "1 scan segmented" in run(*command, "--scans", scans[0])[1]
        mask = load_mask(trained_study, MODEL, scans[0])
        assert mask.shape == trained_study.scan(scans[0]).geometry.shape
        assert np.unique(mask).max() <= 2

    def test_scans_and_folder_cannot_be_joined(self, trained_study, refused, tmp_path):
        options = ("--scans", "phantom01", "--folder", tmp_path)
        command = ("segment", trained_study.folder, "--model", MODEL)
        assert "cannot be combined" in refused(*command, *options)


def test_an_unknown_scan_is_refused(trained_study, refused):
    command = ("segment", trained_study.folder, "--model", MODEL, "--scans", "nobody")
    assert "nobody" in refused(*command)


def test_the_time_left_is_that_of_scans_that_were_not_skipped():
    ended = [
        ScanDone("a", 4.0),
        ScanDone("b", skipped=True),
        ScanDone("c", 6.0),
        ScanDone("d", problem="no"),
    ]
    assert seconds_left(ScanProgress("e", 5, 7), ended) == 15
    assert seconds_left(ScanProgress("e", 5, 7, 5, 20), ended) == 13.75
    assert seconds_left(ScanProgress("c", 3, 7), ended[1:2]) is None
