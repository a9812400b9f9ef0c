"""Links in a study that lead out of it: a stranger's study could read and change any file."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.layout import STUDY_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

AGREED = "MCWSS_FOLLOW_LINKS"
"""Variable of the environment with which a user agrees, if it is 1."""

FOLDERS = ("tags", "tags/.journal", "models", "results", "corrected")
"""Folders of a study."""


def follows_links() -> bool:
    """Tell whether the user has agreed to links that lead out of studies."""
    return os.environ.get(AGREED) == "1"


def refuse_links_out(folder: Path) -> None:
    """Refuse a study with links to other places, unless the user has agreed.

    The file of the study, its folders, what is directly in them and in models are looked at.
    Results are many: `refuse_links_out_of` looks at those of a scan when they are read.

    Parameters
    ----------
    folder : Path
        The study's; without links in its own path.
    """
    _refuse(folder, _links(folder))


def refuse_links_out_of(folder: Path, part: Path) -> None:
    """Refuse links to other places in a part of a study, unless the user has agreed.

    Parameters
    ----------
    folder : Path
        The study's.
    part : Path
        A folder in it; what is directly in it is looked at.
    """
    _refuse(folder, chain([part] if part.is_symlink() else [], _links_in(part)))


def leads_out(path: Path, folder: Path) -> bool:
    """Tell whether a path is a link that leads out of a folder."""
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(folder)


def _refuse(folder: Path, links: Iterable[Path]) -> None:
    if follows_links():
        return
    for link in links:
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
        yield from _links_in(folder / name)
    with suppress(OSError):
        for path in (folder / "models").iterdir():
            yield from _links_in(path)


def _links_in(folder: Path) -> list[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_symlink()]
    return []
