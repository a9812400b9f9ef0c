"""A trained model on disk: ``config.json`` and ``weights.safetensors``."""

import hashlib
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_mcwss.base.errors import McwssError, first_problem
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import file_bytes, refuse_devices, refuse_more_than_held
from napari_mcwss.base.text import printable
from napari_mcwss.model.devices import choose_device
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import Preset
from napari_mcwss.model.presets.registry import PRESETS, PresetName

FORMAT = 1

DIGEST = "sha256"
"""Entry of the weights' header with a digest of all weights; older models have none."""


class ModelInfo(BaseModel):
    """The description of a model: what it segments, and how it was trained.

    Attributes
    ----------
    format : int
        Version of the file format.
    preset : str
        Name of the preset.
    classes, channels : tuple of str
        Names, in the order of the network's outputs and inputs.
    width : int
        Features of the first block.
    encoder : str
        Name of the encoder whose features it reads; empty if it needs none.
    pixel, place
        `InputSpec.pixel` and `InputSpec.coordinates`.
    precedence : tuple of tuple of bool
        ``precedence[a][b]`` is true if a is shown over b where both are found: the
        training tags of a (nearly) always come with b's, but not the other way round.
    scans, validation_scans, trusted_scans : tuple of str
        Scans trained on, validation scans, and those trained on whose masks were given.
    undivided : tuple of tuple of str
        Pairs (class, parent) that the training was stopped before learning to tell apart.
    stopped : str
        Where the training was stopped, such as ``epoch 6 of 10``; empty if it was finished.
    choice : str
        Why the preset was chosen, with the AUCs, if it was not the user's choice.
    unpredictable : tuple of str
        Classes whose tags the model did not predict on held-back scans.
    epochs : int
        Epochs trained.
    training : dict
        The training configuration.
    slices : int
        Tagged slices trained on; 0 if unknown.
    tags : dict
        Class to its numbers of slices tagged ``present``, ``absent`` and ``unknown``.
    seconds : float
        Duration of the training without pauses; 0 if unknown.
    device, backend : str
        Device with the name of a GPU; ``gloo`` or ``nccl`` if there were several processes.
    processes : int
        Processes that shared the steps at the end; 0 if unknown.
    finished : str
        Time of writing, in ISO 8601 with the offset from UTC.
    versions : dict
        Versions of ``napari-mcwss``, ``torch`` and ``python`` in the training.
    software : str
        Version of this package.
    key : str
        Identifies the training: the same in all its states, stopped or finished.
    run : str
        Identifies the model, so that results of an older one of the same name do not count.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORMAT
    preset: PresetName
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    width: int = Field(gt=0, lt=2**20)
    encoder: str = ""
    pixel: float = Field(default=1.0, gt=0)
    place: bool = False
    precedence: tuple[tuple[bool, ...], ...]
    scans: tuple[str, ...]
    validation_scans: tuple[str, ...] = ()
    trusted_scans: tuple[str, ...] = ()
    undivided: tuple[tuple[str, str], ...] = ()
    stopped: str = ""
    choice: str = ""
    unpredictable: tuple[str, ...] = ()
    epochs: int
    training: dict[str, Any] = {}
    slices: int = 0
    tags: dict[str, dict[str, int]] = {}
    seconds: float = 0.0
    device: str = ""
    processes: int = 0
    backend: str = ""
    finished: str = ""
    versions: dict[str, str] = {}
    software: str = ""
    key: str = ""
    run: str = Field(default_factory=lambda: secrets.token_hex(8))

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, data: Any) -> Any:
        return printable(data)

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        count = len(self.classes)
        if [len(row) for row in self.precedence] != [count] * count:
            raise ValueError(f"precedence is not {count} x {count}")
        return self

    @property
    def input_spec(self) -> InputSpec:
        """Scale and extra channels that the network reads."""
        return InputSpec(self.pixel, self.place)

    @property
    def shortcoming(self) -> str:
        """What the model has not learnt: its training was stopped, or failed; else empty."""
        reasons = self._stopped_text, *map(means_nothing, self.unpredictable)
        return "; ".join(filter(None, reasons))

    @property
    def _stopped_text(self) -> str:
        if not self.undivided:
            return f"the training was stopped in {self.stopped}" if self.stopped else ""
        pairs = " and ".join(f"{inner} from {outer}" for inner, outer in self.undivided)
        classes = ", ".join(inner for inner, _ in self.undivided)
        return (
            f"the training was stopped before it had learnt to tell {pairs}: do not rely on what "
            f"the model shows as {classes}, continue the training"
        )

    def check(self, channels: tuple[str, ...], classes: tuple[str, ...]) -> None:
        """Refuse other channels or classes than the model's.

        Raises
        ------
        McwssError
            If channels or classes differ, naming both.
        """
        for what, found, expected in (
            ("channels", channels, self.channels),
            ("classes", classes, self.classes),
        ):
            if found != expected:
                raise McwssError(
                    f"this model was made for the {what} {', '.join(expected)}, "
                    f"found {', '.join(found)}: choose another model or train a new one"
                )


@dataclass(frozen=True)
class TrainedModel:
    """A model ready to predict: its network is in evaluation mode on the device."""

    info: ModelInfo
    preset: Preset
    device: torch.device


def means_nothing(name: str) -> str:
    """Return the warning of a class whose tags are not predicted."""
    return (
        f"the tags of {name} cannot be predicted from these images: its map means nothing, until "
        "more slices are tagged"
    )


def untrained(info: ModelInfo) -> Preset:
    """Make the network of a model, without its weights."""
    made = PRESETS[info.preset].preset_class
    channels, classes = len(info.channels), len(info.classes)
    return made.build(channels, classes, info.width, info.input_spec, info.encoder)


def save_model(folder: Path, preset: Preset, info: ModelInfo) -> None:
    """Write a model, each file atomically, the weights first.

    Parameters
    ----------
    folder : Path
        Made if it is missing, in a folder that exists.
    preset : Preset
        The network, on any device.
    info : ModelInfo
        Its description.

    Raises
    ------
    McwssError
        If weights are not finite, or a file cannot be written.
    """
    weights = {name: value.cpu().contiguous() for name, value in preset.state_dict().items()}
    if not _all_finite(weights):
        raise McwssError(
            "the training has failed: weights are not finite: train again with another seed, or "
            "tag more slices"
        )
    with replacing(folder / "weights.safetensors") as path:
        try:
            save_file(weights, path, {DIGEST: _digest(weights)})
        except SafetensorError as error:
            raise OSError(str(error)) from error
    save_info(folder, info)


def save_info(folder: Path, info: ModelInfo) -> None:
    """Write the description of a model atomically."""
    with replacing(folder / "config.json") as path:
        path.write_text(info.model_dump_json(indent=2), encoding="utf-8")


def read_info(folder: Path) -> ModelInfo:
    """Read a model's description without its weights.

    Raises
    ------
    McwssError
        If it is missing, damaged or of a newer format.
    """
    try:
        info = ModelInfo.model_validate_json(file_bytes(folder / "config.json"))
    except FileNotFoundError as error:
        raise McwssError(
            f"no model {folder.name!r} in {folder.parent}: train it or name another"
        ) from error
    except (OSError, ValidationError) as error:
        reason = first_problem(error) if isinstance(error, ValidationError) else error.strerror
        raise McwssError(
            f"{folder / 'config.json'} is not a model description ({reason}): train the model again"
        ) from error
    if info.format > FORMAT:
        raise McwssError(
            f"{folder / 'config.json'} has format {info.format}, this version reads up to "
            f"{FORMAT}: update napari-mcwss"
        )
    return info


def load_model(folder: Path, *, device: str = "auto") -> TrainedModel:
    """Load a model for prediction.

    Parameters
    ----------
    folder : Path
        The model's, ``models/<name>`` of a study.
    device : str
        As in `choose_device`.

    Raises
    ------
    McwssError
        If the model is missing, damaged or of a newer format, or its encoder is missing.

    Warns
    -----
    UserWarning
        If the model has a `ModelInfo.shortcoming`.
    """
    info = read_info(folder)
    if info.shortcoming:
        warnings.warn(f"model {folder.name}: {info.shortcoming}", stacklevel=2)
    where = choose_device(device)
    path = folder / "weights.safetensors"
    refuse_devices(path)
    refuse_more_than_held(path, _bytes_of(info), path.stat().st_size if path.exists() else 2**63)
    preset = untrained(info)
    try:
        with safe_open(path, "pt") as file:
            digest = (file.metadata() or {}).get(DIGEST)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        preset.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise McwssError(
            f"{path} cannot be read as the weights of this model ({type(error).__name__}): train "
            "the model again"
        ) from error
    if digest not in (None, _digest(weights)) or not _all_finite(weights):
        raise McwssError(
            f"{path} is damaged: its weights are not those that were written: restore the file, or "
            "train the model again"
        )
    preset.to(where).eval()
    return TrainedModel(info, preset, where)


def _bytes_of(info: ModelInfo) -> int:
    """Return the size of the weights of a model, of which none is made."""
    with torch.device("meta"):
        weights = untrained(info).state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in weights)


def _digest(weights: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name]
        found.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _all_finite(weights: Mapping[str, Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in weights.values())
