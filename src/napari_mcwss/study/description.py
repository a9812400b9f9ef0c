"""The file ``mcwss.json``, which describes a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_mcwss.base.errors import McwssError, first_problem
from napari_mcwss.base.files import replacing
from napari_mcwss.base.json_text import parse_json, whole_number
from napari_mcwss.base.names import check_names, same_file
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.tags.class_names import ClassNames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = 2
"""The newest version of the file that can be read.

Version 2 has former names of classes, removed classes and removed scans; without any of them,
version 1 is written, which older programs can read.
"""

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Colours of classes in their order, distinct to the colour-blind (Okabe and Ito)."""


class ClassSpec(BaseModel):
    """A class of a study.

    Parameters
    ----------
    name : str
        Unique in the study.
    colour : str
        ``#rrggbb``.
    priority : int, optional
        Where two classes are found, the one of higher priority is shown; if they are
        equal, the tags decide.
    former : tuple of str, optional
        Names that it had before, which files of tags, models and results may still have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    colour: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    priority: int = Field(default=0, ge=-(2**31), lt=2**31)
    former: tuple[str, ...] = ()


class ScanEntry(BaseModel):
    """A scan and its files.

    Parameters
    ----------
    name : str
        Unique in the study.
    files : tuple of str
        Paths relative to the study's folder, with forward slashes: one for each
        channel, or one for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    files: tuple[str, ...] = Field(min_length=1)


class Description(BaseModel):
    """The content of ``mcwss.json``; every scan has the same channels.

    What was removed from the study stays in it: tags, masks and results have its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    channels: tuple[str, ...] = Field(min_length=1)
    slice_axis: Literal["z"] = "z"
    classes: tuple[ClassSpec, ...] = Field(min_length=1)
    scans: tuple[ScanEntry, ...]
    removed_classes: tuple[ClassSpec, ...] = ()
    removed_scans: tuple[ScanEntry, ...] = ()

    def check(self, known: Description | None = None) -> None:
        """Raise McwssError if a name is given twice or cannot be that of a file.

        Names of a `known` description may also be such as old versions have accepted.
        """
        accepted = {} if known is None else known._names()
        for kind, names in self._names().items():
            check_names(kind, names, known=accepted.get(kind, ()))

    def _names(self) -> dict[str, list[str]]:
        return {
            "channel": list(self.channels),
            "class": [
                name
                for spec in (*self.classes, *self.removed_classes)
                # Names of one class may be alike, as after a change from lower to upper case.
                for name in {same_file(n): n for n in (*spec.former, spec.name)}.values()
            ],
            "scan": [entry.name for entry in (*self.scans, *self.removed_scans)],
        }

    @property
    def class_names(self) -> ClassNames:
        """The names of the classes, as they are now and as files may still have them."""
        known = (*self.classes, *self.removed_classes)
        return ClassNames(
            shown=tuple(spec.name for spec in self.classes),
            removed=tuple(spec.name for spec in self.removed_classes),
            former=tuple((old, spec.name) for spec in known for old in spec.former),
        )

    def with_classes(
        self, classes: Sequence[str | ClassSpec], renamed: Mapping[str, str]
    ) -> Description:
        """Return a description with other classes; parameters and errors as `Study.change_classes`.

        What has a new name remembers the old one, and what is left out is kept as removed.
        """
        known = {spec.name: spec for spec in (*self.classes, *self.removed_classes)}
        names = [item if isinstance(item, str) else item.name for item in classes]
        self._check_renamed(names, renamed)
        before = {new: known[old] for old, new in renamed.items()}
        new = [item for item, name in zip(classes, names, strict=True) if name not in known]
        made = {spec.name: spec for spec in class_specs(new, existing=self.classes)}
        specs = []
        for item, name in zip(classes, names, strict=True):
            old = before.get(name) or known.get(name)
            spec = (old or made[name]) if isinstance(item, str) else item
            former = () if old is None else (*old.former, old.name)
            kept = tuple(other for other in former if other != name)
            specs.append(spec.model_copy(update={"name": name, "former": kept}))
        taken = {renamed.get(name, name) for name in known}
        gone = taken - {*names}
        changed = self.model_copy(
            update={
                "classes": tuple(specs),
                "removed_classes": tuple(spec for spec in known.values() if spec.name in gone),
            }
        )
        changed.check(known=self)
        return changed

    def _check_renamed(self, names: Sequence[str], renamed: Mapping[str, str]) -> None:
        """Refuse new names of classes that mean another class in files, or no class at all."""
        if not names:
            raise McwssError("a study needs at least one class: leave at least one")
        own = {spec.name for spec in self.classes}
        for old, new in renamed.items():
            if old not in own or new not in names:
                raise McwssError(
                    f"class {old!r} cannot become {new!r}: expected a class of {', '.join(own)}, "
                    "and its new name among the classes"
                )
            if new in {spec.name for spec in self.removed_classes}:
                raise McwssError(
                    f"a class {new!r} was removed from this study, and its tags are kept: choose "
                    "another name"
                )
            if new in own - {old}:
                raise McwssError(
                    f"{new!r} is the name of another class, and files have it: choose another "
                    f"name for {old!r}"
                )
        for name in names:
            now = self.class_names.current(name)
            now = renamed.get(now, now)
            if now != name:
                raise McwssError(
                    f"{name!r} was the name of class {now!r}, and files still have it: choose "
                    "another name"
                )

    def is_part_of(self, other: Description) -> bool:
        """Whether another description has these channels, classes and scans, and no other classes.

        Whoever does not know a class, or a name that it had, would drop its tags from files.
        """
        ours, theirs = self.class_names, other.class_names
        return (
            self.channels == other.channels
            and {*ours.shown} <= {*theirs.shown}
            and {*ours.stored} == {*theirs.stored}
            and {*ours.former} == {*theirs.former}
            and {entry.name for entry in self.scans} <= {entry.name for entry in other.scans}
        )

    def write(self, path: Path) -> None:
        """Write the file, atomically; an older one is untouched if that fails."""
        described = self
        unused: dict[str, Any] = {}
        if not (self.class_names.former or self.removed_classes or self.removed_scans):
            described = self.model_copy(update={"format": 1})
            unused = {"removed_classes": True, "removed_scans": True}
            unused["classes"] = {"__all__": {"former"}}
        text = described.model_dump_json(indent=2, exclude=unused)
        with replacing(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Description:
        """Read the file.

        Raises
        ------
        McwssError
            If it is missing, damaged or of a newer format.
        """
        try:
            content: Any = parse_json(file_bytes(path).decode("utf-8-sig"))
            version = whole_number(content["format"])
            if version > FORMAT:
                raise McwssError(
                    f"'{path}' has format {version}, this program reads up to {FORMAT}: update "
                    "napari-mcwss; the file was left untouched"
                )
            description = cls.model_validate(content | {"format": FORMAT})
        except FileNotFoundError as error:
            raise McwssError(
                f"no study in '{path.parent}': expected the file {path.name}: name the folder "
                "of a study, or make one"
            ) from error
        except OSError as error:
            raise McwssError(f"cannot read '{path}': {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise McwssError(
                f"'{path}' does not describe a study ({_reason(error)}): correct it or restore "
                "it from a backup; it was left untouched"
            ) from error
        description.check(known=description)
        return description


def gone(folder: Path) -> McwssError:
    """Return the error to raise where the folder of an open study is missing."""
    return McwssError(
        f"the study is gone from '{folder}': connect its drive again, or give the folder its old "
        "name back"
    )


def class_specs(
    given: Sequence[str | ClassSpec], *, existing: Sequence[ClassSpec] = ()
) -> tuple[ClassSpec, ...]:
    """Return new classes; names get colours of `PALETTE`, unused ones as long as there are any."""
    specs: list[ClassSpec] = []
    for item in given:
        known = [*existing, *specs, *(other for other in given if isinstance(other, ClassSpec))]
        used = [spec.colour.upper() for spec in known]
        colour = min(PALETTE, key=used.count)
        specs.append(item if isinstance(item, ClassSpec) else ClassSpec(name=item, colour=colour))
    return tuple(specs)


def relative_path(file: Path, folder: Path) -> str:
    """Return a file's path relative to the study's folder, so that both can be moved together.

    It has forward slashes, and is absolute if the two are on different drives. The folder
    must have no links in its path.
    """
    # Folders above the file are resolved, as those of the study are; a file that is itself
    # a link (as data managers make them) stays one.
    absolute = Path(os.path.realpath(file.parent)) / file.name
    try:
        return Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # Another drive of Windows.
        return absolute.as_posix()


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_problem(error)
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return (str(error).splitlines() or [type(error).__name__])[0]
