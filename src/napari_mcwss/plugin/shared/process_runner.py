"""Work in a process of its own, with the interface of a job in a thread."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject
from superqt.utils import create_worker

from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.training.process.launcher import by_template, follow, run_process
from napari_mcwss.training.process.run_folder import RunFolder
from napari_mcwss.training.process.steering import WATCH, Paused, Resumed


@dataclass(frozen=True)
class ProcessJob:
    """Work for a process of its own: its folder, and the command that starts it.

    The template is the user's, by which another computer may do it; see `by_template`.
    """

    run: RunFolder
    command: Sequence[str]
    template: str = ""


class ProcessRunner(Background):
    """Runs one process at a time for a widget; it goes on when the widget is destroyed.

    A thread reads the events of the process; a file takes the commands for it, so that a program
    that finds the process later can steer it, too.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._run: RunFolder | None = None
        self._paused = self._cancelled = self._killed = self._left = False

    @property
    def paused(self) -> bool:
        """Whether the process was asked to pause, or has paused."""
        return self.running and self._paused

    @property
    def cancelling(self) -> bool:
        """Whether the process was cancelled but has not ended yet."""
        return self.running and self._cancelled

    def start(self, job: ProcessJob) -> None:  # type: ignore[override]
        """Start a process, unless one is running, here or of the same model elsewhere."""
        self._refuse_second()
        command = by_template(job.template, job.command) if job.template else job.command
        job.run.make()
        if job.template:
            job.run.mark_elsewhere()
        self._follow(job.run, lambda: run_process(command, job.run))

    def attach(self, run: RunFolder) -> None:
        """Follow a process that was left running, or get how it has ended."""
        self._refuse_second()
        self._follow(run, lambda: follow(run))

    def pause(self) -> None:
        """Pause the process after its next event."""
        self._tell("pause")
        self._paused = True

    def resume(self) -> None:
        """Let the process go on."""
        self._tell("resume")
        self._paused = False

    def cancel(self) -> None:
        """Cancel the process after its next event, or now if it is paused."""
        self._tell("cancel")
        self._cancelled = True

    def end_now(self) -> None:
        """Kill the process, if that is possible from here; its last state is kept."""
        if self._run is not None and self.running:
            self._run.kill()
            self._cancelled = self._killed = True

    def watch(self, scan: str, slice_index: int) -> None:
        """Set the slice to get previews of."""
        self._tell(f"{WATCH} {slice_index} {scan}")

    def leave(self) -> None:
        """Stop following the process, and leave it running."""
        self._left = True
        self._quit()

    def _follow(self, run: RunFolder, events: Callable[[], Generator[Any, None, None]]) -> None:
        self._run = run
        self._paused = self._cancelled = self._killed = self._left = False
        job = Job(f"{run.what} of {run.model}", events, lasts=True)
        # superqt's worker: napari waits for its own ones when the window is closed.
        self._work(job, create_worker)

    def _tell(self, command: str) -> None:
        if self._run is not None and self.running:
            self._run.tell(command)

    def _receive(self, event: Any) -> None:
        if isinstance(event, Paused | Resumed):
            self._paused = isinstance(event, Paused)
        super()._receive(event)

    def _finish(self) -> None:
        worker = self._worker
        if self._left:
            self._worker = None
        elif self._killed and worker is not None and worker.outcome and worker.outcome.error:
            # It was killed as the user wanted.
            worker.outcome = JobOutcome(cancelled=True)
        super()._finish()
