"""Facts and pictures of scans, read in the background, those in sight first."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome

if TYPE_CHECKING:
    from napari_mcwss.measurement.scan_facts import ScanFacts
    from napari_mcwss.study.study import Study

UPDATE = 0.2
"""Seconds between two updates of the screen."""

SIDE = 56
"""Length of the longer side of a small picture, in pixels."""


FACTS, VOLUMES, PICTURE = "facts", "volumes", "picture"


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small grey picture of a scan, uint8 ``(y, x)``; None if the scan cannot be read."""

    scan: str
    pixels: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Wanted:
    """Scans to read, those in sight before all others, and whether to draw those in sight."""

    in_sight: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    pictures: bool = False


class Reading(QObject):  # type: ignore[misc]
    """Reads facts, pictures and volumes of the scans that are wanted, those in sight first.

    Attributes
    ----------
    found : Signal
        A list of `ScanFacts` and `Thumbnail`.
    ended : Signal
        All that was wanted has been read.
    """

    found = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._study: Study | None = None
        self._model = ""
        self._wanted = Wanted()
        self._facts: dict[str, ScanFacts] = {}
        self._measured: set[str] = set()
        self._drawn: set[str] = set()
        self._round = 0
        self._background = Background(self)
        self._background.event_received.connect(self._take)
        self._background.ended.connect(self._end)

    @property
    def running(self) -> bool:
        """Whether something is being read."""
        return self._background.running

    def begin(self, study: "Study | None", model: str) -> None:
        """Forget all that was read, and read what a model has found in the scans of a study."""
        if study is not self._study:
            self._drawn.clear()
        self._study, self._model, self._wanted = study, model, Wanted()
        self._facts.clear()
        self._measured.clear()
        self._round += 1

    def want(self, wanted: Wanted) -> None:
        """Read what is wanted, in place of what was wanted before.

        Only names are exchanged with the thread, so that neither waits for the other.
        """
        self._wanted = wanted
        if not self._background.running and self._next() is not None:
            self._background.start(Job("reading of the worklist", self._events, lasts=True))

    def again(self, scan: str) -> None:
        """Read the facts of a scan anew, as its tags have changed."""
        self._facts.pop(scan, None)
        self._measured.discard(scan)
        self._round += 1
        self.want(self._wanted)

    def stop(self) -> None:
        """Read nothing more."""
        self._wanted = Wanted()

    def _next(self) -> tuple[str, str] | None:
        """Return the next scan to read, and what of it."""
        wanted = self._wanted
        pictures = wanted.in_sight if wanted.pictures else ()
        turns = (
            (FACTS, wanted.in_sight, self._facts),
            (PICTURE, pictures, self._drawn),
            (VOLUMES, wanted.in_sight, self._measured),
            (FACTS, wanted.scans, self._facts),
            (VOLUMES, wanted.scans, self._measured),
        )
        for kind, scans, done in turns:
            for scan in scans:
                if scan not in done:
                    return scan, kind
        return None

    def _events(self) -> Generator[object, None, None]:
        from napari_mcwss.study.study import Study

        ours: Study | None = None
        found: list[ScanFacts | Thumbnail] = []
        shown = time.monotonic()
        while (turn := self._next()) is not None:
            yield None
            study, model = self._study, self._model
            if study is None:
                break
            if ours is None or ours.folder != study.folder or turn[0] not in ours.scan_names:
                # A study of its own: the voxels of the scan on screen are not to be freed.
                ours = Study.open(study.folder)
            if (read := self._read(ours, model, *turn)) is not None:
                found.append(read)
            if time.monotonic() - shown > UPDATE:
                yield study, model, found
                found, shown = [], time.monotonic()
        yield self._study, self._model, found

    def _read(
        self, study: "Study", model: str, scan: str, kind: str
    ) -> "ScanFacts | Thumbnail | None":
        """Read something of a scan; None if it is not wanted any more."""
        from napari_mcwss.measurement.scan_facts import scan_facts, with_volumes

        if kind == PICTURE:
            self._drawn.add(scan)
            return Thumbnail(scan, _thumbnail(study, scan))
        round_, known = self._round, self._facts.get(scan)
        if kind == FACTS or known is None:
            facts = scan_facts(study, model, scan)
        else:
            facts = with_volumes(study, model, known)
        if round_ != self._round:
            return None
        self._facts[scan] = facts
        if kind == VOLUMES and known is not None:
            self._measured.add(scan)
        return facts

    def _take(self, event: tuple["Study", str, list[object]]) -> None:
        study, model, found = event
        if (study, model) == (self._study, self._model) and found:
            self.found.emit(found)

    def _end(self, outcome: JobOutcome) -> None:
        if outcome.error is None and not outcome.cancelled and self._next() is not None:
            self.want(self._wanted)
        else:
            self.ended.emit()


def _thumbnail(study: "Study", scan: str) -> NDArray[np.uint8] | None:
    """Draw the middle slice of the last channel, small."""
    from napari_mcwss.export import pictures

    try:
        source = study.scan(scan)
        volume = source.volume()
    except McwssError:
        return None
    source.release()
    box = pictures.patient_box(volume)
    grey = pictures.grey(volume[-1], [volume.shape[1] // 2])[:, *box]
    height, width = pictures.picture_size(grey.shape[1:], source.geometry.spacing[1:])
    scale = SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small: NDArray[np.uint8] = pictures.resized(grey, size, smooth=True)[0]
    return small
