"""Encoding of a study's scans in the background, the most wanted first."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.training.process.steering import Paused, Resumed

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study
    from napari_mcwss.training.features.store import EncodedScan


@dataclass(frozen=True)
class Encoded:
    """A scan whose features are there; `features` is None if it cannot be read."""

    study: "Study"
    scan: str
    features: "EncodedScan | None"
    strides: Sequence[int]
    problem: str


class FeatureEncoding(QObject):  # type: ignore[misc]
    """Computes the features of all scans of the open study, which are kept on the disk.

    Attributes
    ----------
    encoded : Signal
        A scan was encoded; with its name.
    scans : dict of str to EncodedScan
        Features so far.
    strides : sequence of int
        Of the levels of the features; empty while there are none.
    problem : str
        Why features cannot be kept on the disk; empty if they can.
    """

    encoded = Signal(str)

    def __init__(self, parent: QObject, session: Session) -> None:
        super().__init__(parent)
        self._session = session
        self._study: Study | None = None
        self._seen: set[str] = set()
        self._order: tuple[str, ...] = ()
        self.scans: dict[str, EncodedScan] = {}
        self.strides: Sequence[int] = ()
        self.problem = ""
        self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._ended)

    @property
    def text(self) -> str:
        """The progress in one line; empty if all scans are encoded."""
        total = 0 if self._study is None else len(self._study.scan_names)
        return f"features: {len(self._seen)} of {total} scans" if len(self._seen) < total else ""

    def want(self, tagged: Sequence[str]) -> None:
        """Encode the scan on screen first, then those that are tagged, then the others."""
        study, here = self._session.study, self._session.scan
        if study is not self._study:
            self.stop()
            self._study = study
        if study is None:
            return
        # Read by the thread before each batch: a tuple is replaced as a whole.
        first = () if here is None else (here,)
        self._order = tuple(dict.fromkeys((*first, *tagged, *study.scan_names)))
        if not self.background.running and not self._seen.issuperset(study.scan_names):
            events = partial(_encode, study, lambda: self._order, lambda: self._session.scan)
            job = Job("encoding of scans", events, computes=True, lasts=True)
            self.background.start(job)

    def stop(self) -> None:
        """Stop, and forget the features; they stay on the disk."""
        self.background.cancel()
        self._study, self._order = None, ()
        self.scans, self.strides, self.problem = {}, (), ""
        self._seen.clear()

    def _take(self, event: Encoded | Paused | Resumed) -> None:
        if isinstance(event, Paused | Resumed):
            return
        if event.study is not self._study or self.background.cancelling:
            return
        self._seen.add(event.scan)
        self.problem = event.problem
        if event.features is not None:
            self.scans[event.scan], self.strides = event.features, event.strides
        self.encoded.emit(event.scan)

    def _ended(self, outcome: JobOutcome) -> None:
        # Another study was opened, or scans were added to this one.
        if outcome.error is None and self._study is not None:
            self.want(self._order)


def _encode(
    study: "Study", order: Callable[[], Sequence[str]], on_screen: Callable[[], str | None]
) -> Generator[Encoded | None, None, None]:
    """Encode a batch of the most wanted scan at a time; yield each scan that is complete."""
    yield None
    from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER
    from napari_mcwss.model.inputs import InputSpec
    from napari_mcwss.training.data.pixels import feature_pixel
    from napari_mcwss.training.features.store import FeatureStore

    # As in a training by default, which then finds the features in the store.
    pixel = feature_pixel(study, DEFAULT_ENCODER)
    store: FeatureStore = FeatureStore(DEFAULT_ENCODER, InputSpec(pixel))
    strides = store.strides
    begun: dict[str, Generator[object, None, EncodedScan]] = {}
    done: set[str] = set()
    while name := next((name for name in order() if name not in done), None):
        features = None
        try:
            scan = study.scan(name)
            next(begun.setdefault(name, store.compute(scan)))
        except StopIteration as end:
            features = end.value
            if name != on_screen():
                scan.release()
        except McwssError:
            pass  # Choosing the scan shows why.
        else:
            yield None
            continue
        done.add(name)
        begun.pop(name, None)
        yield Encoded(study, name, features, strides, store.problem)
