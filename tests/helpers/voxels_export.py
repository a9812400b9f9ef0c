"""A kind of export as a developer would add one: a text file of voxel counts."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Annotated

from napari_mcwss.export.cases import ExportCase, each_case
from napari_mcwss.export.kind import ExportKind, ExportOutcome, PlannedFiles
from napari_mcwss.study.study import Study


def export_voxels(
    study: Study,
    model: str,
    names: Sequence[str],
    out: Path,
    *,
    label: Annotated[int, {"min": 1, "tooltip": "Value of the class."}] = 1,
) -> Generator[ExportOutcome, None, None]:
    """Write a line a scan: its name, and how many voxels its mask has of a class."""
    lines: list[str] = []

    def count(case: ExportCase) -> None:
        lines.append(f"{case.scan.name} {(case.mask == label).sum()}\n")

    yield from each_case(study, model, names, count)
    out.write_text("".join(lines))


def plan_voxels(
    study: Study, model: str, names: Sequence[str], out: Path, *, label: int = 1
) -> list[PlannedFiles]:
    return [PlannedFiles(out.name, 1)]


VOXELS = ExportKind(
    "voxels",
    "Voxels",
    "Count voxels.",
    export_voxels,
    plan_voxels,
    "voxels.txt",
    out="File to write.",
)
