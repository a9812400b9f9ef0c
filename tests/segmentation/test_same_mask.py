"""A mask is the same wherever it is made: of new CAMs, of stored ones, and by its record."""

import json
from collections.abc import Generator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_mcwss.base.files import replacing
from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel, save_model, untrained
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.scans.phantom import write_phantom
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import STEP_KINDS, Step
from napari_mcwss.segmentation.masks.volume_ranges import VolumeRange
from napari_mcwss.segmentation.prediction.levels import round_to_levels
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import (
    RECORD,
    load_mask,
    load_result,
    save_result,
    stored_settings,
)
from napari_mcwss.segmentation.segment import mask_of, remake_mask, segment_scan
from napari_mcwss.study.study import Study

CLASSES = ("TC", "ED")
HALF = np.float32(0.5)
BELOW = np.nextafter(HALF, np.float32(0))
SHAPE = (3, 16, 16)

NETWORKS = [name for name, entry in PRESETS.items() if not entry.tries]


def info_of(preset: str) -> ModelInfo:
    return ModelInfo(
        preset=preset,
        classes=CLASSES,
        channels=("t1c", "flair"),
        width=4,
        encoder="efficientnet-lite0" if preset == "features" else "",
        pixel=2.0,
        precedence=((False, True), (False, False)),
        scans=(),
        epochs=1,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("same")
    write_phantom(folder / "scans", scans=1, size=SHAPE)
    (scan,) = (folder / "scans").iterdir()
    files = {"scan": [scan / "t1c.nii.gz", scan / "flair.nii.gz"]}
    study = Study.create(
        folder / "study", scans=files, channels=["t1c", "flair"], classes=list(CLASSES)
    )
    study.tags.change("scan", 1, "TC", 1)
    study.make_folder(study.model_folder("m"))
    save_model(study.model_folder("m"), untrained(info_of("mcwss")), info_of("mcwss"))
    return study


ratios = st.floats(0, 1)
values = st.one_of(
    ratios.map(np.float32),
    st.sampled_from([HALF, BELOW, *(np.float32((k + 0.5) / 255) for k in range(255))]),
)
steps = st.lists(
    st.sampled_from(list(STEP_KINDS.values())).flatmap(
        lambda kind: st.builds(
            Step,
            st.just(kind.name),
            st.none()
            if kind.parameter is None
            else st.floats(kind.parameter.low, min(kind.parameter.high, 8)),
        )
    ),
    max_size=2,
).map(tuple)
ranges = st.one_of(
    st.just({}),
    st.builds(lambda low, more: {"ED": VolumeRange(low, low + more)}, st.floats(0, 9), ratios),
)


@settings(max_examples=40, deadline=None)
@given(
    noise=st.integers(0, 2**32 - 1),
    cells=arrays(np.float32, (2, 3, 4, 4), elements=values),
    scores=arrays(np.float32, (3, 2), elements=values),
    threshold=st.one_of(ratios, st.integers(0, 255).map(lambda level: level / 255)),
    gate=st.one_of(st.none(), ratios),
    use_tags=st.booleans(),
    steps=steps,
    volumes=ranges,
)
def test_a_mask_of_any_settings_is_that_of_the_stored_cams(
    study, noise, cells, scores, threshold, gate, use_tags, steps, volumes
):
    rng = np.random.default_rng(noise)
    cams = np.kron(cells, np.ones((1, 1, 4, 4), np.float32))
    cams *= rng.choice([0.999, 1], cams.shape).astype(np.float32)
    round_to_levels(cams)
    tags = study.tags.read("scan").values
    chosen = MaskSettings(threshold, gate, tags if use_tags else None, steps, volumes)
    info = info_of("mcwss").model_copy(update={"run": read_run(study)})
    new = Prediction("scan", CLASSES, scores, cams)
    mask = mask_of(study, info, new, chosen)
    save_result(study, "m", info.run, new, mask, chosen, study.scan("scan").geometry)

    stored = load_result(study, "m", "scan")
    assert stored is not None
    np.testing.assert_array_equal(stored.cams, cams)
    np.testing.assert_array_equal(stored.scores, scores)
    np.testing.assert_array_equal(mask_of(study, info, stored, chosen), mask)
    record = stored_settings(study, "m", "scan")
    remake_mask(study, "m", info, "scan", MaskSettings.of_record(record, tags, CLASSES))
    np.testing.assert_array_equal(load_mask(study, "m", "scan"), mask)
    assert stored_settings(study, "m", "scan") == record


def read_run(study: Study) -> str:
    return json.loads((study.model_folder("m") / "config.json").read_text())["run"]


@given(cams=arrays(np.float32, (50,), elements=values))
def test_rounding_moves_no_value_across_the_middle_and_none_far(cams):
    rounded = cams.copy()
    round_to_levels(rounded)
    np.testing.assert_array_equal(rounded >= 0.5, cams >= 0.5)
    assert np.abs(rounded - cams).max() <= 0.5 / 255 + 1e-6
    again = rounded.copy()
    round_to_levels(again)
    np.testing.assert_array_equal(again, rounded)


@pytest.mark.parametrize("preset", NETWORKS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_a_preset_predicts_is_what_is_read_again(tmp_path: Path, preset: str):
    write_phantom(tmp_path / "scans", scans=1, size=(5, 41, 36))
    (scan,) = (tmp_path / "scans").iterdir()
    study = Study.create(
        tmp_path / "study",
        scans={"scan": [scan / "t1c.nii.gz", scan / "flair.nii.gz"]},
        channels=["t1c", "flair"],
        classes=list(CLASSES),
    )
    torch.manual_seed(0)
    info = info_of(preset)
    network = untrained(info)
    study.make_folder(study.model_folder("m"))
    save_model(study.model_folder("m"), network, info)
    model = TrainedModel(info, network.eval(), torch.device("cpu"))
    for chosen in (MaskSettings(gate=None), MaskSettings(0.3, None, steps=(Step("edges"),))):
        new = _end_of(segment_scan(study, "m", model, "scan", chosen))
        stored = load_result(study, "m", "scan")
        assert stored is not None
        assert new.cams.any()
        np.testing.assert_array_equal(new.cams, stored.cams)
        np.testing.assert_array_equal(new.scores, stored.scores)
        np.testing.assert_array_equal(
            mask_of(study, info, stored, chosen), load_mask(study, "m", "scan")
        )


def _end_of(steps: Generator[object, None, Prediction]) -> Prediction:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_the_flooded_side_of_a_border_stays_in_the_mask(study):
    """CAMs that follow the borders of the scan are exactly 0.5 on one side, and just below it."""
    info = info_of("mcwss").model_copy(update={"run": read_run(study)})
    cams = np.full((2, *SHAPE), BELOW)
    cams[0, :, 4:9, 4:9] = HALF
    round_to_levels(cams)
    scores = np.ones((3, 2), np.float32)
    plain = MaskSettings(steps=())
    mask = mask_of(study, info, Prediction("scan", CLASSES, scores, cams), plain)
    assert np.count_nonzero(mask == 1) == 75
    assert np.count_nonzero(mask == 2) == 0


class TestResultsOfOlderVersions:
    """Their CAMs were rounded to even, after the mask was made."""

    @pytest.fixture
    def older(self, segmented_study) -> Study:
        name = segmented_study.scan_names[0]
        folder = segmented_study.result_folder("model-1", name)
        for file in folder.glob("cam_*.nii.gz"):
            image = nib.load(file)
            levels = np.asarray(image.dataobj.get_unscaled()).copy()
            levels[...] = np.where(levels > 110, 127, 0)
            with replacing(file) as path:
                made = nib.Nifti1Image(levels, None, image.header)
                made.header.set_slope_inter(1 / 255, 0)
                made.to_filename(path)
        record = json.loads((folder / RECORD).read_text())
        del record["exact_cams"]
        (folder / RECORD).write_text(json.dumps(record))
        mask = folder / "mask.nii.gz"
        image = nib.load(mask)
        voxels = np.asarray(image.dataobj).copy()
        voxels[...] = 1
        nib.Nifti1Image(voxels, image.affine, image.header).to_filename(mask)
        return segmented_study

    def test_they_are_read_and_told_of_when_masks_are_made_of_them(self, run, older):
        first, second = older.scan_names[:2]
        code, out, err = run("mask", older.folder, "--model", "model-1")
        assert (code, out) == (0, "2 masks made again\n")
        assert f"{first} was segmented by an older version" in err
        assert f"{second} was" not in err
        code, _, err = run("mask", older.folder, "--model", "model-1")
        assert "older version" not in err, "now the mask is that of the CAMs"

    def test_a_threshold_is_not_chosen_on_them_in_silence(self, run, older):
        code, _, err = run(
            *("threshold", older.folder, "--model", "model-1", "--masks", "seg"),
            *("--map", "TC=1", "--map", "ED=2"),
        )
        assert code == 0
        assert "segment it again" in err

    def test_a_damaged_mask_of_theirs_is_made_anew(self, run, older):
        mask = older.result_folder("model-1", older.scan_names[0]) / "mask.nii.gz"
        mask.write_bytes(b"half")
        code, out, _ = run("mask", older.folder, "--model", "model-1")
        assert (code, out) == (0, "2 masks made again\n")
        load_mask(older, "model-1", older.scan_names[0])
