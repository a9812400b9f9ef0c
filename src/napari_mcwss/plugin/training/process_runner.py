"""Training in a process of its own, seen from a widget like a job in a thread."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject
from superqt.utils import create_worker

from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.training.process.launcher import follow, run_process
from napari_mcwss.training.process.run_folder import RunFolder
from napari_mcwss.training.process.steering import WATCH, Paused, Resumed


@dataclass(frozen=True)
class ProcessJob:
    """A training to be done in a process of its own.

    Attributes
    ----------
    run : RunFolder
        Where it tells its events and takes commands.
    command : sequence of str
        Program and arguments.
    """

    run: RunFolder
    command: Sequence[str]


class ProcessRunner(Background):
    """Runs one process at a time for a widget; it outlives the widget.

    A thread reads what the process tells. Commands go the way that also a
    program takes that finds the process later: by a file.

    Parameters
    ----------
    parent : QWidget
        Its end leaves the process running.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._run: RunFolder | None = None
        self._paused = self._cancelled = self._killed = self._left = False

    @property
    def paused(self) -> bool:
        """Whether the process was asked to pause, or says that it has."""
        return self.running and self._paused

    @property
    def cancelling(self) -> bool:
        """Whether the process was told to end but has not yet."""
        return self.running and self._cancelled

    def start(self, job: ProcessJob) -> None:  # type: ignore[override]
        """Start a process.

        Raises
        ------
        McwssError
            If one is under way, here or of the same model elsewhere, or its
            folder cannot be made.
        """
        self._refuse_second()
        job.run.make()
        self._follow(job.run, lambda: run_process(job.command, job.run))

    def attach(self, run: RunFolder) -> None:
        """Follow a process that was left running, or hear how it has ended.

        Raises
        ------
        McwssError
            If one is under way here.
        """
        self._refuse_second()
        self._follow(run, lambda: follow(run))

    def pause(self) -> None:
        """Ask the process to rest; it does at its next event."""
        self._tell("pause")
        self._paused = True

    def resume(self) -> None:
        """Have the process go on."""
        self._tell("resume")
        self._paused = False

    def cancel(self) -> None:
        """Ask the process to end; it does at its next event, or now if it is paused."""
        self._tell("cancel")
        self._cancelled = True

    def end_now(self) -> None:
        """Kill the process if it does not obey: its last state stays.

        Raises
        ------
        McwssError
            If it cannot be killed from here.
        """
        if self._run is not None and self.running:
            self._run.kill()
            self._cancelled = self._killed = True

    def watch(self, scan: str, slice_index: int) -> None:
        """Tell which slice the user looks at, to get previews of it."""
        self._tell(f"{WATCH} {slice_index} {scan}")

    def leave(self) -> None:
        """Follow the process no more, and leave it running."""
        self._left = True
        self._quit()

    def _follow(self, run: RunFolder, events: Callable[[], Generator[Any, None, None]]) -> None:
        self._run = run
        self._paused = self._cancelled = self._killed = self._left = False
        job = Job(f"training of {run.model}", events, lambda _: False, lasts=True)
        # superqt's, as napari's would register it among what closing the window ends.
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
            # That it died without a word is what the user wanted.
            worker.outcome = JobOutcome(cancelled=True)
        super()._finish()
