"""A study on disk: scans, classes, tags, models and results in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, is_there, make_folders, remove_leftovers
from napari_mcwss.base.names import check_names
from napari_mcwss.scans.default_channels import channels_of, default_channels
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.reading import read_scan, refuse_time
from napari_mcwss.study.described import DescribedStudy
from napari_mcwss.study.description import ClassSpec as ClassSpec
from napari_mcwss.study.description import Description, ScanEntry, class_specs, relative_path
from napari_mcwss.study.layout import STUDY_FILE
from napari_mcwss.study.links import FOLDERS, leads_out, refuse_links_out
from napari_mcwss.study.study_tags import StudyTags
from napari_mcwss.tags.scan_tags import ScanTags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from napari_mcwss.scans.scan import Scan


class Study(DescribedStudy):
    """A study; its scans and tags are read when they are needed.

    Use `Study.create` or `Study.open` to get one. The package itself works with this class;
    `napari_mcwss.Study`, the one for scripts and notebooks, can also train and segment.

    Attributes
    ----------
    tags : StudyTags
        The tags of all scans, their history and their lock.
    """

    def __init__(self, folder: Path, description: Description) -> None:
        super().__init__(folder, description)
        self._scans: dict[str, Scan] = {}
        self.tags = StudyTags(self)

    @classmethod
    def create(
        cls,
        folder: Path | str,
        *,
        scans: Mapping[str, Sequence[Path]] | Path | str,
        classes: Sequence[str | ClassSpec],
        channels: Sequence[str] | None = None,
    ) -> Self:
        """Create a study in a folder that holds none yet.

        Parameters
        ----------
        folder : Path or str
            Made if missing.
        scans : Path, str or mapping of str to sequence of Path
            A folder in which `find_scans` finds the scans; or the name of each
            scan with its files, one for each channel or one for all. The files
            stay where they are.
        classes : sequence of str or ClassSpec
            The classes; plain names get colours of a palette.
        channels : sequence of str, optional
            Names of the channels, the same for every scan. By default ``red``, ``green`` and
            ``blue`` if the scans are coloured pictures, ``image`` if they are other single
            files, and the ends of the file names in sub-folders of several files.

        Raises
        ------
        McwssError
            If the folder holds a study, no channel or class is given, a name is given
            twice or cannot be that of a file, or a scan's files do not fit. Nothing
            is written then.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.create(
        ...     "new-study", scans="glioma", channels=["t1c", "flair"], classes=["TC", "ED"]
        ... )
        >>> study.scan_names
        ('pat0001', 'pat0002', 'pat0005', 'pat0006')
        """
        folder = Path(os.path.realpath(folder))
        if (folder / STUDY_FILE).exists():
            raise McwssError(f"'{folder}' holds a study already: open it, or name another folder")
        scans = Path(scans) if isinstance(scans, str) else scans
        if channels is None:
            channels = default_channels([scans]) if isinstance(scans, Path) else channels_of(scans)
        if not channels or not classes:
            raise McwssError(
                f"a study of {len(channels)} channels and {len(classes)} classes: name at least "
                "one of each"
            )
        description = Description(channels=tuple(channels), classes=class_specs(classes), scans=())
        study = cls(folder, description)
        changed = study._with_scans(
            find_scans(scans, channels) if isinstance(scans, Path) else scans
        )
        make_folders(folder)
        study._write(changed)
        return study

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open the study in a folder, without reading its scans.

        Raises
        ------
        McwssError
            If there is none, its ``mcwss.json`` is damaged or of a newer format, or a link in it
            leads elsewhere.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> mcwss.Study.open("my-study").channels
        ('t1c', 'flair')
        """
        folder = Path(os.path.realpath(folder))
        refuse_links_out(folder)
        for sub in (folder, *(folder / name for name in FOLDERS)):
            if not leads_out(sub, folder):
                remove_leftovers(sub)
        return cls(folder, Description.read(folder / STUDY_FILE))

    def slices(self, scan: str) -> int:
        """Return the number of slices of a scan; refuse an unknown name as `scan` does.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.slices("pat0001")
        9
        """
        return self.scan(scan).slices

    def add_scans(self, scans: Mapping[str, Sequence[Path]]) -> None:
        """Add scans; their files are referred to where they are.

        Parameters
        ----------
        scans : mapping of str to sequence of Path
            Name of each scan to its files, one for each channel or one for all.

        Raises
        ------
        McwssError
            If a name is taken or cannot be that of a file, or a scan's files
            do not fit; nothing is added then.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.add_scans({"again": study.files("pat0001")})
        >>> study.scan_names[-1]
        'again'
        """
        self._take_scans_added_elsewhere()
        self._save(self._with_scans(scans))

    def move_scans(self, scans: Mapping[str, Sequence[Path]]) -> None:
        """Replace the paths of moved scans, given the new files of each.

        Raises
        ------
        McwssError
            If there is no such scan, or its channels or tags do not fit the
            files; nothing is changed then.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> old = study.files("pat0001")[0].parent
        >>> new = old.rename(old.with_name("moved"))
        >>> study.move_scans({"pat0001": [new / "t1c.nii.gz", new / "flair.nii.gz"]})
        >>> study.missing_scans()
        ()
        """
        for name, files in scans.items():
            self.files(name)
            slices = read_scan(name, self.channels, files).slices
            ScanTags(self.tags.folder, name, slices, self.known_classes).read()
        entries = tuple(
            ScanEntry(
                name=entry.name,
                files=tuple(relative_path(file, self.folder) for file in scans[entry.name]),
            )
            if entry.name in scans
            else entry
            for entry in self._description.scans
        )
        self._save(self._changed(scans=entries))
        for name in scans:
            self._scans.pop(name, None)

    def add_classes(self, classes: Sequence[str | ClassSpec]) -> None:
        """Add classes, which are unknown on every slice unless they had been removed.

        Raises
        ------
        McwssError
            If a name is taken or cannot be that of a file.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.add_classes(["necrosis"])
        >>> study.tags["pat0001"][0, "necrosis"] is mcwss.UNKNOWN
        True
        """
        self.change_classes([*self.classes, *classes])

    def change_classes(
        self, classes: Sequence[str | ClassSpec], *, renamed: Mapping[str, str] | None = None
    ) -> None:
        """Add, rename, recolour, reorder and remove classes, all or nothing.

        Tags, models and results keep their meaning: their files are not touched. Open studies and
        trainings that go on elsewhere refuse to go on.

        Parameters
        ----------
        classes : sequence of str or ClassSpec
            All classes from now on, in their order; plain names keep their colours. A class that
            is left out is removed: its tags are kept, and are there again once it is added again.
        renamed : mapping of str to str, optional
            Names until now to the new ones, as they are in `classes`.

        Raises
        ------
        McwssError
            If a name is taken or cannot be that of a file, there is no class to rename, no
            class is left, or another program changes the tags now. Nothing is changed then.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
        >>> study.class_names, study.model("first").classes
        (('oedema', 'TC'), ('TC', 'ED'))
        """
        self.check_there()
        with self.tags.lock:
            self._save(self._description.with_classes(classes, renamed or {}))
            self.tags.forget_history()

    def remove_scans(self, scans: Sequence[str]) -> None:
        """Remove scans from the study; their files, tags and results stay where they are.

        They are there again once a scan of the same name and files is added.

        Raises
        ------
        McwssError
            If no scan is named, there is no such scan, or another program changes the tags
            now. Nothing is changed then.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.remove_scans(["pat0001"])
        >>> study.scan_names
        ('pat0002', 'pat0005', 'pat0006')
        """
        if not scans:
            raise McwssError("no scan is named: name those to be removed")
        for name in scans:
            self.files(name)
        known = self._description
        gone = tuple(entry for entry in known.scans if entry.name in scans)
        kept = tuple(entry for entry in known.scans if entry.name not in scans)
        self.check_there()
        with self.tags.lock:
            removed = (*known.removed_scans, *gone)
            self._save(self._changed(scans=kept, removed_scans=removed))
            self.tags.forget_history()
        for name in scans:
            self._scans.pop(name, None)

    def rename(self, name: str) -> Self:
        """Rename the study by renaming its folder.

        Returns
        -------
        Study
            The study in its new folder; this object knows the old one.

        Raises
        ------
        McwssError
            If the name cannot be that of a folder or is taken, another program changes the tags
            now, or the folder cannot be renamed.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.rename("gliomas").folder.name
        'gliomas'
        """
        check_names("study", [name])
        folder = self.folder.with_name(name)
        if folder.exists() and not folder.samefile(self.folder):
            raise McwssError(f"'{folder}' exists already: choose another name")
        self.check_there()
        with self.tags.lock:
            pass  # no other program tags now
        try:
            self.folder.rename(folder)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return type(self).open(folder)

    def scan(self, name: str) -> Scan:
        """Open a scan, the same object every time; voxels are read when they are used.

        Raises
        ------
        McwssError
            If there is no such scan, or its files are missing or do not fit.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> scan = study.scan("pat0001")
        >>> scan.volume().shape, scan.geometry.spacing
        ((2, 9, 41, 36), (3.0, 2.0, 2.0))
        """
        if name not in self._scans:
            files = self.files(name)
            lost = next((file for file in files if not is_there(file)), None)
            if lost is not None:
                others = len(self.missing_scans()) - 1
                more = f", nor do files of {others} other scans" if others > 0 else ""
                raise McwssError(
                    f"scan {name}: '{lost}' does not exist{more}: if scans or study were moved, "
                    f"napari-mcwss relink '{self.folder}' --scans FOLDER finds them"
                )
            # If two threads open a scan, both get the object of the first.
            self._scans.setdefault(name, read_scan(name, self.channels, files))
        return self._scans[name]

    def _take_scans_added_elsewhere(self) -> None:
        self.check_there()
        known, found = self._description, Description.read(self.folder / STUDY_FILE)
        if found.model_copy(update={"scans": known.scans}) == known and {*known.scans} <= {
            *found.scans
        }:
            self._description = found

    def _with_scans(self, scans: Mapping[str, Sequence[Path]]) -> Description:
        """Return the description with scans added, whose files are read to see that they fit."""
        entries = tuple(
            ScanEntry(name=name, files=tuple(relative_path(file, self.folder) for file in files))
            for name, files in scans.items()
        )
        self._added(entries)
        for name, files in scans.items():
            refuse_time(name, files)
            read_scan(name, self.channels, files)
        # Reading takes a while, in which another thread may have added scans.
        return self._added(entries)

    def _added(self, entries: tuple[ScanEntry, ...]) -> Description:
        known = self._description
        removed = {entry.name: entry for entry in known.removed_scans}
        for entry in entries:
            if removed.get(entry.name, entry) != entry:
                raise McwssError(
                    f"a scan {entry.name} was removed from this study, and its tags are kept: give "
                    "the new scan another name, or add the old one again"
                )
        names = {entry.name for entry in entries}
        return self._changed(
            scans=(*known.scans, *entries),
            removed_scans=tuple(e for e in known.removed_scans if e.name not in names),
        )
