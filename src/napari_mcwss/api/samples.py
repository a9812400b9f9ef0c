"""Studies of scans of public data sets, which are downloaded on request."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from napari_mcwss.api.study import Study
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_BLOCK = 2**20
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Sample:
    """A public data set with masks, from which the tags of a study can be made.

    Attributes
    ----------
    address, md5 : str
        Of a tar archive.
    megabytes : int
        Size of the archive.
    folder : str
        The folder in the archive that holds scans and masks.
    classes : mapping of str to int
        Values of the classes in the masks.
    """

    title: str
    address: str
    md5: str
    megabytes: int
    licence: str
    folder: str
    channels: tuple[str, ...]
    classes: Mapping[str, int]


_DECATHLON = "https://msd-for-monai.s3-us-west-2.amazonaws.com"
"""Where MONAI's ``DecathlonDataset`` downloads from, with the same checksums."""

SAMPLES: dict[str, Sample] = {
    "hippocampus": Sample(
        "Hippocampus in T1 MRI, 260 small scans (Medical Segmentation Decathlon, Task04)",
        f"{_DECATHLON}/Task04_Hippocampus.tar",
        "9d24dba78a72977dbd1d2e110310f31b",
        29,
        "CC BY-SA 4.0",
        "Task04_Hippocampus",
        ("t1",),
        {"anterior": 1, "posterior": 2},
    ),
    "prostate": Sample(
        "Prostate in T2 and ADC MRI, 32 scans (Medical Segmentation Decathlon, Task05)",
        f"{_DECATHLON}/Task05_Prostate.tar",
        "35138f08b1efaef89d7424d2bcc928db",
        240,
        "CC BY-SA 4.0",
        "Task05_Prostate",
        ("t2", "adc"),
        {"peripheral": 1, "transition": 2},
    ),
}
"""The public samples by name."""


@dataclass(frozen=True)
class SampleStep:
    """What the making of a sample is doing: so much of all is done; `total` is 0 if unknown."""

    doing: str
    done: int
    total: int


def make_sample(sample: Sample, folder: Path) -> Generator[SampleStep, None, Study]:
    """Download a public sample, unless it is there, and make a study of it with its tags.

    A download that was interrupted or closed is continued. The archive is kept in the user's cache
    folder.

    Parameters
    ----------
    sample : Sample
        One of `SAMPLES`.
    folder : Path
        A new folder: it gets the folders ``scans`` and ``study``. If the generator is closed
        before its end, the folder is removed.

    Yields
    ------
    SampleStep
        Bytes that have arrived, then files that were unpacked.

    Returns
    -------
    Study
        Of all scans that have a mask; each slice is tagged as its mask says.

    Raises
    ------
    McwssError
        If the folder exists, the download fails or arrives damaged, or the disk is full.
    """
    if folder.exists():
        raise McwssError(f"'{folder}' exists: name a new folder")
    archive = yield from _download(sample)
    try:
        folder.mkdir(parents=True)
        yield from _unpack(archive, sample.folder, folder)
        return _make_study(sample, folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise cannot_write(folder, error) from error
        if isinstance(error, tarfile.TarError):
            raise McwssError(f"'{archive}' cannot be unpacked ({error}): remove it") from error
        raise


def _unpack(archive: Path, inside: str, folder: Path) -> Generator[SampleStep, None, None]:
    """Put a folder of the archive at ``scans``, as a whole."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as made:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for done, member in enumerate(members, 1):
                tar.extract(member, made, filter="data")
                yield SampleStep("unpacking", done, len(members))
        (Path(made) / inside).rename(folder / "scans")


def _make_study(sample: Sample, folder: Path) -> Study:
    study = Study.create(
        folder / "study",
        scans=folder / "scans",
        channels=list(sample.channels),
        classes=list(sample.classes),
    )
    study.tags.import_masks(str(folder / "scans" / "labelsTr"), dict(sample.classes))
    return study


def _download(sample: Sample) -> Generator[SampleStep, None, Path]:
    import pooch
    from requests import RequestException

    cache = platformdirs.user_cache_path("napari-mcwss", appauthor=False) / "samples"
    archive = cache / f"{sample.folder}.tar"
    part = archive.with_name(f"{archive.name}.part")
    pooch.get_logger().setLevel("WARNING")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if not archive.exists() or pooch.file_hash(str(archive), alg="md5") != sample.md5:
            yield from _fetch(sample.address, part)
        return Path(
            pooch.retrieve(
                sample.address,
                known_hash=f"md5:{sample.md5}",
                fname=archive.name,
                path=cache,
                # Into a temporary file of pooch's, which checks what is in it.
                downloader=lambda _, checked, __: part.replace(checked),
            )
        )
    except RequestException as error:
        kept = part.exists() and part.stat().st_size > 0
        raise McwssError(
            f"{sample.address} cannot be downloaded ({_why(error)}): connect this computer to the "
            "network and try again"
            + ("; the part that was downloaded is kept, and continued then" if kept else "")
        ) from error
    except ValueError as error:
        raise McwssError(
            f"{sample.address} arrived with another checksum than {sample.md5}: try again"
        ) from error
    except OSError as error:
        raise cannot_write(archive, error) from error


def _fetch(address: str, part: Path) -> Generator[SampleStep, None, None]:
    """Download into a file, continuing what an interrupted download has left in it."""
    import requests

    begun = part.stat().st_size if part.exists() else 0
    asked = {"Range": f"bytes={begun}-"} if begun else {}
    with requests.get(address, headers=asked, stream=True, timeout=_TIMEOUT) as reply:
        if reply.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        reply.raise_for_status()
        if reply.status_code != HTTPStatus.PARTIAL_CONTENT:
            begun = 0
        size = begun + int(reply.headers.get("Content-Length", 0))
        with part.open("ab" if begun else "wb") as file:
            for block in reply.iter_content(_BLOCK):
                begun += file.write(block)
                yield SampleStep("downloading", begun, size)
        if begun < size:
            raise requests.ConnectionError(f"the connection broke after {begun} of {size} bytes")


def _why(error: Exception) -> str:
    """Return why a download failed: of a connection, without how often it was tried."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return str(error) if reason is None else str(reason).split(": ", 1)[-1]
