"""Import of tags into a study, and their export into a file."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.labels import Label, read_labels
from napari_mcwss.study.description import Description
from napari_mcwss.study.layout import STUDY_FILE
from napari_mcwss.tags.importing import ImportPlan
from napari_mcwss.tags.mask_values import MaskValues
from napari_mcwss.tags.scan_tags import ScanTags
from napari_mcwss.tags.spreadsheets import read_spreadsheets, write_long
from napari_mcwss.tags.store import StudyIndex, TagStore
from napari_mcwss.tags.table import TagTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from napari_mcwss.scans.scan import Scan

    ScanTables = Iterable[tuple[str, TagTable]]


class TaggedStudy(StudyIndex, Protocol):
    """The part of a study on which an import depends."""

    @property
    def tags(self) -> TagStore:
        """The tags of all scans."""

    def scan(self, name: str) -> Scan:
        """Open a scan."""

    def files(self, scan: str) -> tuple[Path, ...]:
        """Return the files of a scan."""


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


def read_tags(
    study: TaggedStudy, sources: Sequence[Path], warn: Callable[[str], None] = _warn
) -> dict[str, TagTable]:
    """Read tags of a study's scans from files, or from another study.

    Parameters
    ----------
    study : Study
    sources : sequence of Path
        Files as `napari_mcwss.tags.spreadsheets.read_spreadsheets` reads them,
        or the folder of one other study. The images of the other study need
        not be there.
    warn : callable
        Called with a message about tagged scans and classes of the other study
        that this one lacks; a UserWarning if not given.

    Returns
    -------
    dict of str to TagTable
        A table of all classes of the study for every scan in the sources, unknown
        where they hold no tag.

    Raises
    ------
    McwssError
        If a source cannot be read, does not fit the study, or contradicts
        another.
    """
    folders = [path for path in sources if path.is_dir()]
    if not folders:
        return read_spreadsheets(sources, study.known_classes, study.slices)
    if len(sources) > 1:
        raise McwssError(
            f"found {len(sources)} sources with the folder '{folders[0]}' among them: expected "
            "files, or the folder of one study: import one after the other"
        )
    return _tags_of_study(study, folders[0], warn)


def _tags_of_study(
    study: TaggedStudy, folder: Path, warn: Callable[[str], None]
) -> dict[str, TagTable]:
    if not (folder / STUDY_FILE).exists():
        raise McwssError(
            f"'{folder}' is a folder without a study: expected files of tags, or the folder of a "
            "study: name the files in it"
        )
    other = Description.read(folder / STUDY_FILE)
    theirs = other.class_names
    # The other study may be a copy from before a class was renamed here.
    names = [study.known_classes.current(name) for name in theirs.shown]
    scans = [entry.name for entry in other.scans]
    classes = [name for name in names if name in study.class_names]
    if len(classes) < len(names):
        left_out = [name for name in names if name not in classes]
        warn(
            f"'{folder}' has classes that this study does not have, left out: {', '.join(left_out)}"
        )
    tags = folder / "tags"
    left_out = [
        name
        for name in scans
        if name not in study.scan_names and ScanTags(tags, name, 0, theirs).exists
    ]
    if left_out:
        warn(
            f"'{folder}' has tagged scans that this study does not have, left out: "
            f"{', '.join(left_out)}"
        )
    found = {}
    for name in scans:
        if name in study.scan_names:
            slices = study.slices(name)
            table = ScanTags(tags, name, slices, theirs).read()
            columns = [names.index(class_name) for class_name in classes]
            found[name] = TagTable.empty(slices, study.class_names)
            found[name].update(TagTable(tuple(classes), table.values[:, columns]))
    if not found:
        raise McwssError(
            f"'{folder}' has the scans {', '.join(scans) or 'none'}: expected some of "
            f"{', '.join(study.scan_names) or 'none'}: name a study of the same scans"
        )
    return found


def tags_of_masks(
    study: TaggedStudy,
    masks: Mapping[str, Path],
    mapping: Mapping[str, Sequence[Label]],
    warn: Callable[[str], None] = _warn,
) -> Iterator[tuple[str, TagTable]]:
    """Derive tags from masks, one scan at a time.

    Parameters
    ----------
    study : Study
    masks : mapping of str to Path
        Scan to its mask.
    mapping : mapping of str to sequence of int or str
        Class name to its values in the masks, or names; other classes are unknown in the tables.
    warn : callable
        As for `MaskValues.check`.

    Yields
    ------
    tuple of (str, TagTable)
        Use no table before the last one is read: the mapping is checked then.

    Raises
    ------
    McwssError
        If a mask cannot be read or does not lie on its scan; and after the
        last one, if the mapping does not fit them.
    """
    values = MaskValues(mapping)
    for scan, path in masks.items():
        geometry = study.scan(scan).geometry
        table = TagTable.empty(geometry.shape[0], study.class_names)
        mask = read_labels(path, geometry)
        values.add(mask.found)
        columns = [mask.voxels(wanted).any(axis=(1, 2)) for wanted in mapping.values()]
        table.update(TagTable(tuple(mapping), np.stack(columns, axis=1).astype(np.int8)))
        yield scan, table
    values.check(warn)


def plan_masks(
    study: TaggedStudy,
    masks: str | Path,
    values: Mapping[str, int | str | Sequence[Label]] | None = None,
    scans: Sequence[str] | None = None,
    progress: Callable[[ScanTables, int], ScanTables] = lambda tables, _: tables,
) -> ImportPlan:
    """Plan an import of tags from masks, without changing anything.

    Parameters
    ----------
    study, masks, values, scans
        As for `StudyTags.import_masks`.
    progress : callable
        Wraps the iterable of tables, given their number, as a progress bar does.

    Raises
    ------
    McwssError
        If a scan has no mask, as `tags_of_masks`, or the study's own tags are damaged.
    """
    names = study.scan_names if scans is None else scans
    files = {name: study.files(name)[0] for name in study.scan_names}
    found = find_masks(str(masks), files, only=names)
    mapping = {
        name: (given,) if isinstance(given, int | str | np.integer) else given
        for name, given in (values or {name: name for name in study.class_names}).items()
    }
    tables = dict(progress(tags_of_masks(study, found, mapping), len(found)))
    return ImportPlan({name: study.tags.read(name) for name in names}, tables)


def plan_import(study: TaggedStudy, sources: Sequence[Path]) -> ImportPlan:
    """Plan an import from sources as in `read_tags`, without changing anything."""
    imported = read_tags(study, sources)
    return ImportPlan({scan: study.tags.read(scan) for scan in imported}, imported)


def apply_import(study: TaggedStudy, plan: ImportPlan, *, overwrite: bool | None = None) -> int:
    """Carry out an import: one write for each scan, and one step to undo.

    Parameters
    ----------
    study : Study
        The study that the plan was made for.
    plan : ImportPlan
    overwrite : bool, optional
        Whether imported tags replace those of the study where they conflict; if
        not given, a plan with conflicts is refused.

    Returns
    -------
    int
        Number of tags that were changed.

    Raises
    ------
    McwssError
        If tags conflict and `overwrite` is not given, tags were changed since the
        plan was made, another program changes them now, or they cannot be written.
        The tags are then as before; if the disk prevents that, the message names
        the scans that are changed.
    """
    if overwrite is None and (conflicts := plan.conflicts):
        readers = {scan: study.tags.readers(scan) for scan in {c.scan for c in conflicts}}
        counts = Counter(readers[c.scan].get((c.slice_index, c.class_name), "") for c in conflicts)
        by = ", ".join(
            f"{count} by {reader or 'a reader without a name'}"
            for reader, count in counts.most_common()
        )
        raise McwssError(
            f"{counted(len(conflicts), 'tag')} of the study ({by}) would be replaced by another, "
            f"the first at {conflicts[0]}; nothing was changed: add --overwrite (in Python "
            "overwrite=True) to take the imported tags, or --keep (keep=True) to keep those "
            "of the study"
        )
    with study.tags.lock:
        for scan, table in plan.current.items():
            if not np.array_equal(study.tags.read(scan).values, table.values):
                raise McwssError(
                    f"tags of scan {scan} were changed since the import was planned: nothing was "
                    "imported: plan it again"
                )
        results = plan.result(overwrite=bool(overwrite))
        try:
            study.tags.write(results)
        except McwssError as error:
            left = _undo_import(study, plan, list(results))
            if not left:
                raise
            raise McwssError(
                f"the import was stopped and is done for {', '.join(left)} only: correct this, "
                f"then import again: {error}"
            ) from error
    return sum(int((plan.current[s].values != table.values).sum()) for s, table in results.items())


def _undo_import(study: TaggedStudy, plan: ImportPlan, scans: Sequence[str]) -> list[str]:
    """Undo a part of an import, and return the scans for which that fails."""

    def changed() -> list[str]:
        return [
            scan
            for scan in scans
            if not np.array_equal(study.tags.read(scan).values, plan.current[scan].values)
        ]

    if changed():
        with suppress(McwssError):
            study.tags.undo()
    return changed()


def export_tags(study: TaggedStudy, path: Path) -> int:
    """Write all known tags of a study into one file, and return their number."""
    tables = ((scan, study.tags.read(scan)) for scan in study.scan_names)
    return write_tags(study.tags, tables, path)


def write_tags(store: TagStore, tables: ScanTables, path: Path) -> int:
    """Write the known tags of scans into a file outside the study, and return their number.

    Raises
    ------
    McwssError
        If the file cannot be written, or lies in the study's folder of tags.
    """
    if store.folder in Path(os.path.realpath(path)).parents:
        raise McwssError(f"'{path}' lies where the study keeps its own tags: name a file elsewhere")
    return write_long(path, tables)
