"""What the tags lack for a training, told before it is started."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.tags.advice import advise, obstacle

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

REST = 250
"""Milliseconds without a change of tags before they are looked at, to skip single keystrokes."""

FIRST = 3000
"""The same while no scan is on screen: the first one is shown sooner if nothing else is read."""

MOST = 3
"""Most weaknesses that are listed; the Tagging dock lists all."""


class Readiness(Note):
    """Tells why no training can start, or how the tags are weak; looked up in another thread.

    Attributes
    ----------
    changed : Signal
        `ready` may have changed.
    ready : bool
        Whether a training can start, as far as is known.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(textFormat=Qt.TextFormat.PlainText)
        self._session = session
        self.ready = True
        self._lines: list[str] = []
        self._told: tuple[str, ...] = ()
        self._looking = Latest(self, "look at the tags")
        self._looking.answered.connect(self._take)
        self._looking.failed.connect(self._forget)
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self._look)
        connect_until_destroyed(self, self._study_changed, session.study_changed)
        connect_until_destroyed(
            self, self._tags_changed, session.tags_changed, session.scan_changed
        )
        self._study_changed()

    def _study_changed(self) -> None:
        self._forget()
        self._tags_changed()

    def _tags_changed(self, *_: object) -> None:
        self._rest.start(FIRST if self._session.scan is None else REST)

    def _forget(self) -> None:
        self._looking.forget()
        self.ready = True
        self._lines = []
        self._show()
        self.changed.emit()

    def _look(self) -> None:
        study = self._session.study
        if study is not None and study.scan_names:
            self._looking.ask(lambda: _look_at(study))

    def _take(self, found: tuple[str, list[str]]) -> None:
        missing, weak = found
        self.ready = not missing
        hide = self._session.order.hide
        self._lines = [_line(hide(text)) for text in ([missing] if missing else weak)]
        self._show()
        self.changed.emit()

    def leave_out(self, told: Sequence[str]) -> None:
        """Leave out lines that are told elsewhere in the dock."""
        if self._told != tuple(told):
            self._told = tuple(told)
            self._show()

    def _show(self) -> None:
        lines = [line for line in self._lines if line not in self._told]
        more = len(lines) - MOST
        if more > 0:
            lines[MOST:] = [_line(f"{counted(more, 'more warning')} in the Tagging dock")]
        self.setText("\n".join(lines))


def _look_at(study: "Study") -> tuple[str, list[str]]:
    """Return why the tags cannot be trained on, and how they are weak."""
    tags = {}
    for name in study.scan_names:
        try:
            tags[name] = study.tags.read(name).values
        except McwssError as error:
            return str(error), []
    missing = obstacle(tags, study.class_names)
    if missing:
        return missing, []
    tagged = {name: values for name, values in tags.items() if (values != -1).any()}
    return "", advise(tagged, study.class_names)


def _line(text: str) -> str:
    # No capitals: texts begin with names of the user's.
    return f"⚠ {text}."
