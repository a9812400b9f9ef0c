"""What exports share: results scan by scan, plain names, a folder that appears once complete."""

import math
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write
from napari_mcwss.export.kind import ExportOutcome
from napari_mcwss.scans.scan import Scan
from napari_mcwss.study.study import Study


@dataclass(frozen=True, eq=False)
class ExportCase:
    """A scan with a model's results.

    Attributes
    ----------
    mask : (z, y, x) array of uint8
        0 background, k + 1 class k; the corrected mask, if there is one.
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1.
    right : bool
        Whether the user has checked the corrected mask: no pixel is doubtful.
    """

    scan: Scan
    mask: NDArray[np.uint8]
    cams: NDArray[np.float32]
    scores: NDArray[np.float32]
    right: bool = False


def read_case(study: Study, model: str, name: str) -> ExportCase:
    """Read a scan's results."""
    from napari_mcwss.segmentation.corrected import read_corrected
    from napari_mcwss.segmentation.results import load_mask, load_result

    mask = load_mask(study, model, name)
    corrected = read_corrected(study, name)
    if corrected is not None:
        mask = corrected.labels.astype(np.int32)
    found = load_result(study, model, name)
    assert found is not None  # Or there were no mask.
    scan = study.scan(name)
    if found.scores.shape != (scan.slices, len(study.class_names)):
        raise McwssError(f"scores of scan {name} do not fit it: segment it again")
    if mask.min() < 0 or mask.max() > len(study.class_names):
        raise McwssError(
            f"mask of scan {name} has values from {mask.min()} to {mask.max()}, expected 0 to "
            f"{len(study.class_names)}: segment it again"
        )
    right = corrected is not None and corrected.right
    return ExportCase(scan, mask.astype(np.uint8), found.cams, found.scores, right)


def each_case(
    study: Study, model: str, names: Sequence[str], write: Callable[[ExportCase], None]
) -> Generator[ExportOutcome, None, list[str]]:
    """Export one scan after the other, and return the names of those that were exported.

    A `McwssError` that `write` raises is a problem of that scan, and does not stop the others.

    Raises
    ------
    McwssError
        At the end, if no scan was exported.
    """
    done = []
    for name in names:
        try:
            case = read_case(study, model, name)
            try:
                write(case)
            finally:
                case.scan.release()
        except McwssError as error:
            yield ExportOutcome(name, str(error))
        else:
            done.append(name)
            yield ExportOutcome(name, None)
    if not done:
        raise McwssError("no scan could be exported: see the reasons above")
    return done


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Make a folder that appears once the block ends, and not if the block raises.

    The block writes to a hidden folder beside it. The folder may exist only if it is empty.
    """
    out = Path(os.path.realpath(out))
    refuse_taken(out)
    working = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        working.mkdir(parents=True)
        yield working
        if out.exists():
            out.rmdir()
        working.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)


def refuse_taken(out: Path, what: str = "folder") -> None:
    """Refuse to write where something is already; an empty folder is nothing."""
    empty = what == "folder" and out.is_dir() and not any(out.iterdir())
    if out.exists() and not empty:
        raise McwssError(f"'{out}' exists already: remove it or name another {what}")


def voxels_of(study: Study, names: Sequence[str]) -> int:
    """Count the voxels of one channel of scans, from their headers; unreadable scans have none."""
    total = 0
    for name in names:
        with suppress(McwssError):
            total += math.prod(study.scan(name).geometry.shape)
    return total


def plain_names(names: Sequence[str]) -> dict[str, str]:
    """Map names to distinct ones of ASCII letters and digits, distinct in any case.

    Examples
    --------
    >>> plain_names(["pat_01", "pat-01", "Müller (2)"])
    {'pat_01': 'pat01', 'pat-01': 'pat01x2', 'Müller (2)': 'Muller2'}
    """
    given: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        ascii_text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^A-Za-z0-9]", "", ascii_text) or "scan"
        plain, number = stem, 1
        while plain.casefold() in used:
            number += 1
            plain = f"{stem}x{number}"
        used.add(plain.casefold())
        given[name] = plain
    return given
