"""Work in a thread beside the screen: training and segmentation as streams of events."""

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
from napari_mcwss.training.cpu_priority import spare_threads
from napari_mcwss.training.process.steering import RunCancelled, Steering, steered

logger = logging.getLogger(__name__)

INTERVAL = 0.1
"""Least seconds between two frequent events on their way to the screen."""


@dataclass(frozen=True)
class Job:
    """Something to be done in the background.

    Attributes
    ----------
    title : str
        Names it where napari asks whether to stop it, such as "training of model-1".
    events : callable
        Starts it: a generator of events. It runs in the worker thread alone,
        heavy imports included; closing it there cancels it. None is a moment
        to pause or to cancel, but no event.
    frequent : callable, optional
        Whether an event may be left out if the last one was just shown; by default none may.
    computes : bool
        Whether it computes with torch, and has to leave a core to the screen.
    lasts : bool
        Whether it may last: short jobs must not wait for its thread.
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
    """How a job has ended.

    Attributes
    ----------
    value : object
        What the generator returned.
    cancelled : bool
        It was stopped before it had ended.
    error : Exception, optional
        It failed; the user has been told.
    """

    value: Any = None
    cancelled: bool = False
    error: Exception | None = None


class JobWorker(GeneratorWorker):  # type: ignore[misc]
    """Napari's worker, but it closes its generator, and does so in its own thread.

    The stock worker forgets a generator on quit: its ``finally`` would run
    wherever and whenever the garbage is collected. And a paused one wakes up a
    hundred times a second; this one sleeps.

    Attributes
    ----------
    steering : Steering
        Pauses and cancels the job.
    outcome : JobOutcome or None
        Set before the ``finished`` signal.
    thread_ident : int or None
        The thread that the generator runs in.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(_stream)
        self.job = job
        self.steering = Steering()
        self.outcome: JobOutcome | None = None
        self.thread_ident: int | None = None

    def quit(self) -> None:
        """Have the job end at its next event, or now if it is paused; napari calls it, too."""
        super().quit()
        self.steering.cancel()

    def work(self) -> None:
        """Run the job to its end, or until quit; called in the worker thread."""
        self.thread_ident = threading.get_ident()
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
        """Have Qt start as many other threads as if there was not this one, if it lasts."""
        pool = QThreadPool.globalInstance()
        if self.job.lasts:
            pool.releaseThread()
        try:
            yield
        finally:
            if self.job.lasts:
                pool.reserveThread()


class Background(QObject):  # type: ignore[misc]
    """Runs one job at a time for a widget, in a thread.

    Parameters
    ----------
    parent : QWidget
        Its end ends the job.

    Attributes
    ----------
    event_received : Signal
        An event of the job, in the main thread, in order.
    ended : Signal
        The job's `JobOutcome`, in the main thread, after its last event.
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
        """Whether a job is under way, paused and cancelled ones included."""
        return self._worker is not None

    @property
    def title(self) -> str:
        """What is under way, such as "training of model-1"; empty if nothing is."""
        return "" if self._worker is None else self._worker.job.title

    @property
    def paused(self) -> bool:
        """Whether the job was asked to pause; it does at its next event."""
        return self._worker is not None and self._worker.steering.paused

    @property
    def cancelling(self) -> bool:
        """Whether the job was cancelled but has not ended yet."""
        return self._worker is not None and self._worker.steering.cancelled

    def start(self, job: Job) -> None:
        """Start a job.

        Raises
        ------
        McwssError
            If one is under way.
        """
        self._refuse_second()
        self._work(job, create_worker)

    def pause(self) -> None:
        """Ask the job to rest; it does at its next event."""
        if self._worker is not None:
            self._worker.steering.pause()

    def resume(self) -> None:
        """Have the job go on."""
        if self._worker is not None:
            self._worker.steering.resume()

    def cancel(self) -> None:
        """Ask the job to end; it does at its next event, or now if it is paused."""
        self._quit()

    def _refuse_second(self) -> None:
        if self._worker is not None:
            raise McwssError(f"the {self.title} is under way: wait or cancel it")

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
        worker.outcome = None  # napari keeps workers as long as the window
        error = outcome.error
        if isinstance(error, McwssError):
            show_error(str(error))
        elif error is not None:
            notification_manager.receive_error(type(error), error, error.__traceback__)
        self.ended.emit(outcome)


def _stream() -> Generator[None, None, None]:
    """Stand in for the generator that the stock worker wants when it is made."""
    yield


def _leave_a_core_to_the_screen() -> None:
    import torch

    # No lower priority: a thread that rests with Python's lock in its hands stops the screen.
    torch.set_num_threads(min(torch.get_num_threads(), spare_threads()))
