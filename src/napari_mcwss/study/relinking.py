"""Relinking of scans whose files, or whose study, were moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import is_there
from napari_mcwss.base.text import names_text

if TYPE_CHECKING:
    from pathlib import Path

    from napari_mcwss.study.study import Study


def relink(study: Study, folder: Path) -> tuple[str, ...]:
    """Find missing scans of a study in a folder, and change their paths in the study.

    Files are found by the ends of their paths, the longest first: for
    ``old/glioma/pat1/t1.nii`` these are ``glioma/pat1/t1.nii``, ``pat1/t1.nii`` and
    ``t1.nii`` in the folder.

    Returns
    -------
    tuple of str
        Scans that were found; others may still be missing, see `Study.missing_scans`.

    Raises
    ------
    McwssError
        If none is found, two scans would have the same files, or files do not fit
        their scan; nothing is changed then.
    """
    if not folder.is_dir():
        raise McwssError(f"'{folder}' is not a folder: name the folder of the moved scans")
    missing = study.missing_scans()
    found: dict[str, list[Path]] = {}
    for scan in missing:
        files = _moved(study.files(scan), folder)
        other = next((name for name, theirs in found.items() if theirs == files), None)
        if files and other is not None:
            raise McwssError(
                f"'{files[0]}' fits scan {other} and scan {scan}: name a folder further up, whose "
                "subfolders tell them apart"
            )
        if files:
            found[scan] = files
    if missing and not found:
        places = [str(file) for file in study.files(missing[0])[:1]]
        raise McwssError(
            f"'{folder}' has none of the missing scans {names_text(missing)}: expected paths that "
            f"end like '{places[0]}': name the folder of the moved scans"
        )
    study.move_scans(found)
    return tuple(found)


def _moved(files: tuple[Path, ...], folder: Path) -> list[Path]:
    """Return the files of a scan in a folder; none if any is missing."""
    for start in range(1, min(len(file.parts) for file in files)):
        moved = [folder.joinpath(*file.parts[start:]) for file in files]
        if all(map(is_there, moved)):
            return moved
    return []
