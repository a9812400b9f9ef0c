"""Names of scans, classes, channels and models, each of which becomes part of a file name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = re.compile(r"\w([\w .+()-]{0,98}[\w+()-])?")

# File names have up to 255 bytes, of which "cam_", ".nii.gz" and what is put before a file in
# the making take 21. Letters beyond ASCII have up to four.
_NAME_BYTES = 230


def check_names(kind: str, names: Iterable[str]) -> None:
    """Refuse names of some kind that are given twice or cannot be those of files, on any system."""
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name) or len(name.encode()) > _NAME_BYTES:
            raise McwssError(
                f"{kind} name {name!r} is not a valid file name on all systems: use up to 100 "
                "letters, "
                "digits, spaces and . _ + - ( ), with a letter or digit first and no dot last; "
                f"in UTF-8 up to {_NAME_BYTES} bytes"
            )
        if name.casefold() == "slice" and kind == "class":
            raise McwssError(
                "the class name 'slice' is reserved for a column of the tags: choose another"
            )
        # Some file systems do not tell upper from lower case.
        if name.casefold() in seen:
            raise McwssError(f"{kind} {name!r} occurs twice: give each {kind} a different name")
        seen.add(name.casefold())
