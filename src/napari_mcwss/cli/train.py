"""The command that trains a model."""

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_mcwss.api.progress import progress_bar, show_events
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.json_text import parse_json
from napari_mcwss.cli.options import (
    CANCELLED,
    ModelName,
    OrderMap,
    Scans,
    StudyFolder,
    chosen,
    given_options,
    mapping,
)
from napari_mcwss.cli.settings import with_settings
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig, setting_problem, training_config
from napari_mcwss.training.distributed.launch import Launch

if TYPE_CHECKING:
    from napari_mcwss.training.distributed.ranks import Ranks
    from napari_mcwss.training.process.steering import Steering


@with_settings(TrainingConfig)
def train(
    context: typer.Context,
    study: StudyFolder,
    model: ModelName,
    *,
    scans: Scans = None,
    settings: dict[str, Any],
    trust: Annotated[
        str | None,
        typer.Option(
            help="Masks that the method 'features' and the second stage of --refine learn from as "
            "they are. 'corrected' takes those that were corrected in napari and marked as right; "
            "otherwise a folder of masks, or the name of the mask among each scan's files."
        ),
    ] = None,
    values: OrderMap = None,
    all_settings: Annotated[str | None, typer.Option("--settings", hidden=True)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the unfinished training of this name.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard the unfinished training of this name.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Measure some steps, print the time and memory needed, train nothing."
        ),
    ] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="Folder for the curves in TensorBoard, if that is installed."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an older model of this name.")
    ] = False,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="- | FILE",
            help="Write the events as lines of JSON, in place of a progress bar, to standard "
            "output or to a file. Read the commands pause, resume, cancel, and watch SLICE SCAN, "
            "one per line, from standard input or from FILE with the ending .commands. The end of "
            "standard input stops nothing.",
        ),
    ] = None,
) -> None:
    """Train a model on the tags of a study.

    Ctrl+C stops the training and keeps what was learnt; --resume continues it. The exit code is
    0 when it is finished, 2 after a mistake, and 130 if it was cancelled: by Ctrl+C, by the
    system's request to end, or by a command. An older model of the same name stays until this
    one is finished.

    Started by torchrun, several processes or GPUs share each step; the first one does the rest.
    """
    launch = Launch.of_environment()
    if launch.rank:
        _follow(launch)
        return
    given = given_options(context)

    def config() -> TrainingConfig:
        if all_settings is None:
            return _of_options(settings)
        _refuse(given, TrainingConfig.model_fields, "--settings holds all settings")
        return _parsed(all_settings)

    if dry_run:
        if resume:
            raise McwssError("--dry-run measures a new training: leave out --resume")
        opened, names = Study.open(study), chosen(scans)
        _print_estimate(opened, config(), names, _trusted(opened, trust, values, names))
        return
    from napari_mcwss.training.process.steering import Steering

    steering = Steering()

    def run(ranks: "Ranks | None" = None) -> Generator[Any, None, None]:
        # All checks are part of the run: so that its events report mistakes, too.
        watch: dict[str, Any] = {"watched": lambda: steering.watched, "ranks": ranks}
        if resume:
            others = given.keys() - {"study", "model", "resume", "events", "tensorboard"}
            _refuse(given, others, "--resume continues with the settings of the training")
            from napari_mcwss.training.loop import resume as resumed

            yield from resumed(Study.open(study), model, **watch)
            return
        found = config()
        from napari_mcwss.training.checkpoints.unfinished import refuse_to_replace
        from napari_mcwss.training.loop import train as begun

        opened = Study.open(study)
        if not replace:
            refuse_to_replace(opened, model)
        names = chosen(scans)
        if values and trust is None:
            raise McwssError("--map gives the values of masks: name the masks with --trust")
        trusted = _trusted(opened, trust, values, names)
        yield from begun(
            opened, model, found, scans=names, trusted=trusted, restart=restart, **watch
        )

    steps = run() if launch.size == 1 else _leading(launch, run)
    if tensorboard is not None:
        from napari_mcwss.training.tensorboard import logged

        steps = logged(steps, tensorboard)
    _drive(steps, model, events, steering)


def _of_options(settings: dict[str, Any]) -> TrainingConfig:
    try:
        return TrainingConfig.model_validate(settings)
    except ValidationError as error:
        name, value, message = setting_problem(error)
        raise McwssError(f"--{name.replace('_', '-')} {value}: {message}") from error


def _parsed(text: str) -> TrainingConfig:
    try:
        return training_config(**parse_json(text))
    except (ValueError, TypeError) as error:
        raise McwssError(
            f"--settings {text!r} are not settings: expected an object in JSON"
        ) from error


def _print_estimate(
    study: Study,
    config: TrainingConfig,
    scans: Sequence[str] | None,
    trusted: dict[str, NDArray[np.uint8]] | None,
) -> None:
    from napari_mcwss.training.estimate import estimate

    steps = estimate(study, config, scans=scans, trusted=trusted)
    with progress_bar() as bar, closing(steps):
        found = show_events(bar, steps)
        # Nothing was trained: a bar at 0 % would say that something failed.
        bar.update(bar.task_ids[0], visible=False)
    typer.echo(found.text)


def _leading(
    launch: Launch, run: Callable[["Ranks"], Generator[Any, None, None]]
) -> Generator[Any, None, None]:
    """Train with the processes that were started together with this one."""
    from napari_mcwss.training.distributed.ranks import joined

    with joined(launch) as ranks:
        yield from run(ranks)


def _follow(launch: Launch) -> None:
    """Take a share of each step of the training that the first process leads."""
    from napari_mcwss.training.distributed.following import follow
    from napari_mcwss.training.distributed.ranks import joined

    with joined(launch) as ranks:
        follow(ranks)


def _drive(
    run: Generator[Any, None, None], model: str, target: str | None, steering: "Steering"
) -> None:
    """Run a training to its end, or until it is cancelled, and show or write its events."""
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
            typer.echo("stopped: continue with --resume", err=True)
        raise typer.Exit(CANCELLED) from None


def _refuse(given: dict[str, str], names: Collection[str], reason: str) -> None:
    if options := [option for name, option in given.items() if name in names]:
        raise McwssError(f"{reason}: leave out {', '.join(options)}")


def _trusted(
    study: Study, masks: str | None, values: Sequence[str] | None, scans: Sequence[str] | None
) -> dict[str, NDArray[np.uint8]] | None:
    if masks is None:
        return None
    from napari_mcwss.training.trusted import read_trusted

    given = mapping(values, study.class_names) if values else None
    return read_trusted(study, masks, given, scans)
