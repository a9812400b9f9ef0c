"""All file formats of scans: to add one, write its module and list its `Format` here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mcwss.scans.formats.analyze import ANALYZE
from napari_mcwss.scans.formats.dicom import DICOM
from napari_mcwss.scans.formats.dicom_masks import SUFFIX
from napari_mcwss.scans.formats.metaimage import METAIMAGE
from napari_mcwss.scans.formats.mgh import MGH
from napari_mcwss.scans.formats.nifti import NIFTI
from napari_mcwss.scans.formats.nrrd import NRRD
from napari_mcwss.scans.formats.picture import PICTURE
from napari_mcwss.scans.formats.tiff import TIFF

if TYPE_CHECKING:
    from pathlib import Path

    from napari_mcwss.scans.formats.format import Format

FORMATS: tuple[Format, ...] = (
    NIFTI,
    NRRD,
    METAIMAGE,
    ANALYZE,
    MGH,
    PICTURE,
    TIFF,
    DICOM,
)


_MASK_SUFFIXES = (SUFFIX,)
"""Ends of names of files that hold masks only."""


def format_of(path: Path) -> Format | None:
    """Return the format of a file by its name, or of a folder by its files; None if unknown."""
    if path.is_dir():
        return next((kind for kind in FORMATS if kind.is_scan and kind.is_scan(path)), None)
    return format_named(path)


def format_named(path: Path) -> Format | None:
    """Return the format that the suffix of a file name stands for; None if unknown."""
    suffix = _suffix(path)
    return next((kind for kind in FORMATS if suffix in kind.suffixes), None)


def stem_of(path: Path) -> str:
    """Return a file's name without the suffix of its format."""
    return path.name[: len(path.name) - len(_suffix(path))]


def formats_text() -> str:
    """List what can be read, for a message."""
    suffixes = [suffix for kind in FORMATS for suffix in kind.suffixes]
    folders = [f"or a folder with a {kind.name}" for kind in FORMATS if kind.is_scan]
    return ", ".join(suffixes + folders)


def is_written(path: Path) -> bool:
    """Tell whether files with the suffix of a name can be written."""
    return _suffix(path) in _written()


def written_text() -> str:
    """List the suffixes of files that can be written, for a message."""
    return " or ".join(_written())


def _written() -> list[str]:
    kinds = [kind for kind in FORMATS if kind.write]
    return [suffix for kind in kinds for suffix in kind.suffixes if suffix not in kind.unwritten]


def dialog_filter() -> str:
    """Return the filter of a file dialog, as Qt reads it."""
    patterns = {
        kind.name: " ".join(f"*{suffix}" for suffix in kind.suffixes)
        for kind in FORMATS
        if kind.suffixes
    }
    kinds = {"Scans": " ".join(patterns.values()), **patterns, "All files": "*"}
    return ";;".join(f"{name} ({pattern})" for name, pattern in kinds.items())


def _suffix(path: Path) -> str:
    name = path.name.lower()
    suffixes = [suffix for kind in FORMATS for suffix in kind.suffixes]
    suffixes += _MASK_SUFFIXES
    return next((suffix for suffix in suffixes if name.endswith(suffix)), "")
