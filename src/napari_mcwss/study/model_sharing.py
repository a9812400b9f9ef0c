"""Sharing of a trained model as one file: a zip of a card, its config and its weights."""

import hashlib
import math
import secrets
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open

from napari_mcwss.base.errors import McwssError, first_problem
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.base.json_text import parse_json
from napari_mcwss.base.names import check_names, refuse_alike
from napari_mcwss.base.reading import file_bytes, refuse_devices
from napari_mcwss.base.text import printable
from napari_mcwss.base.version import __version__
from napari_mcwss.model.checkpoint import ModelInfo, load_model, read_info, untrained
from napari_mcwss.model.preset import Preset
from napari_mcwss.study.models import check_model
from napari_mcwss.study.study import Study

CARD, CONFIG, WEIGHTS = "card.json", "config.json", "weights.safetensors"
FORMAT = 1

LARGEST = {CARD: 2**20, CONFIG: 2**20, WEIGHTS: 2**31}
"""Largest size of each member in bytes. There are no others, and none is compressed."""

_MOST = 256
"""Largest number of classes, of channels, and of width / 4 in a shared model."""

_DATE = (1980, 1, 1, 0, 0, 0)
"""Date of every member, so that the same model gives the same file."""


class ModelCard(BaseModel):
    """A description of a shared model, to be read before it is used.

    Attributes
    ----------
    format : int
        Version of the file.
    pixel : float
        Size of a pixel of the model's images, in mm.
    training_scans : int
        Number of scans that the model was trained on.
    data : str
        A description of these scans.
    figures : dict
        Measurements by class, the mean over scans, as ``evaluate --json`` writes it.
    shortcoming : str
        As in `ModelInfo`.
    software : str
        Version of napari-mcwss that wrote the file.
    checksums : dict
        SHA-256 of every other member.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    name: str
    preset: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    pixel: float
    training_scans: int = Field(ge=0)
    epochs: int = Field(ge=0)
    data: str = "not stated"
    licence: str = "not stated"
    figures: dict[str, dict[str, float | None]] = {}
    shortcoming: str = ""
    software: str = __version__
    checksums: dict[str, str]

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, data: Any) -> Any:
        return printable(data)


def pack_model(
    study: Study,
    name: str,
    out: Path,
    *,
    data: str = "not stated",
    licence: str = "not stated",
    figures: Path | None = None,
) -> ModelCard:
    """Write a model of a study into one new file, without the names of scans.

    Parameters
    ----------
    study : Study
    name : str
        Name of the model.
    out : Path
    data, licence : str
        As in `ModelCard`.
    figures : Path, optional
        File of ``evaluate --json``, of which the means are taken.

    Raises
    ------
    McwssError
        If there is no such model, it or the figures are damaged, or the file exists already.
    """
    if out.exists():
        raise McwssError(f"'{out}' exists already: remove it or name another file")
    folder = study.model_folder(name)
    info = load_model(folder, device="cpu").info
    weights = file_bytes(folder / WEIGHTS)
    # Names of scans are often those of patients.
    nameless = info.model_copy(
        update={
            key: tuple(f"scan {number}" for number, _ in enumerate(getattr(info, key), 1))
            for key in ("scans", "validation_scans", "trusted_scans")
        }
    )
    members = {CONFIG: nameless.model_dump_json(indent=2).encode(), WEIGHTS: weights}
    card = ModelCard(
        name=name,
        preset=info.preset,
        classes=info.classes,
        channels=info.channels,
        pixel=info.pixel,
        training_scans=len(info.scans),
        epochs=info.epochs,
        data=data,
        licence=licence,
        figures=_means(figures) if figures else {},
        shortcoming=info.shortcoming,
        checksums={member: _checksum(content) for member, content in members.items()},
    )
    members = {CARD: card.model_dump_json(indent=2).encode(), **members}
    with replacing(out, parents=True) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for member, content in members.items():
            file.writestr(zipfile.ZipInfo(member, _DATE), content)
    return card


def read_card(path: Path) -> ModelCard:
    """Read the card of a model's file; McwssError if the file is missing or incomplete."""
    return _read(path)[0]


def unpack_model(study: Study, path: Path, name: str | None = None) -> Path:
    """Check a shared model, copy it into a study, and return its folder there.

    Nothing in the file is run: it holds texts and numbers, and anything else is refused.

    Parameters
    ----------
    study : Study
        A study with the channels and classes of the model.
    path : Path
    name : str, optional
        New name of the model; that on its card if not given.

    Raises
    ------
    McwssError
        If the file is damaged or not a model, or the study has a model of that
        name or other channels or classes. Nothing is written then.
    """
    card, members = _read(path)
    folder = study.model_folder(card.name if name is None else name)
    if folder.exists():
        raise McwssError(
            f"the study has a model {folder.name!r} already: give this one another name with "
            "--model"
        )
    refuse_alike("model", folder.name, study.model_names())
    study.make_folder(folder.parent)
    working = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        for member, content in members.items():
            with replacing(working / member) as temporary:
                temporary.write_bytes(content)
        info = read_info(working)
        check_model(study, info)
        _check_weights(path, working, info)
        working.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return folder


def _read(path: Path) -> tuple[ModelCard, dict[str, bytes]]:
    """Read and check card and members, except for the tensors of the weights."""
    refuse_devices(path)
    try:
        with zipfile.ZipFile(path) as file:
            contents = {member: _member(path, file, member) for member in _members(path, file)}
        card = ModelCard.model_validate_json(contents.pop(CARD))
        config = ModelInfo.model_validate_json(contents[CONFIG])
    except FileNotFoundError as error:
        raise McwssError(f"'{path}' does not exist: name the file of a model") from error
    except ValidationError as error:
        raise _damaged(path, first_problem(error)) from error
    # zipfile raises the last two for an unknown compression and for a password.
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    if card.format > FORMAT:
        raise McwssError(
            f"'{path}' has format {card.format}, this version reads up to {FORMAT}: update "
            "napari-mcwss"
        )
    checksums = {member: _checksum(content) for member, content in contents.items()}
    if checksums != card.checksums:
        raise _damaged(path, "its checksums are not those of its card")
    _check_config(path, card, config)
    return card, contents


def _members(path: Path, file: zipfile.ZipFile) -> list[str]:
    """Return the names of the members, which must be those of `LARGEST`."""
    found = [entry.filename for entry in file.infolist()]
    if sorted(found) != sorted(LARGEST):
        names = ", ".join(repr(name[:40]) for name in found[:5])
        raise _damaged(path, f"it holds {names or 'nothing'}, not {', '.join(LARGEST)}")
    return found


def _member(path: Path, file: zipfile.ZipFile, name: str) -> bytes:
    entry = file.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise _damaged(path, f"{name} is compressed")
    if entry.file_size > LARGEST[name]:
        raise _damaged(path, f"{name} has {entry.file_size} bytes of at most {LARGEST[name]}")
    return file.read(entry)


def _check_config(path: Path, card: ModelCard, config: ModelInfo) -> None:
    """Refuse a config that the card does not describe, or that no training writes."""
    check_names("model", [card.name])
    check_names("class", config.classes)
    check_names("channel", config.channels)
    described = (card.preset, card.classes, card.channels, card.pixel)
    if described != (config.preset, config.classes, config.channels, config.pixel):
        raise _damaged(path, "card and config describe different models")
    count = len(config.classes)
    sensible = (
        0 < count <= _MOST
        and 0 < len(config.channels) <= _MOST
        and 0 < config.width <= 4 * _MOST
        and math.isfinite(config.pixel)
    )
    if not sensible:
        raise _damaged(path, "its config is not that of a model")


def _check_weights(path: Path, folder: Path, info: ModelInfo) -> None:
    """Refuse weights that are not finite, or of other names, shapes or types than the config."""
    # On the meta device the network has shapes, but takes no memory.
    with torch.device("meta"):
        network = untrained(info)
    expected = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    try:
        with safe_open(folder / WEIGHTS, "pt") as file:
            found = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
            if found != expected:
                raise _damaged(path, _difference(found, expected))
            for key, tensor in network.state_dict().items():
                values = file.get_tensor(key)
                if values.dtype != tensor.dtype or not torch.isfinite(values).all():
                    raise _damaged(path, f"the weights {key} are not finite {tensor.dtype}")
    except SafetensorError as error:
        raise _damaged(path, str(error)) from error
    if not _is_forest(load_model(folder, device="cpu").preset):
        raise _damaged(path, "the parents of its classes form a cycle")


def _difference(found: dict[str, list[int]], expected: dict[str, list[int]]) -> str:
    key = next(k for k in sorted({*found, *expected}) if found.get(k) != expected.get(k))
    return f"the weights {key[:80]} have shape {found.get(key)}, expected {expected.get(key)}"


def _is_forest(preset: Preset) -> bool:
    """Return whether the parents of every class end."""
    parents = preset.nesting
    for start in range(len(parents)):
        index, steps = start, 0
        while index != -1:
            if not 0 <= index < len(parents) or steps > len(parents):
                return False
            index, steps = parents[index], steps + 1
    return True


def _means(path: Path) -> dict[str, Any]:
    try:
        means: dict[str, Any] = parse_json(file_bytes(path))["mean"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise McwssError(
            f"'{path}' holds no measurements: expected a file of evaluate --json"
        ) from error
    return means


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(path: Path, reason: str) -> McwssError:
    line = reason.splitlines()[0]
    return McwssError(
        f"'{path}' is not a complete model file ({line}): get it again from its source"
    )
