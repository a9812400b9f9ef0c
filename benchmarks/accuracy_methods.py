"""The methods that `accuracy.py` compares: how each learns, and what predicts a scan then."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from accuracy_classic import ClassicCam
from accuracy_cohorts import Bench
from numpy.typing import NDArray

from napari_mcwss.measurement.baselines import LocationPrior
from napari_mcwss.measurement.references import read_labels
from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel, load_model
from napari_mcwss.model.devices import choose_device
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction, predict
from napari_mcwss.segmentation.results import load_mask
from napari_mcwss.segmentation.segment import mask_of, segment_scan
from napari_mcwss.study.study import Study
from napari_mcwss.tags.relations import precedence
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.pixels import own_pixel
from napari_mcwss.training.data.slices import gather, load_scan
from napari_mcwss.training.events import Epoch, Finished
from napari_mcwss.training.loop import train
from napari_mcwss.training.run import Run


@dataclass(frozen=True)
class Method:
    """What a method is.

    Attributes
    ----------
    settings : mapping
        What it sets of a `TrainingConfig`: its preset, or the stage that learns from masks.
    trained : bool
        Whether a network is trained.
    masks : bool
        Whether it learns from the masks of all scans, and not from tags.
    ceiling : str
        The method that does the same with masks: its figures are given as shares of that one's.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    trained: bool = True
    masks: bool = False
    ceiling: str = "supervised"


METHODS = {
    "empty": Method(trained=False),
    "location_prior": Method(trained=False, masks=True),
    "cam": Method(),
    "published": Method({"preset": "published"}),
    "mcwss": Method({"preset": "mcwss"}),
    "local": Method({"preset": "local"}),
    "features": Method({"preset": "features"}, ceiling="features_masks"),
    "auto": Method({"preset": "auto"}, ceiling="features_masks"),
    "features_masks": Method({"preset": "features"}, masks=True),
    "supervised": Method({"refine": True}, masks=True),
}
"""Methods in the order of the table: a line each, also for the same network with masks."""

Labels = NDArray[np.integer]
"""Label image ``(z, y, x)``: 0 background, k + 1 class k."""


class Found(NamedTuple):
    """What a method finds in a scan.

    Attributes
    ----------
    free, gated : array
        Label images: the scan's tags unused, and with them as gate.
    scores : (slices, classes) array, optional
        Probability that the slice holds the class, if the method gives one.
    """

    free: Labels
    gated: Labels
    scores: NDArray[np.floating] | None = None


Predictor = Callable[[str], Found]
"""Gives what is found in a scan by its name."""

TAG_SECONDS, MASK_SECONDS = 1.0, 600.0
"""A reader's time for the tags of a slice, and for the mask of a scan."""

_MODEL = "benchmark"

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Given:
    """What a method gets beside tags.

    Attributes
    ----------
    scans : int, optional
        It learns from the first so many scans by name; from all if not given.
    masks : int
        Reference masks of the first so many of them are given to it, or to
        its second stage. `supervised` and `features_masks` get all.
    """

    scans: int | None = None
    masks: int = 0


TAGS_ALONE = Given()


def reader_hours(method: str, bench: Bench, training: Sequence[str], given: Given) -> float:
    """Return the hours of a reader that a method's tags and masks take.

    Parameters
    ----------
    method, bench, training, given
        As for `learn`.
    """
    training = training[: given.scans]
    masks = len(training) if METHODS[method].masks else given.masks
    tagged = () if method == "empty" or METHODS[method].masks else training
    slices = sum(bench.study.scan(scan).slices for scan in tagged)
    return (slices * TAG_SECONDS + masks * MASK_SECONDS) / 3600


def learn(
    method: str, bench: Bench, config: TrainingConfig, training: Sequence[str], given: Given
) -> tuple[int, Predictor]:
    """Let a method learn from scans.

    Returns
    -------
    tuple
        Epochs trained, and what predicts a scan.

    Raises
    ------
    McwssError
        If a mask is missing that the method gets, or the device is not there.
    """
    training = training[: given.scans]
    if method == "empty":
        return 0, lambda scan: Found(*[_nothing(bench, scan)] * 2)
    if method == "location_prior":
        return 0, _prior_of(bench, training)
    if method == "cam":
        return _learn_classic(bench.study, config, training)
    masks = training if METHODS[method].masks else training[: given.masks]
    trusted = read_labels(bench.study, bench.masks, bench.cohort.values, masks) if masks else {}
    return _learn_with_product(bench.study, config, training, trusted)


def _learn_with_product(
    study: Study,
    config: TrainingConfig,
    training: Sequence[str],
    trusted: dict[str, NDArray[np.uint8]],
) -> tuple[int, Predictor]:
    """Train as the product does; of the masks it gets those given, and nothing else."""
    epochs = 0
    for event in train(study, _MODEL, config, scans=training, trusted=trusted):
        if isinstance(event, Epoch):
            print(f"epoch {event.epoch}: loss {event.losses['total']:.3f}", flush=True)
        elif isinstance(event, Finished):
            epochs = event.epochs
    model = load_model(study.model_folder(_MODEL), device=config.device)

    def predict_scan(scan: str) -> Found:
        prediction = finish(segment_scan(study, _MODEL, model, scan))
        free = load_mask(study, _MODEL, scan)
        return Found(free, _gated(study, model, prediction), prediction.scores)

    return epochs, predict_scan


def _learn_classic(
    study: Study, config: TrainingConfig, training: Sequence[str]
) -> tuple[int, Predictor]:
    input_spec = InputSpec(config.pixel or own_pixel(study, training))
    device = choose_device(config.device)
    data = gather([load_scan(study, scan, input_spec, usable="tagged") for scan in training])
    config = config.with_length(len(data))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        preset = ClassicCam(len(study.channels), len(study.classes), config.width)
    run, epochs = Run(preset, config, device), 0
    while not epochs or not run.over(epochs):
        epochs += 1
        losses = finish(run.epoch(data, epochs))
        print(f"epoch {epochs}: loss {losses['total']:.3f}", flush=True)
    # No preset of the product, so never saved: the name is that of its network.
    info = ModelInfo(
        preset="mcwss",
        classes=study.class_names,
        channels=study.channels,
        width=config.width,
        pixel=input_spec.pixel,
        precedence=tuple(map(tuple, precedence(data.tags.numpy()).tolist())),
        scans=tuple(training),
        epochs=epochs,
    )
    model = TrainedModel(info, preset.eval(), device)

    def predict_scan(scan: str) -> Found:
        prediction = finish(predict(model, study.scan(scan)))
        study.scan(scan).release()
        free = mask_of(study, info, prediction)
        return Found(free, _gated(study, model, prediction), prediction.scores)

    return epochs, predict_scan


def _gated(study: Study, model: TrainedModel, prediction: Prediction) -> Labels:
    """Make the mask with the scan's own tags."""
    rules = MaskSettings(tags=study.tags.read(prediction.scan).values)
    return mask_of(study, model.info, prediction, rules)


def _nothing(bench: Bench, scan: str) -> Labels:
    return np.zeros(bench.study.scan(scan).geometry.shape, np.uint8)


def _prior_of(bench: Bench, training: Sequence[str]) -> Predictor:
    """Make the location prior: the mean of the training masks, no image at all."""
    prior = LocationPrior(masks for _, masks in bench.references(training))

    def predict_scan(scan: str) -> Found:
        free = prior.mask(bench.study.scan(scan).geometry.shape)
        gated = free.copy()
        for label, tags in enumerate(bench.study.tags.read(scan).values.T, 1):
            gated[tags == 0] *= gated[tags == 0] != label
        return Found(free, gated)

    return predict_scan


def finish(generator: Generator[object, None, _Result]) -> _Result:
    """Run a generator to its end; what it returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            result: _Result = end.value
            return result
