"""NRRD, as 3D Slicer writes images and segmentations: one file, or a header beside the voxels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from napari_mcwss.base.reading import readable
from napari_mcwss.scans.formats.itk import (
    RATIOS,
    TextHeader,
    header_lines,
    in_several_files,
    itk_format,
)

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_FIELD = 500
"""Letters of a line of a header; those of the user's own keys may be longer."""


_SEGMENT = re.compile(r"Segment(\d{1,6})_(Name|LabelValue|Layer):=(.*)")


@dataclass(frozen=True)
class Segment:
    """A segment of 3D Slicer: its name, and the value that it has in one of the layers."""

    name: str
    layer: int
    value: int


def segments_of(path: Path) -> list[Segment]:
    """Read the segments that a file names as 3D Slicer does; empty if it names none.

    Older versions say neither value nor layer: each segment has a layer of its own, with ones.

    Raises
    ------
    McwssError
        If a value or a layer is no number.
    """
    if not path.name.lower().endswith(NRRD.suffixes):
        return []
    found: dict[int, dict[str, str]] = {}
    with readable(path):
        for line in takewhile(bool, header_lines(path)):
            if match := _SEGMENT.match(line):
                found.setdefault(int(match[1]), {})[match[2]] = match[3].strip()
        return [
            Segment(
                fields["Name"].encode("latin-1").decode("utf-8", "replace"),
                int(fields.get("Layer", number)),
                int(fields.get("LabelValue", 1)),
            )
            for number, fields in sorted(found.items())
            if fields.get("Name")
        ]


def _parse(lines: list[str]) -> TextHeader:
    if not lines[0].startswith("NRRD"):
        raise ValueError("it does not begin with NRRD")
    header = list(takewhile(bool, lines))
    for line in header[1:]:
        # ITK would crash over such lines.
        is_field = ": " in line and len(line) <= _LONGEST_FIELD
        if not (line.startswith("#") or ":=" in line or is_field):
            raise ValueError(f"its header has a line that is no field: {line[:40]!r}")
    # ITK reads the names of fields and encodings in any case.
    pairs = (line.split(": ", 1) for line in header if ": " in line)
    fields = {name.lower(): value for name, value in pairs}
    data = (fields.get("data file") or fields.get("datafile") or "").strip()
    several = in_several_files(data)
    encoding = fields.get("encoding", "").strip().lower()
    encoding = {"gz": "gzip"}.get(encoding, encoding)
    return TextHeader(
        None if several else data,
        None if several else RATIOS.get(encoding),
        # Without a space, axes have a length and no direction.
        "space" in fields or "space dimension" in fields,
    )


NRRD = itk_format("NRRD", (".nrrd", ".nhdr"), "NrrdImageIO", _parse)
