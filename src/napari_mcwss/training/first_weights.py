"""Networks before their training."""

import torch

from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import Preset
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig


def new_network(preset: str, study: Study, config: TrainingConfig, input_spec: InputSpec) -> Preset:
    """Make the network of a preset, with first weights that the seed alone decides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        made = PRESETS[preset].preset_class
        channels, classes = len(study.channels), len(study.classes)
        return made.build(channels, classes, config.width, input_spec, config.encoder)
