"""The commands that make masks anew from stored CAMs, and choose their threshold."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import typer
from rich.console import Console
from rich.table import Table

from napari_mcwss.api.progress import progress_bar
from napari_mcwss.cli.options import (
    STEPS,
    Gate,
    IgnoreTags,
    Map,
    Masks,
    ModelName,
    Scans,
    Steps,
    StudyFolder,
    Thresholds,
    Volumes,
    chosen,
    mapping,
    tell_left_out,
)
from napari_mcwss.segmentation.masks.exclusive import GATE
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import parse_steps
from napari_mcwss.segmentation.masks.thresholds import parse_thresholds
from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges
from napari_mcwss.study.study import Study


def mask(
    study: StudyFolder,
    model: ModelName,
    scans: Scans = None,
    ignore_tags: IgnoreTags = False,
    threshold: Thresholds = None,
    gate: Gate = GATE,
    steps: Steps = STEPS,
    volume: Volumes = None,
) -> None:
    """Make masks from stored CAMs with other settings, without running a network."""
    from napari_mcwss.base.text import counted
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.missed_classes import missed_in_results
    from napari_mcwss.segmentation.older_results import differs_from_cams
    from napari_mcwss.segmentation.results import has_result
    from napari_mcwss.segmentation.segment import remake_mask

    settings = MaskSettings(gate=gate, steps=parse_steps(steps))
    opened = Study.open(study)
    common, own = parse_thresholds(threshold or [], opened.class_names)
    volumes = parse_ranges(volume or [], opened.class_names)
    settings = replace(settings, threshold=common, volumes=volumes, thresholds=own)
    info = read_info(opened.model_folder(model))
    names = chosen(scans) or [s for s in opened.scan_names if has_result(opened, model, s)]
    older = []
    with progress_bar() as bar:
        for name in bar.track(names, description="masks"):
            if differs_from_cams(opened, model, info, name):
                older.append(name)
            tags = None if ignore_tags else opened.tags.read(name).values
            remake_mask(opened, model, info, name, replace(settings, tags=tags))
            opened.scan(name).release()
    typer.echo(f"{counted(len(names), 'mask')} made again")
    if scans is None:
        why = f"not segmented by model {model}: to make their masks too, segment them first"
        tell_left_out(opened.scan_names, names, why)
    _warn_of_older(older)
    for missed in missed_in_results(opened, model, names):
        warnings.warn(missed.text, stacklevel=1)


def threshold(
    study: StudyFolder,
    model: ModelName,
    masks: Masks,
    values: Map = None,
    scans: Scans = None,
    gate: Gate = GATE,
    steps: Steps = STEPS,
) -> None:
    """Find the threshold that fits reference masks of some segmented scans best.

    It writes nothing: give the threshold to the command segment or mask. Tags of the scans are
    left out.
    """
    from napari_mcwss.measurement.reference_threshold import (
        CANDIDATES,
        best_threshold,
        dice_by_threshold,
    )
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.older_results import differs_from_cams

    opened = Study.open(study)
    settings = MaskSettings(gate=gate, steps=parse_steps(steps))
    classes = mapping(values, opened.class_names)
    measured = dice_by_threshold(opened, model, masks, classes, chosen(scans), settings)
    with progress_bar() as bar:
        found = dict(bar.track(measured, description="measuring"))
    best = best_threshold(found)
    table = Table("Threshold", *found, "mean", caption="Dice, mean over the classes.")
    for value in CANDIDATES:
        row = [scan[value] for scan in found.values()]
        texts = [f"{number:.3f}" for number in (*row, fmean(row))]
        table.add_row(f"{value:g}", *texts, style="bold" if value == best else None)
    Console(markup=False, emoji=False).print(table)
    typer.echo(f"best: --threshold {best:g}")
    info = read_info(opened.model_folder(model))
    _warn_of_older([name for name in found if differs_from_cams(opened, model, info, name)])


def _warn_of_older(scans: Sequence[str]) -> None:
    from napari_mcwss.segmentation.older_results import older_text

    if scans:
        warnings.warn(older_text(scans), stacklevel=1)
