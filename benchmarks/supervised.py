"""What reference masks themselves give: the location prior, and a U-Net as the ceiling.

Of all that `accuracy.py` compares, only these two learn from masks.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.errors import McwssError
from napari_mcwss.model.devices import autocast, choose_device
from napari_mcwss.model.inputs import Inputs, prepare
from napari_mcwss.project import Study
from napari_mcwss.segmentation.baselines import LocationPrior
from napari_mcwss.training.augmentation import augment
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.loop import WARM_UP
from napari_mcwss.training.slices import TaggedSlices, gather, split_scans

Labels = NDArray[np.integer]
"""Label image ``(z, y, x)``: 0 background, k + 1 class k."""

Predictor = Callable[[str], tuple[Labels, Labels]]
"""Gives a scan's label images by its name: its tags unused, and with them as gate."""

References = Callable[[Sequence[str]], Iterable[tuple[str, NDArray[np.bool_]]]]
"""Gives name and masks ``(classes, z, y, x)`` of the scans named."""

LEARNING_RATE = 5e-3
"""Of the ceiling: at the product's own, short runs end before it is reached (on phantoms)."""

BATCH = 16
"""Slices predicted at a time."""


def prior_of(study: Study, references: References, training: Sequence[str]) -> Predictor:
    """Make the location prior: the mean of the training masks, no image at all."""
    prior = LocationPrior(masks for _, masks in references(training))

    def predict(scan: str) -> tuple[Labels, Labels]:
        free = prior.mask(study.scan(scan).geometry.shape)
        gated = free.copy()
        for label, tags in enumerate(study.tags(scan).values.T, 1):
            gated[tags == 0] *= gated[tags == 0] != label
        return free, gated

    return predict


def learn_from_masks(
    study: Study, references: References, config: TrainingConfig, training: Sequence[str]
) -> tuple[int, Predictor]:
    """Train a 2-D U-Net with Dice and cross-entropy on the slices that tags are learnt from.

    Slices, views of them, optimiser, its schedule and length are those of the
    product's own training. The last epoch is the model.

    Parameters
    ----------
    study : Study
        Of the scans.
    references : callable
        Gives their masks.
    config : TrainingConfig
        Its preset is not looked at.
    training : sequence of str
        Scans to train on; of them, those that the configuration would hold
        back are left out here, too.

    Returns
    -------
    tuple
        Epochs trained, and what predicts a scan.

    Raises
    ------
    McwssError
        If a mask is missing or the device is not there.
    """
    device = choose_device(config.device)
    channels = len(study.channels)
    kept = split_scans(training, config.validation_share, config.seed).training
    slices = gather([_masked(study, name, masks) for name, masks in references(kept)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = _network(channels, len(study.classes), config.width)
    network.to(device)
    epochs = _train(network, slices, channels, config, device)
    network.eval()

    def predict(scan: str) -> tuple[Labels, Labels]:
        source = study.scan(scan)
        inputs = prepare(source.volume(), source.geometry.spacing)
        source.release()
        probabilities = _probabilities(network, inputs, len(study.classes), device)
        # An absent class is no candidate: the next probable one takes its place.
        absent = torch.from_numpy(study.tags(scan).values == 0)
        allowed = F.pad(~absent, (1, 0), value=True)[..., None, None]
        return _labels(probabilities, inputs), _labels(probabilities * allowed, inputs)

    return epochs, predict


def _network(channels: int, classes: int, width: int) -> torch.nn.Module:
    features = (width, width, 2 * width, 4 * width, 8 * width, width)
    # Instances are single slices: their own norm would hide how bright they are in their scan.
    network: torch.nn.Module = BasicUNet(2, channels, classes + 1, features, norm="batch")
    return network


def _masked(study: Study, name: str, masks: NDArray[np.bool_]) -> tuple[Inputs, Tensor]:
    """Read a scan's slices that hold tissue, with its masks as further channels."""
    scan = study.scan(name)
    inputs = prepare(scan.volume(), scan.geometry.spacing)
    scan.release()
    cropped = torch.from_numpy(masks[:, :, *inputs.window].swapaxes(0, 1).astype(np.float16))
    cropped = F.interpolate(cropped.float(), inputs.images.shape[-2:], mode="nearest-exact")
    both = torch.cat([inputs.images, cropped.half()], 1)
    usable = inputs.occupied
    kept = Inputs(both[usable], inputs.tissue[usable], inputs.window, inputs.size)
    return kept, torch.from_numpy(study.tags(name).values)[usable]


def _train(
    network: torch.nn.Module,
    slices: TaggedSlices,
    channels: int,
    config: TrainingConfig,
    device: torch.device,
) -> int:
    """Train for the configured length; epochs begun."""
    loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    optimiser = torch.optim.AdamW(
        network.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    random = torch.Generator().manual_seed(config.seed)
    start = time.monotonic()
    batches = math.ceil(len(slices) / config.batch_size)
    progress, epoch = 0.0, 0
    network.train()
    while progress < 1:
        epoch += 1
        for number, indices in enumerate(slices.epoch(config.batch_size, random, paired=False), 1):
            rate = min(1.0, (progress + 1e-3) / WARM_UP) * (1 + math.cos(math.pi * progress)) / 2
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * rate
            stored = slices.images[indices].to(device)
            images, labels = _augmented(
                stored[:, :channels].float(),
                slices.tissue[indices].to(device),
                stored[:, channels:] > 0.5,
                random,
            )
            with autocast(device):
                evidence = network(images)
            value = loss(evidence.float(), labels)
            if not torch.isfinite(value):
                raise McwssError(f"the loss became {value.item()}: train again with another seed")
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            optimiser.step()
            progress = max(
                (epoch - 1 + number / batches) / config.last_epoch if config.last_epoch else 0.0,
                (time.monotonic() - start) / (60 * config.minutes) if config.minutes else 0.0,
            )
            if progress >= 1:
                break
        print(f"epoch {epoch}: loss {value.item():.3f}", flush=True)
    return epoch


def _augmented(
    images: Tensor, tissue: Tensor, masks: Tensor, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Augment slices ``(n, channels, h, w)``, and labels ``(n, 1, h, w)`` in the same way."""
    # The product's function moves one mask beside the images, tissue; from the
    # same state of the generator it moves any other just so.
    state = random.get_state()
    labels = torch.zeros_like(tissue, dtype=torch.int64)
    for label, mask in enumerate(masks.split(1, 1), 1):
        random.set_state(state)
        labels[augment(images[:, :0], mask, random)[1]] = label
    random.set_state(state)
    images, _ = augment(images, tissue, random)
    return images, labels


@torch.inference_mode()
def _probabilities(
    network: torch.nn.Module, inputs: Inputs, classes: int, device: torch.device
) -> Tensor:
    """Predict the crop ``(slices, 1 + classes, h, w)``, mean over slices and mirror images."""
    rows, columns = inputs.window
    height, width = rows.stop - rows.start, columns.stop - columns.start
    found = torch.zeros(len(inputs.images), 1 + classes, height, width)
    found[:, 0] = 1
    for indices in inputs.occupied.split(BATCH):
        images = inputs.images[indices].to(device).float()
        with autocast(device):
            plain, mirrored = network(images), network(images.flip(-1)).flip(-1)
        mean = (plain.float().softmax(1) + mirrored.float().softmax(1)) / 2
        found[indices] = inputs.restore(mean).cpu()
    return found


def _labels(probabilities: Tensor, inputs: Inputs) -> Labels:
    """Give each pixel of the whole scan its most probable class, or background."""
    labels = np.zeros((len(probabilities), *inputs.size), np.uint8)
    labels[:, *inputs.window] = probabilities.argmax(1).numpy()
    return labels
