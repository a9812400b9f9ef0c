"""An export in the background, and what it is going to write."""

import shutil
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import bytes_text, counted, names_text
from napari_mcwss.export.kind import ExportKind, ExportOutcome, PlannedFiles
from napari_mcwss.plugin.shared.background import Job

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


@dataclass(frozen=True)
class Asked:
    """What the user asks for; without a `scan`, all that the model has segmented."""

    kind: ExportKind
    study: "Study"
    model: str
    scan: str | None
    out: Path
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """What an export is going to write, or the `problem` because of which it would not begin."""

    asked: Asked
    files: tuple[PlannedFiles, ...] = ()
    scans: int = 0
    left_out: int = 0
    free: int | None = None
    problem: str = ""

    @property
    def text(self) -> str:
        """The preview in a few lines."""
        if self.problem:
            return self.problem
        lines = [f"{counted(self.scans, 'scan')} of model {self.asked.model}, to"]
        lines.append(str(self.asked.out))
        for files in self.files:
            size = "" if files.most_bytes is None else f", at most {bytes_text(files.most_bytes)}"
            lines.append(f"  {files.names}: {counted(files.count, 'file')}{size}")
        known = sum(files.most_bytes or 0 for files in self.files)
        if self.free is not None and known > self.free:
            lines.append(f"The disk has only {bytes_text(self.free)} left.")
        elif self.free is not None:
            lines.append(f"Free on the disk: {bytes_text(self.free)}.")
        if self.left_out:
            lines.append(
                f"Not segmented by this model, and left out: {counted(self.left_out, 'scan')}."
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class Step:
    """So many scans of all are done; the `problem` is that of the last one."""

    done: int
    scans: int
    seconds_left: float
    problem: str = ""


def preview(asked: Asked) -> Preview:
    """Find out what an export is going to write; too slow for the main thread."""
    try:
        names, left_out = _scans(asked)
        files = asked.kind.plan(asked.study, asked.model, names, asked.out, **asked.options)
    except McwssError as error:
        return Preview(asked, problem=str(error))
    return Preview(asked, tuple(files), len(names), left_out, _free(asked.out))


def export_job(asked: Asked) -> Job:
    """Return the job that exports, whose value is a line about scans that were left out."""
    title = f"export of {asked.kind.title}"
    return Job(title, partial(_export, asked), lasts=True)


def _export(asked: Asked) -> Generator[Step, None, str]:
    # A study of its own: exports free the voxels of scans, and one is on screen.
    from napari_mcwss.study.study import Study

    study = Study.open(asked.study.folder)
    names, _ = _scans(asked)
    began, left_out = time.monotonic(), []
    yield Step(0, len(names), 0.0)
    # A closed export removes what is unfinished.
    with closing(asked.kind.run(study, asked.model, names, asked.out, **asked.options)) as outcomes:
        done = 0
        for outcome in outcomes:
            done += outcome is not None
            each = (time.monotonic() - began) / max(1, done)
            yield Step(done, len(names), each * (len(names) - done), _told(outcome))
            if outcome is not None and outcome.problem is not None:
                left_out.append(outcome.scan)
    return f"Left out: {names_text(left_out)}." if left_out else ""


def _told(outcome: ExportOutcome | None) -> str:
    if outcome is None or outcome.problem is None:
        return ""
    return f"{outcome.scan}: {outcome.problem}"


def _scans(asked: Asked) -> tuple[list[str], int]:
    """Return the scans to export, and how many scans the model has not segmented."""
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.results import has_result
    from napari_mcwss.study.models import check_model

    study, model = asked.study, asked.model
    check_model(study, read_info(study.model_folder(model)))
    wanted = study.scan_names if asked.scan is None else [asked.scan]
    names = [name for name in wanted if has_result(study, model, name)]
    if not names:
        raise McwssError(f"model {model} has segmented none of these scans: segment some first")
    return names, len(wanted) - len(names)


def _free(out: Path) -> int | None:
    """Return the free bytes where a path is to be, if the system says so."""
    there = next((folder for folder in out.absolute().parents if folder.is_dir()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None
