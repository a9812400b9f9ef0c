"""The tags of a study, with their import from masks and files and their export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.tag_exchange import (
    TaggedStudy,
    apply_import,
    export_tags,
    plan_import,
    plan_masks,
)
from napari_mcwss.tags.store import TagStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_mcwss.tags.importing import ImportPlan


class StudyTags(TagStore):
    """The tags of a study: read, changed, imported and exported.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, write_phantom
    >>> from napari_mcwss.study.study import Study
    >>> from napari_mcwss.tags.table import Tag
    >>> folder = TemporaryDirectory()
    >>> write_phantom(Path(folder.name) / "scans", scans=1, size=(9, 41, 36))
    >>> study = Study.create(
    ...     Path(folder.name) / "study",
    ...     scans=Path(folder.name) / "scans",
    ...     channels=PHANTOM_CHANNELS,
    ...     classes=["TC", "ED"],
    ... )
    >>> study.tags["phantom01"][0, "TC"] = Tag.ABSENT
    >>> study.tags["phantom01"][0, "TC"].name
    'ABSENT'
    >>> study.tags.import_masks("seg", {"TC": 1, "ED": 2})
    17
    >>> study.tags.export(Path(folder.name) / "tags.csv")
    18
    >>> folder.cleanup()
    """

    def __init__(self, study: TaggedStudy) -> None:
        super().__init__(study)
        self._study = study

    def import_masks(
        self,
        masks: str | Path,
        values: Mapping[str, int | str | Sequence[int | str]] | None = None,
        scans: Sequence[str] | None = None,
        *,
        overwrite: bool = False,
        keep: bool = False,
    ) -> int:
        """Tag slices from masks: a class is present where a slice has a voxel of its values.

        Parameters
        ----------
        masks : str or Path
            Name of the mask among each scan's files, such as ``"seg"``, or a
            folder of masks.
        values : mapping of str to int, str or sequence of these, optional
            Values of each class in the masks, as ``{"TC": (1, 4), "ED": 2}``, or names where
            masks have such; by default those of the classes.
        scans : sequence of str, optional
            Names of the scans; all of the study if not given.
        overwrite, keep : bool
            Whether tags of the study that contradict the masks are replaced, or
            kept; one must be chosen if there are any.

        Returns
        -------
        int
            Number of tags that were changed.

        Raises
        ------
        McwssError
            If a mask is missing or does not fit its scan, the values do not fit the
            masks, tags conflict, or another program changes the tags now.
            Nothing is changed then.
        """
        return self._import(plan_masks(self._study, masks, values, scans), overwrite, keep)

    def import_file(self, path: str | Path, *, overwrite: bool = False, keep: bool = False) -> int:
        """Import tags from a CSV or TSV file, or from the folder of another study.

        Parameters
        ----------
        path : str or Path
            A file with the columns scan, slice, class and tag, or scan, slice and
            one for each class; without scan, its name is that of the scan. Or the
            folder of a study with the same scans.
        overwrite, keep : bool
            As for `import_masks`.

        Returns
        -------
        int
            Number of tags that were changed.

        Raises
        ------
        McwssError
            If the file cannot be read or does not fit the study, tags conflict, or
            another program changes the tags now. Nothing is changed then.
        """
        return self._import(plan_import(self._study, [Path(path)]), overwrite, keep)

    def export(self, path: str | Path) -> int:
        """Write all known tags into a CSV file with the columns scan, slice, class and tag.

        Returns
        -------
        int
            Number of tags that were written.

        Raises
        ------
        McwssError
            If the file cannot be written, or lies where the study keeps its own tags.
        """
        return export_tags(self._study, Path(path))

    def _import(self, plan: ImportPlan, overwrite: bool, keep: bool) -> int:
        if overwrite and keep:
            raise McwssError("found both overwrite and keep: expected one of them")
        chosen = overwrite if overwrite or keep else None
        return apply_import(self._study, plan, overwrite=chosen)
