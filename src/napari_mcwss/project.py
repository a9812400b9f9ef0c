"""A study on disk: scans, classes, tags, models and results in one folder."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_mcwss.errors import McwssError
from napari_mcwss.files import replacing
from napari_mcwss.scans.reading import read_scan
from napari_mcwss.scans.scan import Scan
from napari_mcwss.tags.history import Journal
from napari_mcwss.tags.table import Tag, TagTable

FORMAT = 1
FILE = "mcwss.json"

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Colours that colour-blind eyes tell apart (Okabe and Ito), in the order given to classes."""

NAME = re.compile(r"\w[\w .+()-]{0,99}")
"""Names become file names, on every system."""


class ClassSpec(BaseModel):
    """A class that is looked for.

    Attributes
    ----------
    name : str
        Unique in the study.
    colour : str
        ``#rrggbb``.
    priority : int
        Where two classes are found, the higher priority is shown; equal ones
        leave it to the tags.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    colour: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    priority: int = 0


class ScanEntry(BaseModel):
    """A scan's name and files, relative to the study's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    files: tuple[str, ...] = Field(min_length=1)


class _Description(BaseModel):
    """The content of ``mcwss.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    channels: tuple[str, ...] = Field(min_length=1)
    slice_axis: Literal["z"] = "z"
    classes: tuple[ClassSpec, ...]
    scans: tuple[ScanEntry, ...]


class Study:
    """One study; its scans and tags are read when they are asked for.

    Make one with `Study.create` or `Study.open`.

    Parameters
    ----------
    folder : Path
        The study's folder.
    description : _Description
        What ``mcwss.json`` says.
    """

    def __init__(self, folder: Path, description: _Description) -> None:
        self.folder = folder
        self._description = description
        self._scans: dict[str, Scan] = {}
        self._tags: dict[str, TagTable] = {}

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        scans: Mapping[str, Sequence[Path]],
        channels: Sequence[str],
        classes: Sequence[str | ClassSpec],
    ) -> "Study":
        """Make a study in a folder that holds none yet.

        Parameters
        ----------
        folder : Path
            Made if it is missing. Files are referred to where they are.
        scans : mapping
            Name of each scan to its files, one a channel or one for all.
        channels : sequence of str
            Names of the channels, the same for every scan.
        classes : sequence of str or ClassSpec
            What to look for; plain names get colours of the palette.

        Raises
        ------
        McwssError
            If there is a study already, a name is taken twice or cannot be a
            file name, or a scan's files do not fit; nothing is written then.
        """
        folder = Path(os.path.abspath(folder))
        if (folder / FILE).exists():
            raise McwssError(f"{folder} holds a study already: open it or name another folder")
        _check_names("channel", channels)
        description = _Description(channels=tuple(channels), classes=_specs(classes), scans=())
        study = cls(folder, description)
        study.add_scans(scans)
        return study

    @classmethod
    def open(cls, folder: Path) -> "Study":
        """Open the study of a folder.

        Raises
        ------
        McwssError
            If there is none, or its description is damaged or of a newer format.
        """
        folder = Path(os.path.abspath(folder))
        path = folder / FILE
        try:
            content: Any = json.loads(path.read_text("utf-8"))
            version = content["format"]
            if version > FORMAT:
                raise McwssError(
                    f"{path} has format {version}, this version reads up to {FORMAT}: "
                    "update napari-mcwss"
                )
            return cls(folder, _Description.model_validate(content))
        except FileNotFoundError as error:
            raise McwssError(f"no study in {folder}: expected {FILE}; make one first") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = (
                error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            ).splitlines()[0]
            raise McwssError(
                f"{path} is no study description ({reason}): restore it from a copy"
            ) from error

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self._description.channels

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """What is looked for."""
        return self._description.classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(spec.name for spec in self.classes)

    @property
    def scan_names(self) -> tuple[str, ...]:
        """Names of the scans."""
        return tuple(entry.name for entry in self._description.scans)

    def files(self, scan: str) -> tuple[Path, ...]:
        """Give the files of a scan.

        Raises
        ------
        McwssError
            If there is no such scan.
        """
        for entry in self._description.scans:
            if entry.name == scan:
                return tuple(
                    Path(os.path.normpath(self.folder / file)) for file in entry.files
                )
        raise McwssError(f"no scan {scan!r} in this study: expected {', '.join(self.scan_names)}")

    def add_scans(self, scans: Mapping[str, Sequence[Path]]) -> None:
        """Add scans; their files are referred to where they are.

        Raises
        ------
        McwssError
            If a name is taken, or a scan's files do not fit; nothing is added then.
        """
        _check_names("scan", [*self.scan_names, *scans])
        for name, files in scans.items():
            read_scan(name, self.channels, files)
        entries = tuple(
            ScanEntry(name=name, files=tuple(self._relative(file) for file in files))
            for name, files in scans.items()
        )
        self._replace(scans=self._description.scans + entries)

    def add_classes(self, classes: Sequence[str | ClassSpec]) -> None:
        """Add classes; every slice is unknown to them.

        Raises
        ------
        McwssError
            If a name is taken or cannot be a file name.
        """
        self._replace(classes=_specs([*self.classes, *classes]))
        self._tags.clear()

    def scan(self, name: str) -> Scan:
        """Open a scan, the same object every time; its voxels are read later.

        Raises
        ------
        McwssError
            If there is no such scan, or its files are missing or do not fit.
        """
        if name not in self._scans:
            self._scans[name] = read_scan(name, self.channels, self.files(name))
        return self._scans[name]

    def tags(self, scan: str) -> TagTable:
        """Give a copy of a scan's tags.

        Raises
        ------
        McwssError
            If there is no such scan, or its table is damaged.
        """
        table = self._table(scan)
        return TagTable(table.classes, table.values.copy())

    def tag(self, scan: str, slice_index: int, class_name: str, tag: Tag) -> None:
        """Change one tag; when this returns it is on the disk.

        Raises
        ------
        McwssError
            If there is no such scan, slice or class, or it cannot be written.
        """
        changed = self.tags(scan)
        changed.set(slice_index, class_name, tag)
        self._journal(scan).append(slice_index, class_name, tag)
        self._tags[scan] = changed

    def save_tags(self, scan: str, table: TagTable) -> None:
        """Replace all tags of a scan.

        Raises
        ------
        McwssError
            If the table is not of this scan and its classes, or cannot be written.
        """
        expected = self._table(scan)
        if table.classes != expected.classes or table.values.shape != expected.values.shape:
            raise McwssError(
                f"tags of {len(table.values)} slices and classes {', '.join(table.classes)}: "
                f"scan {scan} has {len(expected.values)} slices and the study "
                f"{', '.join(expected.classes)}"
            )
        table.write_csv(self._csv(scan))
        self._journal(scan).clear()
        self._tags[scan] = TagTable(table.classes, table.values.copy())

    def model_folder(self, name: str) -> Path:
        """Give the folder of a model.

        Raises
        ------
        McwssError
            If the name cannot be a file name.
        """
        _check_names("model", [name])
        return self.folder / "models" / name

    def model_names(self) -> list[str]:
        """List the trained models, the newest last."""
        configs = (self.folder / "models").glob("[!.]*/config.json")
        by_age = sorted(configs, key=lambda path: path.stat().st_mtime)
        return [path.parent.name for path in by_age]

    def result_folder(self, model: str, scan: str) -> Path:
        """Give the folder of a model's results on a scan."""
        return self.folder / "results" / self.model_folder(model).name / scan

    def _csv(self, scan: str) -> Path:
        return self.folder / "tags" / f"{scan}.csv"

    def _journal(self, scan: str) -> Journal:
        return Journal(self.folder / "tags" / ".journal" / f"{scan}.jsonl")

    def _table(self, scan: str) -> TagTable:
        if scan not in self._tags:
            slices, path = self.scan(scan).slices, self._csv(scan)
            table = (
                TagTable.read_csv(path, slices, self.class_names)
                if path.exists()
                else TagTable.empty(slices, self.class_names)
            )
            self._journal(scan).replay(table)
            self._tags[scan] = table
        return self._tags[scan]

    def fold_tags(self, scan: str) -> None:
        """Write a scan's pending changes into its csv file.

        Raises
        ------
        McwssError
            If it cannot be written; the journal keeps the changes then.
        """
        if self._journal(scan).path.exists():
            self.save_tags(scan, self._table(scan))

    def _relative(self, file: Path) -> str:
        try:
            relative = os.path.relpath(Path(os.path.abspath(file)), self.folder)
        except ValueError:  # Another drive on Windows.
            return Path(os.path.abspath(file)).as_posix()
        return Path(relative).as_posix()

    def _replace(self, **changes: object) -> None:
        description = self._description.model_copy(update=changes)
        with replacing(self.folder / FILE) as path:
            path.write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
        self._description = description


def _specs(classes: Sequence[str | ClassSpec]) -> tuple[ClassSpec, ...]:
    specs = tuple(
        ClassSpec(name=given, colour=PALETTE[index % len(PALETTE)])
        if isinstance(given, str)
        else given
        for index, given in enumerate(classes)
    )
    _check_names("class", [spec.name for spec in specs])
    return specs


def _check_names(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not NAME.fullmatch(name):
            raise McwssError(
                f"{kind} name {name!r} cannot be a file name: use letters, digits, "
                "spaces and . _ + - ( ), beginning with a letter or digit"
            )
        # Some file systems do not tell upper from lower case.
        if name.casefold() in seen:
            raise McwssError(f"{kind} {name!r} is named twice: give each {kind} its own name")
        seen.add(name.casefold())
    if not seen:
        raise McwssError(f"no {kind} is named: name at least one")
