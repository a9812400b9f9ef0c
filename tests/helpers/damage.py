"""Damage to files: of bytes, and of the parts that a format is made of."""

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
from hypothesis import strategies as st

NUMBERS = st.sampled_from(
    [-1, 0, 1, 2, 255, 2**15, 2**31 - 1, 2**31, 2**63, 10**30, -0.5, 1e308, 1e-320]
) | st.sampled_from([float("nan"), float("inf")])

TEXTS = st.sampled_from(
    ["", "\0", "\x1b[31m", "\u202e", "../../x", "/etc/passwd", "CON", "1e9", "=1+1", "x" * 5000]
) | st.text(max_size=8)

VALUES = st.none() | st.booleans() | NUMBERS | TEXTS
"""What may stand where another value was expected."""


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Change, repeat, remove or cut some bytes, mostly of the header."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        end = len(data) if draw(st.integers(0, 2)) == 0 else min(len(data), 400)
        place = draw(st.integers(0, max(end - 1, 0)))
        match draw(st.integers(0, 5)):
            case 0:
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                words = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"]
                data[place : place + 4] = draw(st.sampled_from(words))
            case 2:
                data[place:place] = data[place : place + 16]
            case 3:
                del data[place : place + draw(st.integers(1, 8))]
            case 4:
                del data[place:]
            case _:
                data[place : place + 8] = draw(st.binary(min_size=8, max_size=8))
    return bytes(data)


@st.composite
def damaged_json(draw: st.DrawFn, content: bytes) -> bytes:
    """Put other values, lists or nothing in places of a JSON file."""
    data = json.loads(content)
    for _ in range(draw(st.integers(1, 2))):
        holders = list(_holders(data))
        if not holders:
            break
        holder = draw(st.sampled_from(holders))
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw(st.sampled_from(keys))
        new = draw(
            VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(TEXTS, VALUES, max_size=2)
        )
        match draw(st.integers(0, 3)):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[draw(TEXTS)] = new
            case _:
                holder[key] = new
    return json.dumps(data).encode()


def _holders(data: Any) -> Any:
    """Yield everything that is not empty and holds values."""
    if isinstance(data, dict | list) and data:
        yield data
        for value in data.values() if isinstance(data, dict) else data:
            yield from _holders(value)


@st.composite
def damaged_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """Damage the JSON of one line among several."""
    lines = content.splitlines()
    place = draw(st.integers(0, len(lines) - 1))
    lines[place] = draw(damaged_json(lines[place]))
    return b"\n".join(lines) + b"\n"


@st.composite
def damaged_table(draw: st.DrawFn, content: bytes) -> bytes:
    """Change, add and remove cells and rows, separators and the encoding."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    for _ in range(draw(st.integers(1, 3))):
        if not rows:
            break
        row = draw(st.integers(0, len(rows) - 1))
        cell = draw(st.integers(0, max(len(rows[row]) - 1, 0)))
        match draw(st.integers(0, 4)):
            case 0:
                rows[row][cell : cell + 1] = [str(draw(VALUES))]
            case 1:
                rows[row].insert(cell, draw(TEXTS))
            case 2:
                del rows[row][cell : cell + 1]
            case 3:
                del rows[row]
            case _:
                rows.insert(row, list(rows[row]))
    text = draw(st.sampled_from([",", ";", "\t", '",']))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    code = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    return end.join(map(text.join, rows)).encode(code, "replace")


@st.composite
def damaged_nifti(draw: st.DrawFn, content: bytes) -> bytes:
    """Put odd values into fields of a NIfTI header."""
    kind = nib.Nifti2Header if content[:4] == struct.pack("<i", 540) else nib.Nifti1Header
    size = kind.template_dtype.itemsize
    header = np.frombuffer(content[:size], kind.template_dtype).copy()
    for _ in range(draw(st.integers(1, 3))):
        field = header[draw(st.sampled_from(kind.template_dtype.names))]
        if field.dtype.kind not in "iuf":
            continue
        place = draw(st.integers(0, field.size - 1))
        with np.errstate(all="ignore"):
            field.reshape(-1)[place] = _as(field.dtype, draw(NUMBERS))
    return bytes(header.tobytes() + content[size:])


def _as(dtype: np.dtype[Any], value: float) -> Any:
    if dtype.kind == "f":
        return dtype.type(value)
    limits = np.iinfo(dtype)
    return int(min(max(value, limits.min), limits.max)) if value == value else 0


@st.composite
def damaged_dicom(draw: st.DrawFn, content: bytes) -> bytes:
    """Put other values in place of elements, or remove them."""
    import pydicom

    data = pydicom.dcmread(io.BytesIO(content))
    for _ in range(draw(st.integers(1, 3))):
        # As they are stored: what is damaged already cannot be converted.
        elements = [data.get_item(tag) for tag in data.keys()]  # noqa: SIM118
        plain = [item for item in elements if item.VR not in ("SQ", "OW", "OB", None)]
        element = draw(st.sampled_from(plain))
        if draw(st.integers(0, 3)) == 0:
            del data[element.tag]
            continue
        value = draw(VALUES | st.lists(NUMBERS | TEXTS, max_size=7))
        raw = "\\".join(map(str, value)) if isinstance(value, list) else str(value)
        numeric = {"US": "<H", "UL": "<I", "FD": "<d", "FL": "<f"}.get(element.VR)
        stored = struct.pack(numeric, 3) * 2 if numeric else raw.encode("utf-8", "replace")
        data[element.tag] = pydicom.dataelem.RawDataElement(
            element.tag, element.VR, len(stored), stored[:60_000], 0, False, True
        )
        if draw(st.booleans()):
            break
    buffer = io.BytesIO()
    try:
        pydicom.dcmwrite(buffer, data, enforce_file_format=False)
    except Exception:
        # What pydicom cannot write is no file.
        return content
    return buffer.getvalue()


@st.composite
def damaged_text_header(draw: st.DrawFn, content: bytes) -> bytes:
    """Change fields of a header of lines, such as those of NRRD and MetaImage."""
    lines = content.split(b"\n")
    last = next((k for k, line in enumerate(lines) if not line.strip() or b"LOCAL" in line), 1)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(last - 1, 0)))
        words = lines[place].split(b" ")
        match draw(st.integers(0, 3)):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, lines[place])
            case _:
                word = draw(st.integers(0, len(words) - 1))
                words[word] = str(draw(NUMBERS | TEXTS)).encode("utf-8", "replace")
                lines[place] = b" ".join(words)
    return b"\n".join(lines)


Damage = Callable[[bytes], st.SearchStrategy[bytes]]
