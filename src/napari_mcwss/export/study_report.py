"""The report of a study's scans, from the files of a model's results."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted
from napari_mcwss.export.cases import ExportCase, each_case, refuse_taken
from napari_mcwss.export.kind import ExportKind, ExportOutcome, PlannedFiles
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
        str | None,
        {"study": "channels", "tooltip": "Shown under CAMs and masks; by default the last."},
    ] = None,
    masks: Annotated[
        str | None,
        {
            "label": "Reference masks",
            "tooltip": "Reference masks to measure against: their name among each scan's files, "
            "or a folder.",
        },
    ] = None,
    values: Annotated[
        Mapping[str, Sequence[int | str]] | None,
        {
            "label": "Values in these masks",
            "tooltip": "Values of a class in the reference masks, such as TC=1,4. Without them, "
            "the masks must have the names of the study's classes.",
        },
    ] = None,
    unions: Annotated[
        Mapping[str, Sequence[str]] | None,
        {
            "label": "Classes together",
            "tooltip": "Classes that are also measured together, such as WT=TC,ED.",
        },
    ] = None,
) -> Generator[ExportOutcome | None, None, None]:
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
    from napari_mcwss.export.model_facts import (
        details_of,
        mask_settings,
        read_curves,
        training_facts,
    )
    from napari_mcwss.export.report import ReportScan, draw_scan, write_report
    from napari_mcwss.measurement.evaluation import evaluating
    from napari_mcwss.measurement.references import ReferenceMasks
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.corrected import is_corrected
    from napari_mcwss.segmentation.missed_classes import missed_classes
    from napari_mcwss.segmentation.study_classes import unknown_classes

    background = _checked(study, out, channel, masks, values, unions)
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
            in_mm=case.scan.geometry.in_mm,
            tagged=int(study.tags.read(case.scan.name).tagged.sum()),
            learnt=case.scan.name in {*info.scans, *info.trusted_scans},
            corrected=is_corrected(study, case.scan.name),
        )
        sections.append(draw_scan(shown, colours))
        if not shown.corrected:
            found[shown.name] = [bool((case.mask == k).any()) for k, _ in enumerate(colours, 1)]

    done = yield from each_case(study, model, names, draw)
    losses, validation = read_curves(study.model_folder(model) / "history.csv")
    evaluation = None
    if masks is not None:
        evaluation = yield from evaluating(
            study, model, masks, values or {}, unions=unions or {}, scans=done
        )
    write_report(
        out,
        title=title or study.folder.name,
        summary=_summary(study, model, info, done),
        missed=[missed.text for missed in missed_classes(study, found, unknown)],
        classes=colours,
        scans=sections,
        evaluation=evaluation,
        training=training_facts(study, info),
        losses=losses,
        validation=validation,
        details={**mask_settings(study, model, done), **details_of(info)},
    )


def plan_report(
    study: Study,
    _: str,
    names: Sequence[str],  # noqa: ARG001 - all in one file
    out: Path,
    title: str = "",  # noqa: ARG001
    *,
    channel: str | None = None,
    masks: str | None = None,
    values: Mapping[str, Sequence[int]] | None = None,
    unions: Mapping[str, Sequence[str]] | None = None,
) -> list[PlannedFiles]:
    """List what `report_study` is going to write."""
    _checked(study, out, channel, masks, values, unions)
    return [PlannedFiles(out.name, 1)]


def _checked(
    study: Study,
    out: Path,
    channel: str | None,
    masks: str | None,
    values: object,
    unions: object,
) -> str:
    """Refuse options that do not fit, and return the channel under CAMs and masks."""
    if masks is None and (values or unions):
        raise McwssError("--map and --union are about reference masks: name these with --masks")
    background = study.channels[-1] if channel is None else channel
    if background not in study.channels:
        raise McwssError(f"no channel {background!r}: expected {', '.join(study.channels)}")
    refuse_taken(out, "file")
    return background


def _summary(study: Study, model: str, info: "ModelInfo", shown: Sequence[str]) -> str:
    """Say what is shown, and which scans the model was trained on: it does better on those."""
    learnt = [name for name in shown if name in {*info.scans, *info.trusted_scans}]
    scans = counted(len(shown), "scan")
    said = f"What the model {model}, which learnt from slice tags, found in {scans}."
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


REPORT = ExportKind(
    "report",
    "Report",
    "Write one HTML file for a browser: pictures, measurements, training.",
    report_study,
    plan_report,
    "report.html --masks seg --map TC=1,4 --map ED=2",
    out="File to write.",
)
