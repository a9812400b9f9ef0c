"""Progress bars on standard error, for the command line, scripts and notebooks."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.base.text import counted

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress
    from napari_mcwss.segmentation.prediction.predict import Progress as Slices

T = TypeVar("T")


class _Bar(Progress):
    """A progress bar that leaves no empty line where there is nothing to show."""

    def stop(self) -> None:
        """Stop drawing."""
        # In a file, rich ends its bars with an empty line, whether or not there are any.
        if any(task.visible for task in self.tasks):
            super().stop()
        elif not self.disable:
            self.live.stop()


def progress_bar(*, shown: bool = True) -> Progress:
    """Make a progress bar on standard error; one that is not shown draws nothing."""
    # In a notebook rich draws bars with ipywidgets alone; without them it prints lines.
    notebook = None if find_spec("ipywidgets") else False
    return _Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, force_jupyter=notebook, markup=False, emoji=False),
        disable=not shown,
    )


def show_events(bar: Progress, events: Generator[Any, None, T]) -> T:
    """Draw events of a training as a bar with a line an epoch; return the generator's value."""
    from napari_mcwss.training import events as kinds

    task = bar.add_task("reading scans", total=1)
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            value: T = end.value
            return value
        except McwssError:
            bar.remove_task(task)  # the line that says why comes in its place
            raise
        match event:
            case kinds.Started():
                bar.console.print(
                    f"{counted(len(event.scans), 'scan')}, "
                    f"{counted(event.slices, 'tagged slice')} with foreground, on {event.device}; "
                    f"validation on {', '.join(event.validation_scans) or 'no scan'}"
                )
            case kinds.Advice():
                bar.console.print(f"note: {event.text}", style="yellow")
            case kinds.Message():
                bar.update(task, description=event.text)
            case kinds.Batch():
                text = f"epoch {event.epoch}, loss {event.losses['total']:.3f}"
                bar.update(task, completed=event.progress, description=text)
            case kinds.Epoch():
                aucs = ", ".join(f"AUC {k} {v:.3f}" for k, v in event.validation.items())
                loss = f"epoch {event.epoch}: loss {event.losses['total']:.4f}"
                bar.console.print(f"{loss} {aucs}".rstrip())
            case kinds.Finished():
                bar.update(task, completed=1.0)
                bar.console.print(
                    f"model {event.model}: {counted(event.epochs, 'epoch')} "
                    f"in {event.seconds:.0f} s, {event.folder}"
                )


def show_slices(bar: Progress, scan: str, steps: Generator[Slices, None, T]) -> T:
    """Draw how far a scan is; return the generator's value."""
    task = bar.add_task(scan, total=None)
    returning = Returning(steps)
    for step in returning:
        bar.update(task, completed=step.done, total=step.total)
    return returning.value


def show_batch(
    bar: Progress, steps: Generator[ScanProgress | ScanDone, None, list[ScanDone]]
) -> list[ScanDone]:
    """Draw a bar for each scan of a batch; return what became of them."""
    from napari_mcwss.segmentation.batch_progress import ScanProgress

    tasks = {}
    returning = Returning(steps)
    for step in returning:
        if isinstance(step, ScanProgress):
            if step.scan not in tasks:
                text = f"{step.scan} ({step.number} of {step.scans})"
                tasks[step.scan] = bar.add_task(text, total=None)
            bar.update(tasks[step.scan], completed=step.done, total=step.total or None)
        elif step.problem:
            if step.scan in tasks:
                bar.remove_task(tasks[step.scan])
            show_problem(bar, step.scan, step.problem)
    return returning.value


def show_problem(bar: Progress, scan: str, problem: str) -> None:
    """Print what is wrong with a scan, above the bars."""
    bar.console.print(f"{scan}: {problem}", style="yellow", highlight=False)
