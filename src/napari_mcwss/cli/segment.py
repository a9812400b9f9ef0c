"""The command that segments scans, one after the other."""

import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_mcwss.api.progress import progress_bar, show_batch, show_problem
from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.options import (
    CANCELLED,
    STEPS,
    Device,
    Gate,
    IgnoreTags,
    ModelName,
    Scans,
    Stacks,
    Steps,
    StudyFolder,
    Thresholds,
    Volumes,
    chosen,
    given_options,
)
from napari_mcwss.segmentation.batch_progress import (
    ScanDone,
    ScanProgress,
    Segmented,
    refuse_problems,
    summary,
)
from napari_mcwss.segmentation.masks.exclusive import GATE
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.steps import parse_steps
from napari_mcwss.segmentation.masks.thresholds import parse_thresholds
from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges
from napari_mcwss.study.study import Study
from napari_mcwss.training.distributed.launch import Launch
from napari_mcwss.training.process.event_json import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_mcwss.training.process.steering import Steering


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
    stacks: Stacks = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also segment scans that have a result of this model.")
    ] = False,
    ignore_tags: IgnoreTags = False,
    threshold: Thresholds = None,
    gate: Gate = GATE,
    steps: Steps = STEPS,
    volume: Volumes = None,
    device: Device = "auto",
    events: Annotated[
        str | None,
        typer.Option(help="Also write progress as lines of JSON to this file; - for the output."),
    ] = None,
) -> None:
    """Segment scans: CAMs, scores and exclusive masks in the source geometry.

    All scans without a result of the model, or those named with --scans whether they have one or
    not. With options that say how masks are made, the masks of other scans are made anew if they
    were made in another way. Scans that fail are listed at the end, and do not stop the others.
    Masks that were corrected by hand stay as they are. Started by torchrun, several processes or
    GPUs share the scans.
    """
    from napari_mcwss.training.process.reporting import report
    from napari_mcwss.training.process.steering import RunCancelled, Steering

    launch, steering = Launch.of_environment(), Steering()
    given = given_options(context)

    def work(tell: Callable[[Line], None]) -> None:
        opened = Study.open(study)
        common, own = parse_thresholds(threshold or [], opened.class_names)
        volumes = parse_ranges(volume or [], opened.class_names)
        settings = MaskSettings(
            common, gate, steps=parse_steps(steps), volumes=volumes, thresholds=own
        )
        _segment(
            opened,
            model,
            chosen(scans),
            folder,
            settings,
            launch,
            stacks=stacks,
            device=device,
            again=again,
            remake=any(name in MASK_OPTIONS for name in given),
            ignore_tags=ignore_tags,
            steering=steering,
            tell=tell,
        )

    # Of several processes, the first one tells of its share.
    if events is None or launch.rank > 0:
        work(lambda _: None)
        return
    try:
        with report(events, model, steering) as tell:
            work(tell)
    except RunCancelled:
        raise typer.Exit(CANCELLED) from None


def _segment(
    opened: Study,
    model: str,
    names: "Sequence[str] | None",
    folder: Path | None,
    settings: MaskSettings,
    launch: Launch,
    *,
    stacks: bool,
    device: str,
    again: bool,
    remake: bool,
    ignore_tags: bool,
    steering: "Steering",
    tell: Callable[[Line], None],
) -> None:
    """Segment scans, and tell of each step."""
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.model.devices import choose_device
    from napari_mcwss.segmentation.batch import add_found, segment_scans
    from napari_mcwss.segmentation.missed_classes import missed_in_results
    from napari_mcwss.training.process.steering import steered

    own_device = launch.device(str(choose_device(device)))
    trained = load_model(opened.model_folder(model), device=own_device)
    problems: list[ScanDone] = []
    if stacks and folder is None:
        raise McwssError("--stacks says how to read --folder: name the folder")
    if folder is not None:
        from napari_mcwss.scans.finding import find_chosen

        if names is not None:
            raise McwssError("--scans and --folder cannot be combined: give one of them")
        if launch.size > 1:
            raise McwssError(
                "several processes cannot add scans to one study: use --folder without torchrun"
            )
        names, problems = add_found(opened, find_chosen(folder, opened.channels, stacks=stacks))
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
            remake=remake,
        )
        with closing(_told(steered(done, steering), tell)) as told:
            ended = problems + show_batch(bar, told)
    share = "" if launch.size == 1 else f"process {launch.rank} of {launch.size}: "
    typer.echo(f"{share}{summary(ended)}: {opened.folder / 'results' / model}")
    segmented = [end.scan for end in ended if not end.problem]
    found = missed_in_results(opened, model, segmented)
    for missed in found:
        warnings.warn(missed.text, stacklevel=1)
    tell(Segmented("\n".join([f"{summary(ended)}.", *(missed.text for missed in found)])))
    refuse_problems(ended)


def _told(
    steps: Generator[ScanProgress | ScanDone, None, list[ScanDone]], tell: Callable[[Line], None]
) -> Generator[ScanProgress | ScanDone, None, list[ScanDone]]:
    """Pass steps on, and tell of each."""
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                ended: list[ScanDone] = end.value
                return ended
            tell(step)
            yield step
