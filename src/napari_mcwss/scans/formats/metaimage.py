"""MetaImage, as ITK writes it: one file (.mha), or a header beside the voxels (.mhd)."""

from __future__ import annotations

from napari_mcwss.scans.formats.itk import RATIOS, TextHeader, in_several_files, itk_format

_LAST = "ElementDataFile"
"""The field that ends a header."""

_DIRECTIONS = {"TransformMatrix", "Rotation", "Orientation"}


_AXES = tuple(map(str, range(1, 7)))


def _parse(lines: list[str]) -> TextHeader:
    fields: dict[str, str] = {}
    for line in lines:
        name, mark, value = line.partition("=")
        if mark:
            fields[name.strip()] = value.strip()
        if name.strip() == "NDims" and value.strip() not in _AXES:
            # ITK would write beyond its memory.
            raise ValueError(f"NDims is {value.strip()[:40]!r}")
        if not mark or name.strip() == _LAST:
            break
    if _LAST not in fields:
        raise ValueError(f"its header has no {_LAST}")
    data = fields[_LAST]
    several = in_several_files(data)
    compressed = fields.get("CompressedData", "").lower() == "true"
    return TextHeader(
        None if several else "" if data.upper() == "LOCAL" else data,
        None if several else RATIOS["gzip" if compressed else "raw"],
        bool(_DIRECTIONS & fields.keys()),
    )


METAIMAGE = itk_format("MetaImage", (".mha", ".mhd"), "MetaImageIO", _parse)
