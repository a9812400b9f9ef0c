"""NRRD, as 3D Slicer writes images and segmentations: one file, or a header beside the voxels."""

from __future__ import annotations

from itertools import takewhile

from napari_mcwss.scans.formats.itk import RATIOS, TextHeader, itk_format


def _parse(lines: list[str]) -> TextHeader:
    if not lines[0].startswith("NRRD"):
        raise ValueError("it does not begin with NRRD")
    fields = dict(line.split(": ", 1) for line in takewhile(bool, lines) if ": " in line)
    data = (fields.get("data file") or fields.get("datafile") or "").strip()
    several = data.startswith("LIST") or "%" in data
    encoding = {"gz": "gzip"}.get(fields.get("encoding", ""), fields.get("encoding", ""))
    return TextHeader(
        "" if several else data,
        None if several else RATIOS.get(encoding),
        # Without a space, axes have a length and no direction.
        "space" in fields or "space dimension" in fields,
    )


NRRD = itk_format("NRRD", (".nrrd", ".nhdr"), "NrrdImageIO", _parse)
