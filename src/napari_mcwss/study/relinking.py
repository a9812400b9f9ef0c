"""Finding the scans of a study again, after it or they were moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text

if TYPE_CHECKING:
    from pathlib import Path

    from napari_mcwss.study.study import Study


def relink(study: Study, folder: Path) -> tuple[str, ...]:
    """Look for the scans whose files are gone, below a folder, and refer to them there.

    The files are looked for by the ends of their paths, the longest first: of
    ``old/glioma/pat1/t1.nii`` that is ``glioma/pat1/t1.nii`` in the folder,
    ``pat1/t1.nii`` or ``t1.nii``.

    Parameters
    ----------
    study : Study
        Its scans that are where they were stay untouched.
    folder : Path
        The folder that the scans are in now.

    Returns
    -------
    tuple of str
        Scans that were found; others may still be missing, see
        `Study.missing_scans`.

    Raises
    ------
    McwssError
        If none is found, two scans would be the same files, or what is found
        does not fit; nothing is changed then.
    """
    if not folder.is_dir():
        raise McwssError(f"'{folder}' is not a folder: name the folder that the scans are in now")
    missing = study.missing_scans()
    found: dict[str, list[Path]] = {}
    for scan in missing:
        files = _moved(study.files(scan), folder)
        other = next((name for name, theirs in found.items() if theirs == files), None)
        if files and other is not None:
            raise McwssError(
                f"'{files[0]}' could be of scan {other} and of scan {scan}: name a folder further "
                "up, whose sub-folders tell them apart"
            )
        if files:
            found[scan] = files
    if missing and not found:
        places = [str(file) for file in study.files(missing[0])[:1]]
        raise McwssError(
            f"found in '{folder}' none of the missing scans {names_text(missing)}: expected files "
            f"with ends of paths such as '{places[0]}': name the folder that they are in now"
        )
    study.move_scans(found)
    return tuple(found)


def _moved(files: tuple[Path, ...], folder: Path) -> list[Path]:
    """Give the files of a scan below a folder; none if they are not all there."""
    for start in range(1, min(len(file.parts) for file in files)):
        moved = [folder.joinpath(*file.parts[start:]) for file in files]
        if all(file.exists() for file in moved):
            return moved
    return []
