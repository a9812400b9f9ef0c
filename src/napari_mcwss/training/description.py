"""The description of a model that a training writes."""

import platform
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mcwss.base.version import __version__
from napari_mcwss.model.checkpoint import ModelInfo
from napari_mcwss.model.devices import describe_device
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import Preset
from napari_mcwss.study.study import Study
from napari_mcwss.tags.relations import precedence
from napari_mcwss.training.checkpoints.state import TrainingState
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.slices import count_tags
from napari_mcwss.training.data.training_data import Task


def describe(
    study: Study,
    task: Task,
    config: TrainingConfig,
    state: TrainingState,
    stage: str,
    preset: Preset,
    tags: NDArray[np.int8],
    input_spec: InputSpec,
    device: torch.device,
    *,
    epochs: int,
    seconds: float,
    processes: int,
    backend: str,
    over: bool,
) -> ModelInfo:
    """Describe the network of a stage, named by its preset, after so many epochs of all.

    `tags` are those of the slices trained on, ``(slices, classes)``; `over` says whether the stage
    is.
    """
    classes = study.class_names
    late = [] if over else preset.divided_last
    return ModelInfo(
        preset=stage,
        encoder=config.encoder if preset.fits_features else "",
        classes=classes,
        channels=study.channels,
        width=config.width,
        pixel=input_spec.pixel,
        place=input_spec.coordinates,
        precedence=tuple(tuple(row) for row in precedence(tags).tolist()),
        scans=task.split.training,
        validation_scans=task.split.validation,
        trusted_scans=tuple(task.trusted),
        undivided=tuple((classes[inner], classes[outer]) for inner, outer in late),
        choice=state.choice,
        unpredictable=tuple(state.unpredictable),
        epochs=epochs,
        training=config.model_dump(),
        slices=len(tags),
        tags=count_tags(tags, classes),
        seconds=round(seconds, 1),
        device=describe_device(device),
        processes=processes,
        backend=backend,
        finished=datetime.now().astimezone().isoformat(timespec="seconds"),
        versions={
            "napari-mcwss": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        software=__version__,
        key=state.key,
    )
