"""Download of encoders from the Hugging Face Hub, on request; each is checked whenever it is read.

It loads no torch.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
_RECORD = "download.json"

_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_BLOCK = 2**20
_TIMEOUT = 30.0


class Download(BaseModel):
    """What the hub says about an encoder.

    Attributes
    ----------
    revision : str
        Commit of the files.
    size : int
        Bytes of the weights.
    sha256 : str
        Of the weights; empty if the hub does not state it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    revision: str
    licence: str
    size: int
    sha256: str = ""


class _Card(BaseModel):
    license: str | None = None
    license_name: str | None = None


class _Lfs(BaseModel):
    sha256: str


class _File(BaseModel):
    rfilename: str
    size: int = 0
    lfs: _Lfs | None = None


class _Answer(BaseModel):
    sha: str
    card: _Card | None = Field(None, alias="cardData")
    siblings: list[_File]


def cache_folder() -> Path:
    """Return the folder for downloaded encoders, in the user's cache folder."""
    return platformdirs.user_cache_path("napari-mcwss", appauthor=False) / "encoders"


def is_downloaded(name: str) -> bool:
    """Return whether an encoder has been downloaded."""
    return (_folder(name) / _RECORD).exists()


def find_download(name: str) -> Download:
    """Ask the hub, or the server that ``HF_ENDPOINT`` names, for an encoder.

    Parameters
    ----------
    name : str
        ``owner/model``, such as ``timm/vit_small_patch14_dinov2.lvd142m``.

    Raises
    ------
    McwssError
        If the hub cannot be reached, or has no such model of timm that is open to all.
    """
    _folder(name)
    with _opened(name, f"api/models/{name}?blobs=true") as reply:
        content = _read(name, reply)
    try:
        answer = _Answer.model_validate_json(content)
        weights = next(file for file in answer.siblings if file.rfilename == WEIGHTS)
    except (ValidationError, StopIteration) as error:
        raise McwssError(
            f"{name} on {_hub()} has no file {WEIGHTS}: choose a model that timm can load"
        ) from error
    card = answer.card or _Card()
    return Download(
        name=name,
        revision=answer.sha,
        licence=card.license_name or card.license or "not stated",
        size=weights.size,
        sha256=weights.lfs.sha256 if weights.lfs else "",
    )


def download_encoder(found: Download) -> Generator[int, None, None]:
    """Download an encoder into the cache folder; what is there stays until all has arrived.

    Yields
    ------
    int
        Bytes of the weights so far.

    Raises
    ------
    McwssError
        If the disk has too little space, the hub cannot be reached, or other weights arrive than it
        has stated.
    """
    folder = _folder(found.name)
    _check_space(folder, found)
    files = f"{found.name}/resolve/{found.revision}"
    with _opened(found.name, f"{files}/{CONFIG}") as reply:
        config = _read(found.name, reply)
    digest, size = hashlib.sha256(), 0
    with replacing(folder / WEIGHTS) as path:
        with _opened(found.name, f"{files}/{WEIGHTS}") as reply, path.open("wb") as file:
            while block := _read(found.name, reply, _BLOCK):
                file.write(block)
                digest.update(block)
                size += len(block)
                yield size
        sha256 = digest.hexdigest()
        if size != found.size or sha256 != (found.sha256 or sha256):
            raise McwssError(
                f"the weights of {found.name} arrived damaged ({size} bytes, SHA-256 {sha256[:8]}; "
                f"expected {found.size}, {found.sha256[:8] or 'not stated'}): download them again"
            )
    with replacing(folder / CONFIG) as path:
        path.write_bytes(config)
    with replacing(folder / _RECORD) as path:
        record = found.model_copy(update={"sha256": sha256})
        path.write_text(record.model_dump_json(indent=2), encoding="utf-8")


def checked_files(name: str) -> tuple[Path, str]:
    """Return the folder of a downloaded encoder, and the SHA-256 of its weights.

    Raises
    ------
    McwssError
        If it is missing or its weights are not those that were downloaded.
    """
    folder, mend = _folder(name), f"napari-mcwss encoders --download {name}"
    if not is_downloaded(name):
        raise McwssError(f"the encoder {name} is not on this computer: download it with {mend}")
    try:
        record = Download.model_validate_json((folder / _RECORD).read_bytes())
        with (folder / WEIGHTS).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValidationError) as error:
        raise McwssError(
            f"'{folder}' cannot be read ({type(error).__name__}): download it again with {mend}"
        ) from error
    if sha256 != record.sha256:
        raise McwssError(
            f"'{folder / WEIGHTS}' is damaged (SHA-256 {sha256[:8]}, expected "
            f"{record.sha256[:8]}): download it again with {mend}"
        )
    return folder, sha256


def _folder(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise McwssError(f"{name!r} is no name of a model on the hub: expected owner/model")
    return cache_folder() / name


def _hub() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


@contextmanager
def _opened(name: str, address: str) -> Iterator[HTTPResponse]:
    headers = {"User-Agent": f"napari-mcwss/{__version__}"}
    try:
        request = Request(f"{_hub()}/{address}", headers=headers)
        reply: HTTPResponse = urlopen(request, timeout=_TIMEOUT)
    except HTTPError as error:
        with error:
            raise McwssError(
                f"{_hub()} does not give out {name} (HTTP {error.code} {error.reason}): check the "
                "name; models that need an account cannot be used"
            ) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(name, error) from error
    with reply:
        yield reply


def _read(name: str, reply: HTTPResponse, most: int | None = None) -> bytes:
    try:
        return reply.read(most)
    except (OSError, HTTPException) as error:
        raise _unreachable(name, error) from error


def _unreachable(name: str, error: Exception) -> McwssError:
    return McwssError(
        f"{name} cannot be downloaded from {_hub()} ({getattr(error, 'reason', None) or error}): "
        "connect this computer to the network, or choose an encoder that needs no download"
    )


def _check_space(folder: Path, found: Download) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise cannot_write(folder, error) from error
    if free < found.size:
        raise McwssError(
            f"{found.name} needs {found.size / 1e6:.1f} MB, '{folder}' has {free / 1e6:.1f} MB "
            "free: make space on that disk"
        )
