"""NRRD, as 3D Slicer writes images and segmentations: one file, or a header beside the voxels."""

from __future__ import annotations

from itertools import takewhile

from napari_mcwss.scans.formats.itk import RATIOS, TextHeader, in_several_files, itk_format

_LONGEST_FIELD = 500
"""Letters of a line of a header; those of the user's own keys may be longer."""


def _parse(lines: list[str]) -> TextHeader:
    if not lines[0].startswith("NRRD"):
        raise ValueError("it does not begin with NRRD")
    header = list(takewhile(bool, lines))
    for line in header[1:]:
        # ITK would crash over such lines.
        is_field = ": " in line and len(line) <= _LONGEST_FIELD
        if not (line.startswith("#") or ":=" in line or is_field):
            raise ValueError(f"its header has a line that is no field: {line[:40]!r}")
    fields = dict(line.split(": ", 1) for line in header if ": " in line)
    data = (fields.get("data file") or fields.get("datafile") or "").strip()
    several = in_several_files(data)
    encoding = {"gz": "gzip"}.get(fields.get("encoding", ""), fields.get("encoding", ""))
    return TextHeader(
        "" if several else data,
        None if several else RATIOS.get(encoding),
        # Without a space, axes have a length and no direction.
        "space" in fields or "space dimension" in fields,
    )


NRRD = itk_format("NRRD", (".nrrd", ".nhdr"), "NrrdImageIO", _parse)
