"""What ``mcwss.json`` says of a study, kept in step with the file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import is_there, make_folders, refuse_link_out
from napari_mcwss.study.description import ClassSpec, Description, gone
from napari_mcwss.study.layout import STUDY_FILE, StudyLayout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_mcwss.study.description import ScanEntry
    from napari_mcwss.tags.class_names import ClassNames


class DescribedStudy(StudyLayout):
    """Channels, classes and scans of a study, without the content of the scans."""

    def __init__(self, folder: Path, description: Description) -> None:
        super().__init__(folder)
        self._description = description
        self._stamp: tuple[int, ...] | None = None
        self._by_name: tuple[Sequence[ScanEntry], Mapping[str, ScanEntry]] = ((), {})

    def check_there(self) -> None:
        """Refuse to go on where the study is gone, or does not have what this object knows.

        Call it before each write: the drive of a study may be unmounted, its folder renamed, and
        another program may change its classes or remove a scan.

        Raises
        ------
        McwssError
            If its ``mcwss.json`` is missing, lacks a scan of this object, or has other classes
            or other names of them.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> mcwss.Study.open("my-study").check_there()
        """
        path = self.folder / STUDY_FILE
        try:
            found = path.stat()
        except OSError as error:
            raise gone(self.folder) from error
        stamp = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
        if stamp == self._stamp:
            return
        if not self._description.is_part_of(Description.read(path)):
            raise self._outdated()
        self._stamp = stamp

    def make_folder(self, folder: Path) -> None:
        """Make a folder of the study, and those in between; the study's own must be there.

        Raises
        ------
        McwssError
            If the study is gone, a folder cannot be made, or `check_inside` refuses it.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.make_folder(study.model_folder("first"))
        """
        self.check_there()
        self.check_inside(folder)
        path = self.folder
        for part in folder.relative_to(self.folder).parts:
            path /= part
            make_folders(path, parents=False)

    def check_inside(self, path: Path) -> None:
        """Refuse to write where a link leads out of the study, whether its user trusts it or not.

        Call it before writing to a path of the study. The folders above it are looked at, and what
        is directly in it.

        Raises
        ------
        McwssError
            If there is such a link; it is named.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.check_inside(study.model_folder("first"))
        """
        step = self.folder
        for part in path.relative_to(self.folder).parts:
            step /= part
            refuse_link_out(step, self.folder)
        with suppress(OSError), os.scandir(path) as entries:
            for link in (entry for entry in entries if entry.is_symlink()):
                refuse_link_out(Path(link.path), self.folder)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self._description.channels

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """Names, colours and priorities of the classes."""
        return self._description.classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(spec.name for spec in self.classes)

    @property
    def known_classes(self) -> ClassNames:
        """Names of the classes, of those that were removed, and their former names."""
        return self._description.class_names

    @property
    def scan_names(self) -> tuple[str, ...]:
        """Names of the scans."""
        return tuple(entry.name for entry in self._description.scans)

    def files(self, scan: str) -> tuple[Path, ...]:
        """Return the files of a scan: one for each channel, or one for all.

        Raises
        ------
        McwssError
            If there is no such scan.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> [file.name for file in study.files("pat0001")]
        ['t1c.nii.gz', 'flair.nii.gz']
        """
        entry = self._entries().get(scan)
        if entry is None:
            raise McwssError(
                f"no scan {scan!r} in this study: expected {', '.join(self.scan_names) or 'none'}"
            )
        return tuple(Path(os.path.normpath(self.folder / file)) for file in entry.files)

    def _entries(self) -> Mapping[str, ScanEntry]:
        """Return the scans by name, which are looked up once for each of thousands."""
        scans, entries = self._by_name
        if scans is not self._description.scans:
            scans = self._description.scans
            entries = {entry.name: entry for entry in scans}
            self._by_name = scans, entries
        return entries

    def missing_scans(self) -> tuple[str, ...]:
        """Return the names of scans of which a file is missing, as after a move.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.files("pat0001")[0].unlink()
        >>> study.missing_scans()
        ('pat0001',)
        """
        return tuple(name for name in self.scan_names if not all(map(is_there, self.files(name))))

    def _changed(self, **changes: object) -> Description:
        changed = self._description.model_copy(update=changes)
        changed.check(known=self._description)
        return changed

    def _save(self, changed: Description) -> None:
        self.check_there()
        if Description.read(self.folder / STUDY_FILE) != self._description:
            raise self._outdated()
        self._write(changed)

    def _write(self, changed: Description) -> None:
        changed.write(self.folder / STUDY_FILE)
        self._description, self._stamp = changed, None

    def _outdated(self) -> McwssError:
        return McwssError(
            f"the study in '{self.folder}' was changed by another program: open it again"
        )
