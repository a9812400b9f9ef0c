"""The command that segments scans, one after the other."""

import warnings
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_mcwss.api.progress import progress_bar, show_batch, show_problem
from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.options import (
    STEPS,
    Device,
    Gate,
    IgnoreTags,
    ModelName,
    Scans,
    Steps,
    StudyFolder,
    Threshold,
    Volumes,
    chosen,
    given_options,
)
from napari_mcwss.segmentation.batch_progress import ScanDone, refuse_problems, summary
from napari_mcwss.segmentation.masks.exclusive import GATE, THRESHOLD
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import parse_steps
from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges
from napari_mcwss.study.study import Study
from napari_mcwss.training.distributed.launch import Launch

if TYPE_CHECKING:
    from collections.abc import Sequence


MASK_OPTIONS = ("ignore_tags", "threshold", "gate", "steps", "volume")
"""Parameters that say how masks are made."""


def segment(
    context: typer.Context,
    study: StudyFolder,
    model: ModelName,
    scans: Scans = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Add the scans of this folder to the study, and segment them."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also segment scans that have a result of this model.")
    ] = False,
    ignore_tags: IgnoreTags = False,
    threshold: Threshold = THRESHOLD,
    gate: Gate = GATE,
    steps: Steps = STEPS,
    volume: Volumes = None,
    device: Device = "auto",
) -> None:
    """Segment scans: CAMs, scores and exclusive masks in the source geometry.

    All scans without a result of the model, or those named with --scans whether they have one or
    not. With options that say how masks are made, the masks of other scans are made anew if they
    were made in another way. Scans that fail are listed at the end, and do not stop the others.
    Masks that were corrected by hand stay as they are. Started by torchrun, several processes or
    GPUs share the scans.
    """
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.model.devices import choose_device
    from napari_mcwss.segmentation.batch import add_found, segment_scans
    from napari_mcwss.segmentation.missed_classes import missed_in_results

    opened, launch = Study.open(study), Launch.of_environment()
    volumes = parse_ranges(volume or [], opened.class_names)
    settings = MaskSettings(threshold, gate, steps=parse_steps(steps), volumes=volumes)
    own_device = launch.device(str(choose_device(device)))
    trained = load_model(opened.model_folder(model), device=own_device)
    names: Sequence[str] | None = chosen(scans)
    problems: list[ScanDone] = []
    if folder is not None:
        from napari_mcwss.scans.finding import find_scans

        if names is not None:
            raise McwssError("--scans and --folder cannot be combined: give one of them")
        if launch.size > 1:
            raise McwssError(
                "several processes cannot add scans to one study: use --folder without torchrun"
            )
        names, problems = add_found(opened, find_scans(folder, opened.channels))
    elif names is not None:
        again = True
    names = opened.scan_names if names is None else list(dict.fromkeys(names))
    for name in names:
        opened.files(name)
    mine = launch.share(names)
    with progress_bar(shown=launch.rank == 0) as bar:
        for end in problems:
            show_problem(bar, end.scan, end.problem)
        done = segment_scans(
            opened,
            model,
            trained,
            mine,
            tags=lambda scan: None if ignore_tags else opened.tags.read(scan).values,
            settings=settings,
            again=again,
            remake=any(name in MASK_OPTIONS for name in given_options(context)),
        )
        with closing(done):
            ended = problems + show_batch(bar, done)
    share = "" if launch.size == 1 else f"process {launch.rank} of {launch.size}: "
    typer.echo(f"{share}{summary(ended)}: {opened.folder / 'results' / model}")
    segmented = [end.scan for end in ended if not end.problem]
    for missed in missed_in_results(opened, model, segmented):
        warnings.warn(missed.text, stacklevel=1)
    refuse_problems(ended)
