"""Figures of slices as PNG files."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Annotated

from napari_mcwss.base.errors import McwssError
from napari_mcwss.export.cases import ExportCase, each_case, new_folder, refuse_taken
from napari_mcwss.export.kind import ExportKind, ExportOutcome, PlannedFiles
from napari_mcwss.study.study import Study


def export_figures(
    study: Study,
    model: str,
    names: Sequence[str],
    out: Path,
    *,
    channel: Annotated[
        str | None,
        {"study": "channels", "tooltip": "Shown under CAMs and masks; by default the first."},
    ] = None,
    slices: Annotated[
        Sequence[int] | None,
        {"tooltip": "Indices from 0, separated by commas; by default where most is found."},
    ] = None,
    count: Annotated[int, {"min": 1, "tooltip": "Slices of each scan, if not named."}] = 3,
) -> Generator[ExportOutcome, None, None]:
    """Write a PNG for each chosen slice to a folder that appears once complete.

    For parameters see `ExportKind`.

    Parameters
    ----------
    channel : str, optional
        The channel under CAMs and masks; by default the first.
    slices : sequence of int, optional
        Indices of slices, from 0; by default those with the most found.
    count : int
        Largest number of slices by default.

    Raises
    ------
    McwssError
        If the channel does not exist, or the folder exists.
    """
    from napari_mcwss.export.drawing import draw
    from napari_mcwss.export.pictures import telling_slices

    shown = _shown(study, channel)
    colours = {spec.name: spec.colour for spec in study.classes}
    with new_folder(out) as folder:

        def write(case: ExportCase) -> None:
            found = telling_slices(case.mask > 0, count) if slices is None else slices
            beyond = [index for index in found if not 0 <= index < case.scan.slices]
            if beyond:
                raise McwssError(
                    f"scan {case.scan.name} has no slice {beyond[0]}: its slices are 0 to "
                    f"{case.scan.slices - 1}"
                )
            for index, figure in zip(found, draw(case, shown, colours, found), strict=True):
                figure.save(folder / f"{case.scan.name}_slice{index:03}.png")

        yield from each_case(study, model, names, write)


def plan_figures(
    study: Study,
    _: str,
    names: Sequence[str],
    out: Path,
    *,
    channel: str | None = None,
    slices: Sequence[int] | None = None,
    count: int = 3,
) -> list[PlannedFiles]:
    """List what `export_figures` is going to write."""
    _shown(study, channel)
    refuse_taken(out)
    each = count if slices is None else len(slices)
    return [PlannedFiles("<scan>_slice<number>.png", each * len(names))]


def _shown(study: Study, channel: str | None) -> str:
    shown = study.channels[0] if channel is None else channel
    if shown not in study.channels:
        raise McwssError(f"no channel {shown!r}: expected {', '.join(study.channels)}")
    return shown


FIGURES = ExportKind(
    "figures",
    "Figures",
    "Draw slices as PNG: scan, CAMs and mask side by side, with scale bar and legend.",
    export_figures,
    plan_figures,
    "figures",
)
