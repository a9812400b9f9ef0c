"""Work in a background thread: training and segmentation as streams of events."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QObject, QThreadPool, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.training.compilers import keep_out_triton
from napari_mcwss.training.cpu_priority import spare_threads
from napari_mcwss.training.process.steering import RunCancelled, Steering, steered

logger = logging.getLogger(__name__)

INTERVAL = 0.1
"""Least seconds between two frequent events that are shown."""


@dataclass(frozen=True)
class Job:
    """Something to do in the background.

    napari asks by its title, such as "training of model-1", whether to stop it. `events` returns a
    generator, which runs in the worker thread alone, heavy imports included; closing it cancels the
    job. None is no event, but a moment to pause or cancel. An event that is `frequent` may be
    skipped if another one was just shown. A job that `computes` with torch has to leave a core to
    the main thread; one that `lasts` gets a thread that short jobs need not wait for.
    """

    title: str
    events: Callable[[], Generator[Any, None, Any]]
    frequent: Callable[[Any], bool] | None = None
    computes: bool = False
    lasts: bool = False

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True)
class JobOutcome:
    """How a job has ended: its value, or an error that the user has been told."""

    value: Any = None
    cancelled: bool = False
    error: Exception | None = None


class JobWorker(GeneratorWorker):  # type: ignore[misc]
    """A worker of napari that closes its generator in its own thread.

    The stock worker drops a generator on quit, so that its ``finally`` would run in whichever
    thread collects garbage; and when paused it wakes up a hundred times a second. The outcome is
    set before the ``finished`` signal.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(_stream)
        self.job = job
        self.steering = Steering()
        self.outcome: JobOutcome | None = None
        self.thread_ident: int | None = None

    def quit(self) -> None:
        """End the job at its next event, or now if it is paused; napari calls this too."""
        super().quit()
        self.steering.cancel()

    def work(self) -> None:
        """Run the job to its end or until quit; called in the worker thread."""
        self.thread_ident = threading.get_ident()
        keep_out_triton()
        try:
            with self._thread(), closing(steered(self.job.events(), self.steering)) as events:
                self.outcome = JobOutcome(self._drive(events))
        except RunCancelled:
            self.outcome = JobOutcome(cancelled=True)
            self.aborted.emit()
        except McwssError as error:
            self.outcome = JobOutcome(error=error)
        except Exception as error:
            logger.exception("the %s failed", self.job.title)
            self.outcome = JobOutcome(error=error)

    def _drive(self, events: Generator[Any, None, Any]) -> Any:
        if self.job.computes:
            _leave_a_core_to_the_screen()
        shown = float("-inf")
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value
            if event is None:
                continue
            now = time.monotonic()
            if self.job.frequent is not None and self.job.frequent(event):
                if now - shown < INTERVAL:
                    continue
                shown = now
            self.yielded.emit(event)

    @contextmanager
    def _thread(self) -> Iterator[None]:
        """Let Qt start another thread in place of this one, if the job lasts."""
        pool = QThreadPool.globalInstance()
        if self.job.lasts:
            pool.releaseThread()
        try:
            yield
        finally:
            if self.job.lasts:
                pool.reserveThread()


class Background(QObject):  # type: ignore[misc]
    """Runs one job at a time for a widget, in a thread, until the widget is destroyed.

    `event_received` tells events, and `ended` the `JobOutcome` after the last one, in the main
    thread and in order.
    """

    event_received = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: JobWorker | None = None
        self.thread_ident: int | None = None
        parent.destroyed.connect(self._quit)

    @property
    def running(self) -> bool:
        """Whether a job is running, which includes a paused or cancelled one."""
        return self._worker is not None

    @property
    def title(self) -> str:
        """The title of the job under way; empty if there is none."""
        return "" if self._worker is None else self._worker.job.title

    @property
    def paused(self) -> bool:
        """Whether the job was asked to pause, which it does at its next event."""
        return self._worker is not None and self._worker.steering.paused

    @property
    def cancelling(self) -> bool:
        """Whether the job was cancelled, but has not ended yet."""
        return self._worker is not None and self._worker.steering.cancelled

    def start(self, job: Job) -> None:
        """Start a job; raise McwssError if another one is running."""
        self._refuse_second()
        self._work(job, create_worker)

    def pause(self) -> None:
        """Pause the job at its next event."""
        if self._worker is not None:
            self._worker.steering.pause()

    def resume(self) -> None:
        """Continue the job."""
        if self._worker is not None:
            self._worker.steering.resume()

    def cancel(self) -> None:
        """End the job at its next event, or now if it is paused."""
        self._quit()

    def _refuse_second(self) -> None:
        if self._worker is not None:
            raise McwssError(f"the {self.title} is still running: wait or cancel it")

    def _work(self, job: Job, create: Callable[..., JobWorker]) -> None:
        self._worker = create(
            job,
            _worker_class=JobWorker,
            _connect={"yielded": self._receive, "finished": self._finish},
        )

    def _quit(self) -> None:
        if self._worker is not None:
            self._worker.quit()

    def _receive(self, event: Any) -> None:
        if self._worker is not None:
            self.thread_ident = self._worker.thread_ident
            self.event_received.emit(event)

    def _finish(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None or worker.outcome is None:
            return
        outcome = worker.outcome
        worker.outcome = None  # napari keeps workers until the window closes
        error = outcome.error
        if isinstance(error, McwssError):
            show_error(str(error))
        elif error is not None:
            notification_manager.receive_error(type(error), error, error.__traceback__)
        self.ended.emit(outcome)


def _stream() -> Generator[None, None, None]:
    """Stand in for the generator that the stock worker demands."""
    yield


def _leave_a_core_to_the_screen() -> None:
    import torch

    # No lower priority: a thread that waits while it holds Python's lock blocks the main thread.
    torch.set_num_threads(min(torch.get_num_threads(), spare_threads()))
