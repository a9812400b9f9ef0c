"""Opening of a study in another thread, as its drive may be slow."""

from contextlib import suppress
from functools import partial
from pathlib import Path

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.known_files import KnownFiles
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.study.study import Study


class StudyOpening(QObject):  # type: ignore[misc]
    """Opens the study that was asked for last, and tells what opening a study needs of its files.

    Attributes
    ----------
    opened : Signal
        The study, whose tags are locked if that was possible, and its `KnownFiles`.
    """

    opened = Signal(object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        # Those that are not on screen yet, or were given up in favour of another one.
        self._locked: list[Study] = []
        parent.destroyed.connect(partial(_release, self._locked))
        self._latest = Latest(self, "opening of a study")
        self._latest.answered.connect(self._take)

    def open(self, folder: Path, *, wait: bool) -> None:
        """Open the study in a folder, and `wait` for it here or not; tell if there is none.

        Wait beside layers: those that go before they were drawn, but not at once, have crashed
        OpenGL in software.
        """
        if wait:
            self._latest.forget()
            self._take(self._open(folder))
        else:
            self._latest.ask(partial(self._open, folder))

    def _open(self, folder: Path) -> tuple[Study, KnownFiles] | McwssError:
        try:
            study = Study.open(folder)
            models = KnownFiles(study).read()
        except McwssError as error:
            return error
        # Whoever has the lock is told when the study is on screen.
        with suppress(McwssError):
            study.tags.acquire_lock()
            self._locked.append(study)
        return study, models

    def _take(self, found: tuple[Study, KnownFiles] | McwssError) -> None:
        kept = None if isinstance(found, McwssError) else found[0]
        _release([study for study in self._locked if study is not kept])
        self._locked.clear()
        if isinstance(found, McwssError):
            show_error(str(found))
        else:
            self.opened.emit(*found)


def _release(studies: list[Study], *_: object) -> None:
    """Release the locks of studies that nobody sees."""
    for study in studies:
        with suppress(McwssError):
            study.tags.lock.release()
