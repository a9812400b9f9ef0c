"""From a scan to scores and CAMs in the scan's own pixels."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel, load_model
from napari_mcwss.model.inputs import InputSpec, prepare
from napari_mcwss.model.preset import Maps, Preset
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.reading import read_scan
from napari_mcwss.scans.scan import Scan
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.masks.exclusive import exclusive_mask
from napari_mcwss.segmentation.prediction.predict import Prediction, predict, predict_scores
from napari_mcwss.study.study import Study
from napari_mcwss.training.data.slices import load_scan


class Brightness(Preset):
    """A preset whose CAM is where the first channel is bright, in whatever it is given."""

    def losses(self, batch):
        raise AssertionError("prediction never asks for a loss")

    def predict(self, images, foreground):
        cams = (images[:, :1] > 3).float() * foreground
        return Maps(cams.amax((2, 3)), cams)


def brightness_model(channels=("a",)) -> TrainedModel:
    info = ModelInfo(
        preset="mcwss",
        classes=("bright",),
        channels=channels,
        width=1,
        precedence=((False,),),
        scans=(),
        epochs=1,
    )
    preset = Brightness(len(channels), 1, 1).eval()
    return TrainedModel(info, preset, torch.device("cpu"))


def run(model: TrainedModel, scan: Scan) -> Prediction:
    return value_of(predict(model, scan, batch_size=2))


def value_of(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def write_spot(path: Path, affine: np.ndarray) -> tuple[int, int, int]:
    """Write an image with one bright block, and give a voxel (i, j, k) of it."""
    voxels = np.random.default_rng(0).normal(100, 5, (21, 34, 9)).astype(np.float32)
    voxels[4:6, 25:28, 6] = 1000
    nib.save(nib.Nifti1Image(voxels, affine), path)
    return 4, 25, 6


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
@pytest.mark.parametrize("spacing", [1.0, 2.0, 0.6])
def test_a_mask_lands_on_the_voxels_that_the_network_marked(tmp_path, signs, spacing):
    affine = np.diag([*(sign * spacing for sign in signs), 1.0])
    voxel = write_spot(tmp_path / "a.nii.gz", affine)
    scan = read_scan("s", ("a",), [tmp_path / "a.nii.gz"])
    prediction = run(brightness_model(), scan)
    assert prediction.cams.shape == (1, *scan.geometry.shape)
    mask = exclusive_mask(
        prediction.cams, prediction.scores >= 0.5, precedence=np.zeros((1, 1), bool)
    )
    write_volume(tmp_path / "mask.nii.gz", mask, scan.geometry, dtype=np.uint8)
    written = nib.load(tmp_path / "mask.nii.gz")
    assert np.array_equal(written.affine, nib.load(tmp_path / "a.nii.gz").affine)
    found = np.argwhere(np.asarray(written.dataobj))
    assert written.dataobj[voxel] == 1
    assert found.min(0) == pytest.approx([4, 25, 6], abs=1)
    assert found.max(0) == pytest.approx([5, 27, 6], abs=1)


def test_training_and_prediction_see_the_same_pixels(tagged_study: Study):
    name = tagged_study.scan_names[0]
    input_spec = InputSpec(pixel=2.0, coordinates=True)
    loaded = load_scan(tagged_study, name, input_spec, usable="tagged")
    scan = tagged_study.scan(name)
    seen = prepare(scan.volume(), scan.geometry.spacing, input_spec)
    assert torch.equal(loaded.images, seen.images[seen.occupied])
    assert torch.equal(
        loaded.tags, torch.from_numpy(tagged_study.tags.read(name).values)[seen.occupied]
    )


def test_empty_slices_are_never_shown_to_the_network():
    volume = np.zeros((1, 6, 20, 20), np.float32)
    volume[0, 2:4, 5:15, 5:15] = np.random.default_rng(0).normal(10, 1, (2, 10, 10))
    volume[0, 3, 8, 8] = 100
    scan = Scan.from_array("s", ("a",), volume, Geometry.from_source((20, 20, 6), np.eye(4)))
    model = brightness_model()
    shown = []
    model.preset.register_forward_pre_hook(lambda *_: None)
    original = model.preset.predict
    model.preset.predict = lambda images, foreground: (
        shown.append(len(images)) or original(images, foreground)
    )
    prediction = run(model, scan)
    assert sum(shown) == 2 * 2  # Two slices, each as it is and mirrored.
    assert not prediction.scores[[0, 1, 4, 5]].any()
    assert not prediction.cams[0, [0, 1, 4, 5]].any()
    assert prediction.cams[0, 3, 8, 8] == 1


def test_smoothed_evidence_reaches_the_next_slices_but_no_background():
    class Smooth(Brightness):
        smoothing = (2.0, 0.0, 0.0)

    volume = np.zeros((1, 7, 20, 20), np.float32)
    volume[0, 2:6, 5:15, 5:15] = np.random.default_rng(0).normal(10, 1, (4, 10, 10))
    volume[0, 4, 8, 8] = 100
    scan = Scan.from_array("s", ("a",), volume, Geometry.from_source((20, 20, 7), np.eye(4)))
    model = brightness_model()
    smooth = TrainedModel(model.info, Smooth(1, 1, 1).eval(), model.device)
    smoothed = run(smooth, scan).cams
    along_z = smoothed[0, :, 8, 8]
    assert smoothed.max() <= 1
    assert 0 < along_z[2] < along_z[3] < along_z[4] < 1
    assert not along_z[[0, 1, 6]].any()


def test_smoothing_does_not_fade_evidence_at_the_border_of_foreground():
    class Everywhere(Brightness):
        smoothing = (2.0, 1.0, 1.0)

        def predict(self, images, foreground):
            return Maps(torch.ones(len(images), 1), 0.6 * foreground.float())

    volume = np.zeros((1, 7, 20, 20), np.float32)
    volume[0, 2:6, 5:15, 5:15] = np.random.default_rng(0).normal(10, 1, (4, 10, 10))
    scan = Scan.from_array("s", ("a",), volume, Geometry.from_source((20, 20, 7), np.eye(4)))
    model = brightness_model()
    cams = run(TrainedModel(model.info, Everywhere(1, 1, 1).eval(), model.device), scan).cams
    np.testing.assert_allclose(cams[0], 0.6 * (volume[0] != 0), atol=1e-3)


def test_the_cam_of_a_class_lies_inside_its_parents():
    class Nested(Brightness):
        nesting = (1, 2, -1)

        def predict(self, images, foreground):
            shares = torch.rand(len(images), 3, *images.shape[2:])
            return Maps(torch.ones(len(images), 3), shares)

    scan = bright_square()
    info = brightness_model().info.model_copy(update={"classes": ("core", "middle", "whole")})
    preset = Nested(1, 3, 1).eval()
    core, middle, whole = run(TrainedModel(info, preset, torch.device("cpu")), scan).cams
    assert (core <= middle).all()
    assert (middle <= whole).all()
    assert (core < middle).any()


def test_borders_follow_the_scan_if_the_preset_wants_it():
    class Small(Brightness):
        follows_image = True

        def predict(self, images, foreground):
            cams = torch.full_like(images[:, :1], 0.1)
            cams[..., 4:26, 4:26], cams[..., 12:18, 12:18] = 0.35, 0.9
            return Maps(torch.ones(len(images), 1), cams)

    scan, model = bright_square(), brightness_model()
    cams = run(TrainedModel(model.info, Small(1, 1, 1).eval(), model.device), scan).cams
    square = scan.volume()[0] > 30
    assert ((cams[0] >= 0.5) == square).mean() > 0.99


def bright_square() -> Scan:
    """A square of 14 pixels in the middle of a scan of foreground."""
    volume = np.random.default_rng(0).normal(10, 1, (1, 5, 30, 30)).astype(np.float32)
    volume[:, :, 8:22, 8:22] += 40
    return Scan.from_array("s", ("a",), volume, Geometry.from_source((30, 30, 5), np.eye(4)))


def test_scores_alone_take_no_maps(trained_study: Study, monkeypatch):
    model = load_model(trained_study.model_folder("model-1"), device="cpu")
    scan = trained_study.scan(trained_study.scan_names[0])
    scores = run(model, scan).scores
    monkeypatch.setattr(type(model.preset), "predict", None)
    found = value_of(predict_scores(model, scan))
    assert found.shape == scores.shape
    # Those of a prediction are means over the mirror image.
    np.testing.assert_allclose(found, scores, atol=0.2)


def test_a_scan_of_nothing_gives_an_empty_prediction():
    volume = np.zeros((1, 3, 20, 20), np.float32)
    scan = Scan.from_array("s", ("a",), volume, Geometry.from_source((20, 20, 3), np.eye(4)))
    prediction = run(brightness_model(), scan)
    assert not prediction.cams.any()
    assert not prediction.scores.any()


def test_a_model_for_other_channels_is_refused():
    volume = np.zeros((1, 3, 20, 20), np.float32)
    scan = Scan.from_array("s", ("a",), volume, Geometry.from_source((20, 20, 3), np.eye(4)))
    with pytest.raises(McwssError, match="made for the channels t1, flair, found a"):
        run(brightness_model(("t1", "flair")), scan)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_no_prediction(monkeypatch, value):
    volume = np.ones((1, 3, 20, 20), np.float32)
    volume[:, :, 5:9] = 4
    scan = Scan.from_array("s", ("a",), volume, Geometry.from_source((20, 20, 3), np.eye(4)))
    model, plain = brightness_model(), Brightness.predict
    for spoilt in ("scores", "cams"):

        def predict(self, images, foreground, spoilt=spoilt):
            maps = plain(self, images, foreground)
            return maps._replace(**{spoilt: torch.full_like(getattr(maps, spoilt), value)})

        monkeypatch.setattr(type(model.preset), "predict", predict)
        with pytest.raises(McwssError, match=r"scan s: .* not finite: .*train the model again"):
            run(model, scan)
        monkeypatch.undo()
