"""The report of a study's scans, from the files of a model's results."""

import csv
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from napari_mcwss.base.errors import McwssError
from napari_mcwss.export.cases import ExportCase, each_case
from napari_mcwss.export.kind import ExportKind, ExportOutcome
from napari_mcwss.study.study import Study

if TYPE_CHECKING:
    from napari_mcwss.export.report import ScanSection
    from napari_mcwss.model.checkpoint import ModelInfo


def report_study(
    study: Study,
    model: str,
    names: Sequence[str],
    out: Path,
    title: str = "",
    *,
    channel: Annotated[
        str | None, {"tooltip": "Shown under CAMs and masks; by default the last."}
    ] = None,
    masks: Annotated[
        str | None,
        {
            "tooltip": "Reference masks to measure against: their name among each scan's files, "
            "or a folder."
        },
    ] = None,
    values: Annotated[
        Mapping[str, Sequence[int]] | None, {"tooltip": "Mask values of a class, as TC=1,4."}
    ] = None,
    unions: Annotated[
        Mapping[str, Sequence[str]] | None, {"tooltip": "Classes measured as one, as WT=TC,ED."}
    ] = None,
) -> Generator[ExportOutcome, None, None]:
    """Write one HTML file: pictures of each scan, measurements, and how the model was trained.

    For further parameters see `ExportKind`.

    Parameters
    ----------
    title : str
        Heading; by default the name of the study's folder.
    channel : str, optional
        The channel under CAMs and masks; by default the last.
    masks : str, optional
        Reference masks to show and measure against, as of `evaluate`.
    values, unions : mapping, optional
        Mask values of each class, and classes that are measured as one.

    Raises
    ------
    McwssError
        If the channel does not exist, there is nothing to show, or the file exists.
    """
    from napari_mcwss.export.report import ReportScan, draw_scan, write_report
    from napari_mcwss.measurement.evaluation import evaluate
    from napari_mcwss.measurement.references import ReferenceMasks
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.corrected import is_corrected
    from napari_mcwss.segmentation.missed_classes import missed_classes
    from napari_mcwss.segmentation.study_classes import unknown_classes

    if masks is None and (values or unions):
        raise McwssError("--map and --union are about reference masks: name these with --masks")
    background = study.channels[-1] if channel is None else channel
    if background not in study.channels:
        raise McwssError(f"no channel {background!r}: expected {', '.join(study.channels)}")
    if out.exists():
        raise McwssError(f"'{out}' exists already: remove it or name another file")
    info = read_info(study.model_folder(model))
    unknown = unknown_classes(study, info.classes)
    colours = {spec.name: spec.colour for spec in study.classes}
    sections: list[ScanSection] = []
    found: dict[str, list[bool]] = {}

    def draw(case: ExportCase) -> None:
        truth = None
        if masks is not None:
            truth = ReferenceMasks(study, masks, values or {}).read(case.scan.name)
        shown = ReportScan(
            name=case.scan.name,
            channels=case.scan.channels,
            volume=case.scan.volume(),
            cams=case.cams,
            mask=case.mask,
            references=truth,
            spacing=case.scan.geometry.spacing,
            background=background,
        )
        sections.append(draw_scan(shown, colours))
        if not is_corrected(study, shown.name):
            found[shown.name] = [bool((case.mask == k).any()) for k, _ in enumerate(colours, 1)]

    done = yield from each_case(study, model, names, draw)
    evaluation = None
    if masks is not None:
        evaluation = evaluate(study, model, masks, values or {}, unions=unions or {}, scans=done)
    write_report(
        out,
        title=title or study.folder.name,
        summary=_summary(study, model, info, done),
        missed=[missed.text for missed in missed_classes(study, found, unknown)],
        classes=colours,
        scans=sections,
        evaluation=evaluation,
        training=_facts(study, info),
        losses=_losses(study.model_folder(model) / "history.csv"),
    )


def _summary(study: Study, model: str, info: "ModelInfo", shown: Sequence[str]) -> str:
    """Say what is shown, and which scans the model was trained on: it does better on those."""
    learnt = [name for name in shown if name in {*info.scans, *info.trusted_scans}]
    said = f"What the model {model}, which learnt from slice tags, found in {_counted(len(shown))}."
    # A shared model does not hold the names of its scans.
    if not set(info.scans) <= set(study.scan_names):
        return f"{said} It was trained elsewhere, perhaps on some of the same scans."
    if not learnt:
        return f"{said} It was not trained on {'it' if len(shown) == 1 else 'any of them'}."
    if len(learnt) == len(shown):
        return f"{said} It was trained on the same scans: expect less on others."
    return (
        f"{said} It was trained on the tags of {', '.join(learnt)}, which therefore say little "
        "about other scans."
    )


def _facts(study: Study, info: "ModelInfo") -> dict[str, str]:
    here = [name for name in info.scans if name in study.scan_names]
    tagged = sum(int(study.tags.read(name).tagged.sum()) for name in here)
    slices = f", {tagged} tagged slices" if len(here) == len(info.scans) else ""
    return {
        "Preset": info.preset,
        "Trained on": f"{_counted(len(info.scans))}{slices}",
        "Epochs": str(info.epochs),
        "Classes": ", ".join(info.classes),
        "Channels": ", ".join(info.channels),
    }


def _losses(history: Path) -> dict[str, list[float]]:
    """Read the loss curves of a training; shared models have none."""
    curves: dict[str, list[float]] = defaultdict(list)
    if not history.exists():
        return curves
    try:
        with history.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if None in row:
                    raise ValueError("a row has more cells than the header")
                for name, value in row.items():
                    if name != "epoch" and not name.startswith("auc_"):
                        # The terms of other stages are blank.
                        curves[name].append(float(value or "nan"))
    except (OSError, ValueError, csv.Error) as error:
        raise McwssError(
            f"'{history}' cannot be read ({error}): move it away to do without its curves"
        ) from error
    return curves


def _counted(scans: int) -> str:
    return f"{scans} scan{'s' if scans != 1 else ''}"


REPORT = ExportKind(
    "report",
    "Report",
    "Write one HTML file for a browser: pictures, measurements, training.",
    report_study,
    "report.html --masks seg --map TC=1,4 --map ED=2",
    out="File to write.",
)
