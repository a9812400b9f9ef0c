"""Results of the front door: those of the command line, and masks made anew."""

import numpy as np
import pytest

import napari_mcwss as mcwss


def files(study, scan: str) -> dict[str, bytes]:
    folder = study.result_folder("first", scan)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_scan_is_segmented_as_by_the_command(study, run):
    study.segment("pat0002", "first", threshold=0.4, steps="small=0.1,holes", progress=False)
    found = files(study, "pat0002")
    options = ("--threshold", 0.4, "--steps", "small=0.1,holes", "--device", "cpu")
    code, _, err = run("segment", study.folder, "--model", "first", "--scans", "pat0002", *options)
    assert code == 0, err
    assert files(study, "pat0002") == found


def test_a_mask_is_made_anew_as_by_the_command(study, run):
    result = study.segment("pat0002", "first", progress=False)
    remade = result.remask(threshold=0.3, gate=0.2, steps="none", volumes={"ED": ":5"})
    assert not np.array_equal(remade.mask, result.mask)
    before = files(study, "pat0002")
    assert before["mask.nii.gz"] != b""
    remade.save()
    found = files(study, "pat0002")
    assert found != before
    options = ("--threshold", 0.3, "--gate", 0.2, "--steps", "none", "--volume", "ED=:5")
    code, _, err = run("mask", study.folder, "--model", "first", "--scans", "pat0002", *options)
    assert code == 0, err
    assert files(study, "pat0002") == found


def test_making_a_mask_anew_writes_nothing_and_keeps_what_is_not_given(study):
    result = study.segment(
        "pat0002", "first", ignore_tags=True, threshold=0.3, steps="none", progress=False
    )
    before = files(study, "pat0002")
    remade = result.remask(gate=0.1)
    assert files(study, "pat0002") == before
    assert (remade.settings.threshold, remade.settings.steps) == (0.3, ())
    assert remade.settings.tags is None
    assert result.settings.gate == 0.5


def test_a_class_can_have_a_threshold_of_its_own(study):
    result = study.segment("pat0001", "first", threshold={"TC": 0.3}, progress=False)
    opened = study.result("pat0001", "first").settings
    assert (opened.threshold, opened.thresholds) == (0.5, {"TC": 0.3})
    both = result.remask(threshold={"ED": 0.6}).settings
    assert both.thresholds == {"TC": 0.3, "ED": 0.6}
    assert not result.remask(threshold=0.4).settings.thresholds, "0.4 is for all"


def test_a_stored_result_is_opened_with_its_settings(study):
    stored = study.segment("pat0001", "first", threshold=0.3, volumes={"TC": "1:9"}, progress=False)
    opened = study.result("pat0001", "first")
    assert np.array_equal(opened.mask, stored.mask)
    assert opened.settings.record() == stored.settings.record()
    assert opened.settings.tags is not None
    assert str(opened.settings.volumes["TC"]) == "1:9"


def test_values_out_of_range_are_refused(study):
    result = study.result("pat0006", "first")
    for wrong, message in (
        ({"threshold": 1.5}, "threshold = 1.5: expected"),
        ({"threshold": {"TC": -1}}, "threshold = -1: expected"),
        ({"threshold": {"WT": 0.4}}, "no class 'WT' for a threshold"),
        ({"gate": float("nan")}, "gate = nan"),
        ({"steps": "magic"}, "magic"),
        ({"volumes": {"WT": "2:3"}}, "'WT'"),
    ):
        with pytest.raises(mcwss.McwssError, match=message):
            result.remask(**wrong)


def test_a_scan_without_result_is_named(study):
    with pytest.raises(mcwss.McwssError, match="pat0001 has no mask of model first"):
        study.result("pat0001", "first")


def test_what_is_wrong_with_one_scan_does_not_stop_the_others(study, capfd):
    study.files("pat0001")[0].write_bytes(b"half a file")
    with pytest.raises(mcwss.McwssError, match=r"1 of 4 scans could not be segmented.*pat0001"):
        study.segment_all("first")
    assert "pat0001: " in capfd.readouterr().err
    assert study.result("pat0005", "first").scan == "pat0005"
    with pytest.raises(mcwss.McwssError, match="no scan 'nobody'"):
        study.segment_all("first", ["nobody"])


def test_a_model_of_another_study_is_refused(study, example_folder):
    model = mcwss.Model.load(example_folder / "my-study" / "models" / "first")
    with pytest.raises(mcwss.McwssError, match="is not a model of this study"):
        study.segment("pat0002", model)
    assert study.segment("pat0002", study.model("first", device="cpu"), progress=False).scan


def test_numpy_takes_a_result_for_its_mask(study):
    result = study.result("pat0006", "first")
    assert np.shares_memory(np.asarray(result), result.mask)
    assert np.array(result, copy=True) is not result.mask
    assert np.asarray(result, float).dtype == float
    assert repr(result).startswith("<Segmentation of pat0006: TC ")


def test_an_array_gets_the_masks_of_a_scan_with_the_same_voxels(study):
    found = study.segment("pat0002", "first", ignore_tags=True, steps="none", progress=False)
    scan = study.scan("pat0002")
    model = study.model("first", device="cpu")
    result = model.segment(scan.volume(), scan.geometry.spacing, steps="none", progress=False)
    assert np.array_equal(result.mask, found.mask)
    assert np.allclose(result.cams["ED"], found.cams["ED"], atol=1 / 255)
    assert result.volumes_ml == found.volumes_ml


def test_arrays_that_do_not_fit_are_refused(study):
    model = study.model("first")
    with pytest.raises(mcwss.McwssError, match=r"shape \(5, 32, 32\): expected .* 2 channels"):
        model.segment(np.zeros((5, 32, 32)))
    with pytest.raises(mcwss.McwssError, match="three numbers above 0"):
        model.segment(np.zeros((2, 5, 32, 32)), spacing=(1, 0, 1))


def test_a_result_of_an_array_has_nowhere_to_be_saved(study):
    voxels = np.zeros((2, 3, 20, 20))
    voxels[:, 1, 5:9] = np.nan
    result = study.model("first").segment(voxels, progress=False)
    assert not result.mask.any()
    with pytest.raises(mcwss.McwssError, match="belongs to no study"):
        result.remask(threshold=0.4).save()


def test_without_progress_nothing_is_printed(study, capfd):
    study.segment("pat0002", "first", progress=False)
    study.train("second", epochs=1, width=2, device="cpu", progress=False)
    assert capfd.readouterr() == ("", "")
    study.segment("pat0002", "first")
    out, err = capfd.readouterr()
    assert not out
    assert "pat0002" in err
