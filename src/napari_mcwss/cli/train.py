"""The command that trains, and how its events look on the command line."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
import typer
from numpy.typing import NDArray

from napari_mcwss.api.progress import progress_bar, show_events
from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.options import (
    Device,
    ModelName,
    Scans,
    StudyFolder,
    chosen,
    mapping,
)
from napari_mcwss.study.study import Study
from napari_mcwss.training.distributed.launch import Launch

if TYPE_CHECKING:
    from napari_mcwss.training.distributed.ranks import Ranks
    from napari_mcwss.training.process.steering import Steering

T = TypeVar("T")

CANCELLED = 130
"""Exit code of a run that was cancelled, as a shell gives it after Ctrl+C."""


def train(
    context: typer.Context,
    study: StudyFolder,
    model: ModelName,
    scans: Scans = None,
    preset: Annotated[
        str, typer.Option(help="local; mcwss, the paper's; or published (to compare).")
    ] = "local",
    refine: Annotated[
        bool, typer.Option("--refine", help="Add a stage that learns from the masks of the first.")
    ] = False,
    volumetric: Annotated[
        bool,
        typer.Option("--volumetric", help="With --refine: that stage in 3-D, which is slower."),
    ] = False,
    trust: Annotated[
        str | None,
        typer.Option(
            help="With --refine: masks to learn from as they are. 'corrected' takes those that "
            "were corrected in napari and called right; else a folder, or their name beside scans."
        ),
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--map", help="Values of a class in them, as TC=1,4.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Length of a stage in epochs; if not given, 20 or more of few slices."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Length of a stage in minutes.")] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Go on until so many epochs have not made it better, as 5."),
    ] = None,
    width: Annotated[int, typer.Option(help="Features of the first block.")] = 16,
    pixel: Annotated[
        float | None,
        typer.Option(
            help="Millimetres between the pixels that it reads: 2 is faster. If not given, those "
            "of the scans, but not below 1."
        ),
    ] = None,
    place: Annotated[
        bool, typer.Option("--place", help="Let it read where a pixel lies: for aligned scans.")
    ] = False,
    batch_size: Annotated[
        int, typer.Option(help="Slices a step, references included, of all processes together.")
    ] = 16,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Makes a run on the CPU repeatable.")] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the unfinished training, with its settings."),
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Give up the unfinished training of that name.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Measure some steps, say what time and memory it takes, train nothing.",
        ),
    ] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="Folder for the curves in TensorBoard, where that is installed."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Let it take the place of an older model of that name."),
    ] = False,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="- | FILE",
            help="Tell the run as lines of JSON in place of a progress bar, to standard output or "
            "a file, and take the commands pause, resume, cancel, and watch SLICE SCAN, one a "
            "line, from standard input or FILE with the ending .commands. The end of standard "
            "input stops nothing.",
        ),
    ] = None,
) -> None:
    """Train a model on the tags of a study.

    Ctrl+C stops it and keeps what it has learnt; --resume goes on from there. It ends with exit
    code 0, with 2 after a mistake, or with 130 if it was cancelled: by Ctrl+C, by the system's
    request to end, or by a command. An older model of that name stays until this one is done.

    Started by torchrun, several processes or GPUs share each step; the first one does the rest.
    """
    launch = Launch.of_environment()
    if launch.rank:
        _follow(launch)
        return
    settings = {
        "preset": preset,
        "refine": refine,
        "volumetric": volumetric,
        "epochs": epochs,
        "minutes": minutes,
        "patience": patience,
        "width": width,
        "pixel": pixel,
        "place": place,
        "batch_size": batch_size,
        "device": device,
        "seed": seed,
    }

    if dry_run:
        if resume:
            raise McwssError("--dry-run is for a training to come: leave out --resume")
        _tell_estimate(Study.open(study), settings, chosen(scans), trust, values)
        return
    from napari_mcwss.training.process.steering import Steering

    steering = Steering()

    def run(ranks: "Ranks | None" = None) -> Generator[Any, None, None]:
        # All within the run: whoever reads its events is told what is wrong with the settings, too.
        if resume:
            _refuse_settings(context)
            from napari_mcwss.training.loop import resume as resumed

            opened = Study.open(study)
            yield from resumed(opened, model, watched=lambda: steering.watched, ranks=ranks)
            return
        from napari_mcwss.training.config import training_config

        config = training_config(**settings)
        from napari_mcwss.training.checkpoints.unfinished import refuse_to_replace
        from napari_mcwss.training.loop import train as begun

        opened = Study.open(study)
        if not replace:
            refuse_to_replace(opened, model)
        names = chosen(scans)
        if values and trust is None:
            raise McwssError("--map says what masks hold: name the masks with --trust, too")
        trusted = _trusted(opened, trust, values, names)
        yield from begun(
            opened,
            model,
            config,
            scans=names,
            trusted=trusted,
            restart=restart,
            watched=lambda: steering.watched,
            ranks=ranks,
        )

    steps = run() if launch.size == 1 else _leading(launch, run)
    if tensorboard is not None:
        from napari_mcwss.training.tensorboard import logged

        steps = logged(steps, tensorboard)
    _drive(steps, model, events, steering)


def _tell_estimate(
    study: Study,
    settings: dict[str, Any],
    scans: Sequence[str] | None,
    trust: str | None,
    values: Sequence[str] | None,
) -> None:
    from napari_mcwss.training.config import training_config
    from napari_mcwss.training.estimate import estimate

    config = training_config(**settings)
    trusted = _trusted(study, trust, values, scans)
    with (
        progress_bar() as bar,
        closing(estimate(study, config, scans=scans, trusted=trusted)) as steps,
    ):
        found = show_events(bar, steps)
    typer.echo(found.text)


def _leading(
    launch: Launch, run: Callable[["Ranks"], Generator[Any, None, None]]
) -> Generator[Any, None, None]:
    """Do a run with the processes that were started with this one."""
    from napari_mcwss.training.distributed.ranks import joined

    with joined(launch) as ranks:
        yield from run(ranks)


def _follow(launch: Launch) -> None:
    """Take a share of each step of a run that the first process does."""
    from napari_mcwss.training.batch_trainer import follow
    from napari_mcwss.training.distributed.ranks import joined

    with joined(launch) as ranks:
        follow(ranks)


def _drive(
    run: Generator[Any, None, None], model: str, target: str | None, steering: "Steering"
) -> None:
    """Show or tell a run until its end, or until it is cancelled."""
    from napari_mcwss.training.process.reporting import report
    from napari_mcwss.training.process.steering import RunCancelled, cancelled_by_signals, steered

    try:
        with cancelled_by_signals(steering), closing(steered(run, steering)) as steps:
            if target is None:
                with progress_bar() as bar:
                    show_events(bar, steps)
            else:
                with report(target, model, steering) as tell:
                    for step in steps:
                        tell(step)
    except RunCancelled:
        if target is None:
            typer.echo("stopped; --resume goes on from here", err=True)
        raise typer.Exit(CANCELLED) from None


def _refuse_settings(context: typer.Context) -> None:
    """Refuse settings beside ``--resume``: they are those that the training began with."""
    allowed = {"study", "model", "resume", "events", "tensorboard"}
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in allowed
        and (source := context.get_parameter_source(parameter.name or "")) is not None
        and source.name == "COMMANDLINE"
    ]
    if given:
        raise McwssError(
            f"--resume goes on with the settings that the training began with: leave out "
            f"{', '.join(given)}"
        )


def _trusted(
    study: Study, masks: str | None, values: Sequence[str] | None, scans: Sequence[str] | None
) -> dict[str, NDArray[np.uint8]] | None:
    if masks is None:
        return None
    from napari_mcwss.training.trusted import read_trusted

    given = mapping(values, study.class_names) if values else None
    return read_trusted(study, masks, given, scans)
