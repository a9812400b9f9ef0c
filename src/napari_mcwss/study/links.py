"""Links in a study that lead out of it: a stranger's study could read and change any file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.layout import STUDY_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

AGREED = "MCWSS_FOLLOW_LINKS"
"""Variable of the environment with which a user agrees, if it is 1."""

FOLDERS = ("tags", "tags/.journal", "models", "results", "corrected")
"""Folders of a study."""


def follows_links() -> bool:
    """Tell whether the user has agreed to links that lead out of studies."""
    return os.environ.get(AGREED) == "1"


def refuse_links_out(folder: Path) -> None:
    """Refuse a study with links to other places, unless the user has agreed.

    The file of the study, its folders, and what is directly in them are looked at.

    Parameters
    ----------
    folder : Path
        The study's; without links in its own path.
    """
    if follows_links():
        return
    for link in _links(folder):
        target = Path(os.path.realpath(link))
        if not target.is_relative_to(folder):
            raise McwssError(
                f"'{link}' is a link that leads out of the study, to '{target}': if you trust it, "
                f"set {AGREED}=1 in the environment and open the study again"
            )


def _links(folder: Path) -> Iterator[Path]:
    for path in (folder / STUDY_FILE, *(folder / name for name in FOLDERS)):
        if path.is_symlink():
            yield path
    for name in FOLDERS:
        with suppress(OSError), os.scandir(folder / name) as entries:
            yield from [Path(entry.path) for entry in entries if entry.is_symlink()]
