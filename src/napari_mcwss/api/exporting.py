"""Results of a study in the form that other programs read."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from napari_mcwss.api.progress import progress_bar, show_problem
from napari_mcwss.base.errors import McwssError
from napari_mcwss.export.registry import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_mcwss.study.study import Study


def export_results(
    study: Study,
    name: str,
    out: Path,
    model: str,
    scans: Sequence[str] | None,
    *,
    progress: bool,
    options: dict[str, Any],
) -> None:
    """Export results; parameters and errors are those of `napari_mcwss.api.study.Study.export`."""
    if name not in EXPORTS:
        raise McwssError(f"no export {name!r}: expected one of {', '.join(EXPORTS)}")
    known = [option.name for option in EXPORTS[name].options]
    if unknown := [option for option in options if option not in known]:
        raise McwssError(
            f"the export {name} has no option {unknown[0]!r}: expected {', '.join(known) or 'none'}"
        )
    names = scans_to_export(study, model, scans)
    left_out = run_export(name, study, model, names, out, options, progress=progress)
    refuse_left_out(left_out, names)


def scans_to_export(study: Study, model: str, scans: Sequence[str] | None) -> list[str]:
    """Return the scans that are named, or those that a model has segmented if none are.

    Raises
    ------
    McwssError
        If a scan is not in the study, the model does not fit the study, or has segmented no scan.
    """
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.results import has_result
    from napari_mcwss.study.models import check_model

    check_model(study, read_info(study.model_folder(model)))
    for scan in scans or ():
        study.files(scan)
    names = list(dict.fromkeys(scans or ())) or [
        scan for scan in study.scan_names if has_result(study, model, scan)
    ]
    if not names:
        raise McwssError(f"model {model} has segmented no scan: segment some first")
    return names


def run_export(
    name: str,
    study: Study,
    model: str,
    names: Sequence[str],
    out: Path,
    options: Mapping[str, Any],
    *,
    progress: bool = True,
) -> list[str]:
    """Run an export with a progress bar; return the scans that could not be exported."""
    left_out = []
    outcomes = EXPORTS[name].run(study, model, names, out, **options)
    # A closed export removes its unfinished folder.
    with progress_bar(shown=progress) as bar, closing(outcomes) as steps:
        for outcome in bar.track(filter(None, steps), total=len(names), description="exporting"):
            if outcome.problem is not None:
                left_out.append(outcome.scan)
                show_problem(bar, outcome.scan, outcome.problem)
    return left_out


def refuse_left_out(left_out: Sequence[str], names: Sequence[str]) -> None:
    """Raise an error that names the scans that could not be exported, if there are any."""
    if left_out:
        raise McwssError(
            f"{len(left_out)} of {len(names)} scans could not be exported, see above: "
            f"{', '.join(left_out)}"
        )
