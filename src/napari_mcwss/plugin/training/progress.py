"""Progress of a training: a bar, a line of text, advice, and curves."""

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QProgressBar, QWidget

from napari_mcwss.base.text import counted, duration
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import stack
from napari_mcwss.plugin.training.curves import Curves
from napari_mcwss.training.events import Advice, Batch, Epoch, Event, Finished, Message, Started
from napari_mcwss.training.process.steering import Paused, Resumed

STEPS = 1000
"""Steps of the progress bar."""

CHOSEN = "auto chose "
"""How a `Choice` between presets begins."""


class TrainingProgress(QWidget):  # type: ignore[misc]
    """Shows the events of a training.

    `news` is the text of the last event; `status` differs while the training pauses or is
    cancelled.
    """

    def __init__(self, theme: str) -> None:
        super().__init__()
        self.news = ""
        self._epochs: int | None = None
        # Never indeterminate: the animation would repaint the whole window.
        self.bar = QProgressBar(maximum=STEPS, textVisible=False)
        self.status = QLabel(wordWrap=True, alignment=Qt.AlignmentFlag.AlignTop)
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing())
        self.advice = Note()
        self.curves = Curves(theme)
        self.curves.hide()
        stack(self, self.bar, self.status, self.advice, self.curves)
        self.layout().setStretch(3, 1)
        self.layout().addStretch()

    def clear(self) -> None:
        """Show no training."""
        self.begin({}, "")
        self.curves.hide()

    def begin(self, colours: Mapping[str, str], news: str) -> None:
        """Clear all for a new training; colours are ``#rrggbb`` by class."""
        self._epochs = None
        self.curves.clear(colours)
        self.curves.show()
        self.advice.clear()
        self.bar.setValue(0)
        self.news = news

    def show_event(self, event: Event | Paused | Resumed) -> None:
        """Show an event, except for its text, which becomes the `news`."""
        match event:
            case Batch():
                self.bar.setValue(round(event.progress * STEPS))
                done = event.epoch - 1 + event.batch / event.batches
                self.curves.add_batch(done, event.losses["total"])
                of = "" if self._epochs is None else f" of {self._epochs}"
                self.news = f"Epoch {event.epoch}{of}: {_left(event)}"
            case Epoch():
                self.curves.add_epoch(event.epoch, event.losses, event.validation)
            case Started():
                self._epochs = event.epochs
                count = len(event.scans) + len(event.validation_scans)
                self.news = (
                    f"{counted(event.slices, 'tagged slice')} with foreground of "
                    f"{counted(count, 'scan')}, "
                    f"on {event.device}"
                )
            case Advice():
                # No capitals: texts begin with names of the user's. Which preset was chosen is
                # no warning.
                sign = "" if event.text.startswith(CHOSEN) else "\u26a0 "
                line = f"{sign}{event.text}."
                self.advice.setText("\n".join(filter(None, (self.advice.text(), line))))
            case Message():
                self.news = _sentence(event.text)
            case Finished():
                self.news = (
                    f"{event.model} is ready after {counted(event.epochs, 'epoch')} "
                    f"and {duration(event.seconds)}."
                )

    def end(self, news: str | None = None) -> None:
        """Show the end of a training, a successful one unless there is other news."""
        self.curves.draw()
        self.bar.setValue(STEPS if news is None else 0)
        if news is not None:
            self.news = news


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _left(event: Batch) -> str:
    if event.seconds_left is None:
        return "another stage may follow"
    left = duration(event.seconds_left)
    return f"{left} left once it stops improving" if event.open_ended else f"about {left} left"
