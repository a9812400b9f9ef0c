"""Heads that learn from the masks of few scans, and from the tags of the others."""

from functools import partial

import numpy as np
import platformdirs
import pytest
import torch
from helpers.blobs import SIDE, SLICES, blob_scan, blob_tags
from safetensors.torch import load_file

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.model.heads import MaskHead
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.prediction.predict import predict
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import TagTable
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data import training_data
from napari_mcwss.training.data.file_cache import cache_folder
from napari_mcwss.training.events import Batch, Started
from napari_mcwss.training.features import fit_masks, stage
from napari_mcwss.training.features.fit import fit_heads
from napari_mcwss.training.loop import train

CONFIG = TrainingConfig(preset="features", pixel=1.0, device="cpu")


@pytest.fixture
def study(tmp_path, monkeypatch) -> Study:
    """Three tagged scans with a blob on the later slices, and an empty cache."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    files = {}
    for seed in range(3):
        scan, _ = blob_scan(seed)
        path = tmp_path / f"{scan.name}.nii.gz"
        write_volume(path, scan.volume()[0], scan.geometry, dtype=np.float32)
        files[scan.name] = [path]
    study = Study.create(tmp_path / "study", scans=files, channels=["t1"], classes=["blob"])
    study.tags.write({name: TagTable(study.class_names, blob_tags()) for name in files})
    return study


@pytest.fixture
def steps(monkeypatch):
    """Change the number of steps."""

    def change(regions: int, details: int) -> None:
        quick = partial(fit_heads, region_steps=regions, detail_steps=details)
        monkeypatch.setattr(stage, "fit_heads", quick)

    change(3, 4)
    return change


def mask_of(seed: int) -> np.ndarray:
    mask = np.zeros((SLICES, SIDE, SIDE), np.uint8)
    mask[SLICES // 2 + 1 :, *blob_scan(seed)[1]] = 1
    return mask


def dice(study: Study, model: str, seed: int) -> float:
    prediction = Returning(
        predict(load_model(study.model_folder(model), device="cpu"), study.scan(f"scan-{seed}"))
    )
    list(prediction)
    found, mask = prediction.value.cams[0] > 0.5, mask_of(seed) > 0
    return 2 * (found & mask).sum() / (found.sum() + mask.sum())


def test_one_mask_teaches_where_the_class_ends_on_another_scan(study, steps):
    steps(20, 60)
    names = study.scan_names[:2]
    list(train(study, "tags", CONFIG, scans=names))
    list(train(study, "mask", CONFIG, scans=names, trusted={names[0]: mask_of(0)}))
    assert dice(study, "mask", 2) > max(0.8, dice(study, "tags", 2) + 0.1)


def test_the_head_is_fitted_to_masks_and_then_to_its_own_labels(study, steps):
    names = study.scan_names[:2]
    events = list(train(study, "m", CONFIG, scans=names, trusted={names[0]: mask_of(0)}))
    assert next(event for event in events if isinstance(event, Started)).epochs == 1
    batches = [event for event in events if isinstance(event, Batch)]
    assert [set(event.losses) - {"total"} for event in batches] == [{"regions"}] * 3 + [
        {"masks"}
    ] * 8
    progress = [event.progress for event in batches]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    info = read_info(study.model_folder("m"))
    assert info.trusted_scans == names[:1]
    every = {name: mask_of(seed) for seed, name in enumerate(names)}
    events = list(train(study, "all", CONFIG, scans=names, trusted=every))
    batches = [event for event in events if isinstance(event, Batch)]
    assert [set(event.losses) - {"total"} for event in batches][3:] == [{"masks"}] * 4
    assert read_info(study.model_folder("all")).preset == "features"


def test_a_model_without_masks_has_no_head_for_them(study, steps):
    list(train(study, "m", CONFIG))
    weights = load_file(study.model_folder("m") / "weights.safetensors")
    assert not any(name.startswith("masks") for name in weights)
    preset = load_model(study.model_folder("m"), device="cpu").preset
    assert (preset.masks, preset.smoothing) == (None, (0, 0, 0))


def test_own_labels_are_empty_where_the_tags_say_absent(study, steps, monkeypatch):
    made = {}
    label = fit_masks._Pixels.label

    def watched(*arguments):
        made.update((yield from label(*arguments)))
        return made

    monkeypatch.setattr(fit_masks._Pixels, "label", watched)
    list(train(study, "m", CONFIG, trusted={"scan-0": mask_of(0)}))
    assert set(made) == {1, 2}
    absent = torch.from_numpy(blob_tags()[1:, 0] == 0)  # the first slice has no foreground
    for shares in made.values():
        assert not shares[absent, 1].any()
        assert shares[~absent, 1].any()
        torch.testing.assert_close(shares.float().sum(1), torch.ones(12, 40, 40), atol=2e-3, rtol=0)


@pytest.mark.parametrize("alike", [False, True])
def test_the_position_is_read_with_masks_of_scans_that_are_cut_alike(
    study, steps, monkeypatch, alike
):
    """The level tells the tags of the blobs; a higher bar makes it not tell them."""
    if not alike:
        monkeypatch.setattr(training_data, "PREDICTIVE_AUC", 1.1)
    list(train(study, "tags", CONFIG))
    list(train(study, "mask", CONFIG, trusted={"scan-0": mask_of(0)}))
    places = [read_info(study.model_folder(name)).place for name in ("tags", "mask")]
    assert places == [False, alike]
    assert 0 <= dice(study, "mask", 2) <= 1
    assert len(list(cache_folder("features").glob("*"))) == 3, "the encoder reads no position"


def test_with_masks_auto_trains_no_preset_that_learns_nothing_from_them(study, steps):
    config = CONFIG.model_copy(update={"preset": "auto"})
    events = list(train(study, "m", config, trusted={"scan-0": mask_of(0)}))
    assert next(event for event in events if isinstance(event, Started)).epochs == 1
    info = read_info(study.model_folder("m"))
    assert (info.preset, info.trusted_scans) == ("features", ("scan-0",))


def test_presets_that_learn_nothing_from_masks_refuse_them(study):
    config = CONFIG.model_copy(update={"preset": "local"})
    with pytest.raises(McwssError, match="'features' and second stages learn from masks"):
        next(train(study, "m", config, trusted={"scan-0": mask_of(0)}))


def test_components_vary_alike_whatever_the_features_are():
    torch.manual_seed(0)
    head = MaskHead([16, 3], certain=1, classes=2, hidden=8).eval()
    assert head.components == [8, 3]
    few = torch.randn(500, 2) @ torch.randn(2, 16)  # two components, the others do not vary
    levels = [few * 100 + 7, torch.randn(500, 3) * 0.01]
    head.find_components(levels)
    maps = [level.T.reshape(1, -1, 20, 25) for level in levels]
    found = head.project(maps, (20, 25))[0].flatten(1).T
    assert found.shape == (500, 11)
    deviations = found.std(0).sort().values
    torch.testing.assert_close(deviations[-5:], torch.ones(5), atol=0.2, rtol=0)
    assert deviations[:-5].max() < 0.1


def test_certain_features_are_never_left_out():
    torch.manual_seed(0)
    head = MaskHead([16, 3], certain=1, classes=2, hidden=8, dropout=1.0).train()
    components = torch.randn(5, 11)
    evidence = head(components)
    components[:, :8] += 1
    torch.testing.assert_close(head(components), evidence)
    components[:, 8:] += 1
    assert (head(components) != evidence).any()
