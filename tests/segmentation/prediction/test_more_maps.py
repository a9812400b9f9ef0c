"""Maps beside the CAMs, which nobody computes unasked."""

import numpy as np
import pytest
import torch

from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel, load_model
from napari_mcwss.model.layer_cam import layer_cam
from napari_mcwss.model.preset import Maps, Preset
from napari_mcwss.model.presets.local import Local
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.segmentation.prediction.more_maps import more_maps, reference_slice
from napari_mcwss.segmentation.prediction.predict import predict

SINGLE = ("single", "single, shallow", "single, deep")
DECOMPOSED = ("decomposed", "decomposed, shallow", "decomposed, deep")


def value_of(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def made(name, width=2, size=(30, 41)):
    torch.manual_seed(0)
    preset = PRESETS[name].preset_class(2, 2, width).eval()
    preset.learn_relations([1, -1])
    if isinstance(preset, Local):
        preset.contrasted.fill_(True)
    images, foreground = torch.randn(3, 2, *size), torch.ones(3, 1, *size, dtype=torch.bool)
    foreground[..., :5] = False
    return preset, images, foreground


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("local", ("deep", "shallow", "contrast", "LayerCAM")),
        ("mcwss", (*SINGLE, *DECOMPOSED, "LayerCAM")),
        ("published", ("shallow", "deep", "decomposed", "LayerCAM")),
        ("refined", ("LayerCAM",)),
    ],
)
@torch.no_grad()
def test_each_preset_offers_its_own_maps_of_the_slices_own_size(name, expected):
    preset, images, foreground = made(name)
    maps = preset.other_maps(images, foreground, images.flip(0))
    assert tuple(maps) == expected
    for found in maps.values():
        assert found.shape == (3, 2, 30, 41)
        assert found.min() >= 0
        assert found.max() <= 1
        assert not found.requires_grad
    alone = preset.other_maps(images, foreground)
    assert set(maps) - set(alone) == {key for key in maps if key.startswith("decomposed")}


def test_the_levels_of_mcwss_multiply_to_its_cam():
    preset, images, foreground = made("mcwss")
    with torch.no_grad():
        maps, cams = preset.other_maps(images, foreground), preset.predict(images, foreground).cams
    product = maps["single, shallow"] * maps["single, deep"]
    torch.testing.assert_close(maps["single"], cams)
    torch.testing.assert_close(product, cams)


class Spot(Preset):
    """Scores are how bright the brightest pixel of the first channel is."""

    def __init__(self, channels, classes, width, pixel=1.0):
        super().__init__(channels, classes, width, pixel)
        self.features = torch.nn.Conv2d(channels, 2, 1, bias=False)
        torch.nn.init.constant_(self.features.weight, 1.0)

    def losses(self, batch):
        raise AssertionError("no loss is asked for")

    def predict(self, images, foreground):
        features = self.features(images)
        return Maps(features[:, :1].amax((2, 3)).sigmoid(), features[:, :1].sigmoid())


def test_layer_cam_lies_where_the_score_comes_from():
    images = torch.zeros(1, 1, 8, 8)
    images[0, 0, 2, 5] = 3
    images[0, 0, 6, 1] = 2
    preset = Spot(1, 1, 1).eval()
    with torch.no_grad():
        found = layer_cam(preset.score, preset.features, images, torch.ones(1, 1, 8, 8))
    assert found[0, 0].nonzero().tolist() == [[2, 5]]
    assert not preset.features._forward_hooks


def test_maps_of_a_slice_lie_on_the_scans_own_voxels(trained_study):
    name = trained_study.scan_names[0]
    model = load_model(trained_study.model_folder("model-1"), device="cpu")
    middle = trained_study.scan(name).slices // 2
    found = value_of(more_maps(trained_study, model, name, [middle]))
    assert found.slices == (middle,)
    assert not found.reference  # the preset compares nothing
    background = (trained_study.scan(name).volume()[:, middle] == 0).all(0)
    for maps in found.maps.values():
        assert maps.shape == (2, 1, *trained_study.scan(name).geometry.shape[1:])
        assert maps.dtype == np.uint8
        assert not maps[:, 0, background].any()
    assert found.maps["deep"].any()


def test_the_reference_is_a_slice_of_another_scan_with_both_classes(tagged_study):
    first, second = tagged_study.scan_names[:2]
    place = reference_slice(tagged_study, [first, second, "gone"], first)
    assert place is not None
    assert place[0] == second
    assert (tagged_study.tags.read(second).values[place[1]] == 1).all()
    assert reference_slice(tagged_study, [first], first) is None


def test_a_slice_is_compared_with_one_of_another_size(tagged_study):
    first, second = tagged_study.scan_names[:2]
    torch.manual_seed(0)
    info = ModelInfo(
        preset="mcwss",
        classes=tagged_study.class_names,
        channels=tagged_study.channels,
        width=2,
        precedence=((False, False), (False, False)),
        scans=(second,),
        epochs=1,
    )
    model = TrainedModel(info, PRESETS["mcwss"].preset_class(2, 2, 2).eval(), torch.device("cpu"))
    found = value_of(more_maps(tagged_study, model, first, [4]))
    assert found.reference.startswith(f"{second}, slice ")
    assert set(DECOMPOSED) <= set(found.maps)


def test_a_second_stage_in_3_d_says_why_it_has_none(tagged_study):
    scan = tagged_study.scan_names[0]
    info = ModelInfo(
        preset="refined_volume",
        classes=tagged_study.class_names,
        channels=tagged_study.channels,
        width=2,
        precedence=((False, False), (False, False)),
        scans=(),
        epochs=1,
    )
    model = TrainedModel(
        info, PRESETS["refined_volume"].preset_class(2, 2, 2).eval(), torch.device("cpu")
    )
    found = value_of(more_maps(tagged_study, model, scan, [4]))
    assert not found.maps
    assert "3-D" in found.why_none


def test_prediction_never_computes_them(trained_study, monkeypatch):
    def refuse(*_):
        raise AssertionError("nobody has asked for these maps")

    monkeypatch.setattr(Local, "other_maps", refuse)
    model = load_model(trained_study.model_folder("model-1"), device="cpu")
    value_of(predict(model, trained_study.scan(trained_study.scan_names[0])))
