"""Studies of scans of public data sets, which are downloaded on request."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from napari_mcwss.api.study import Study
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def make_sample(
    sample: Sample, folder: Path, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Study:
    """Download a public sample, unless it is there, and make a study of it with its tags.

    A download that was interrupted is continued. The archive is kept in the user's cache folder.

    Parameters
    ----------
    sample : Sample
        One of `SAMPLES`.
    folder : Path
        A new folder: it gets the folders ``scans`` and ``study``.
    progress : callable
        Told the bytes that have arrived, and those of the whole archive (0 if unknown).

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
    archive = _download(sample, progress)
    try:
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as made:
            with tarfile.open(archive) as tar:
                tar.extractall(made, filter="data")
            (Path(made) / sample.folder).rename(folder / "scans")
    except (OSError, tarfile.TarError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise cannot_write(folder, error) from error
        raise McwssError(f"'{archive}' cannot be unpacked ({error}): remove it") from error
    study = Study.create(
        folder / "study",
        scans=folder / "scans",
        channels=list(sample.channels),
        classes=list(sample.classes),
    )
    study.tags.import_masks(str(folder / "scans" / "labelsTr"), dict(sample.classes))
    return study


def _download(sample: Sample, progress: Callable[[int, int], None]) -> Path:
    import pooch
    from requests import RequestException

    cache = platformdirs.user_cache_path("napari-mcwss", appauthor=False) / "samples"
    name = f"{sample.folder}.tar"
    pooch.get_logger().setLevel("WARNING")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return Path(
            pooch.retrieve(
                sample.address,
                known_hash=f"md5:{sample.md5}",
                fname=name,
                path=cache,
                downloader=_Resuming(cache / f"{name}.part", progress),
            )
        )
    except RequestException as error:
        raise McwssError(
            f"{sample.address} cannot be downloaded ({error}): connect this computer to the "
            "network and try again; what has arrived is kept"
        ) from error
    except ValueError as error:
        raise McwssError(
            f"{sample.address} arrived with another checksum than {sample.md5}: try again"
        ) from error
    except OSError as error:
        raise cannot_write(cache / name, error) from error


class _Resuming:
    """Download for pooch, continuing what an interrupted download has left in a file."""

    def __init__(self, part: Path, progress: Callable[[int, int], None]) -> None:
        self._part = part
        self._progress = progress

    def __call__(self, url: str, output_file: Any, _pooch: object) -> None:
        import requests

        begun = self._part.stat().st_size if self._part.exists() else 0
        asked = {"Range": f"bytes={begun}-"} if begun else {}
        with requests.get(url, headers=asked, stream=True, timeout=_TIMEOUT) as reply:
            if reply.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                reply.raise_for_status()
                self._write(reply, begun)
        # A temporary file of pooch's, which checks what is in it.
        self._part.replace(output_file)

    def _write(self, reply: Any, begun: int) -> None:
        if reply.status_code != HTTPStatus.PARTIAL_CONTENT:
            begun = 0
        size = begun + int(reply.headers.get("Content-Length", 0))
        with self._part.open("ab" if begun else "wb") as file:
            for block in reply.iter_content(_BLOCK):
                begun += file.write(block)
                self._progress(begun, size)
        if begun < size:
            from requests import ConnectionError as Broken

            raise Broken(f"the connection broke after {begun} of {size} bytes")
