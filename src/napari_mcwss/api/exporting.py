"""Results of a study in the form that other programs read."""

from __future__ import annotations

from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_mcwss.api.progress import progress_bar, show_problem
from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_mcwss.study.study import Study

EXPORTS = {
    "bids": ("bids", "export_bids"),
    "dicom-seg": ("dicom_seg", "export_dicom_seg"),
    "figures": ("figures", "export_figures"),
    "nnunet": ("nnunet", "export_nnunet"),
    "report": ("study_report", "report_study"),
}


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
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.results import has_result

    if name not in EXPORTS:
        raise McwssError(f"no export {name!r}: expected one of {', '.join(EXPORTS)}")
    module, function = EXPORTS[name]
    read_info(study.model_folder(model)).check(study.channels, study.class_names)
    for scan in scans or ():
        study.files(scan)
    names = scans or [scan for scan in study.scan_names if has_result(study, model, scan)]
    if not names:
        raise McwssError(f"model {model} has segmented no scan: segment some first")
    export = getattr(import_module(f"napari_mcwss.export.{module}"), function)
    problems = []
    # Closed whatever happens, an export takes its unfinished folder away.
    with (
        progress_bar(shown=progress) as bar,
        closing(export(study, model, names, out, **options)) as steps,
    ):
        for outcome in bar.track(steps, total=len(names), description="exporting"):
            if outcome.problem is not None:
                problems.append(outcome.scan)
                show_problem(bar, outcome.scan, outcome.problem)
    if problems:
        raise McwssError(
            f"{len(problems)} of {len(names)} scans were left out: {', '.join(problems)}: mend "
            "them and export again"
        )
