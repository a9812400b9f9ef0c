"""Time and memory of the next training, measured on request."""

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import stack
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Message

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study
    from napari_mcwss.training.estimate import Estimate

ASK, CANCEL = "How long?", "Cancel measuring"


class TrainingEstimate(QWidget):  # type: ignore[misc]
    """Measures some steps in the background and shows the estimate.

    `asked` returns the study, the settings, and whether corrected masks are learnt from. The
    `button` that starts or cancels it is not part of the layout.
    """

    def __init__(self, asked: Callable[[], "tuple[Study, TrainingConfig, bool]"]) -> None:
        super().__init__()
        self._asked = asked
        self._config: TrainingConfig | None = None
        self._found: Estimate | None = None
        self._news, self._began = "", 0.0
        # A step can take long: the seconds show that it is not stuck.
        self._second = QTimer(self, interval=1000, timeout=self._show_news)
        tip = "Run a few training steps to estimate time and memory"
        self.button = QPushButton(ASK, toolTip=tip, clicked=self.measure_or_cancel)
        self.answer = Note()
        self.background = Background(self)
        self.background.event_received.connect(self._show_message)
        self.background.ended.connect(self._show_end)
        stack(self, self.answer)

    def measure_or_cancel(self) -> None:
        """Start measuring the settings on screen, or cancel it."""
        if self.background.running:
            self.background.cancel()
            return
        self.forget()
        try:
            study, config, trust = self._asked()
            events = partial(_events, study, config, trust=trust)
            self.background.start(Job("measuring of a training", events, computes=True))
        except McwssError as error:
            show_error(str(error))
            return
        self._config = config
        self.button.setText(CANCEL)
        self._began = time.monotonic()
        self._second.start()
        self._show_message(Message("loading the network"))

    def forget(self) -> None:
        """Discard the estimate: the settings have changed, or a training begins."""
        self.background.cancel()
        self._found = self._config = None
        self.answer.clear()

    def fitted(self, config: TrainingConfig) -> TrainingConfig:
        """Return settings with as many slices per step as the estimate says, if it is theirs."""
        if self._found is None or config != self._config:
            return config
        return config.model_copy(update={"batch_size": self._found.batch_size})

    def _show_message(self, event: Message) -> None:
        self._news = f"{event.text[:1].upper()}{event.text[1:]}"
        self._show_news()

    def _show_news(self) -> None:
        self._say(f"{self._news} … ({time.monotonic() - self._began:.0f} s)")

    def _show_end(self, outcome: JobOutcome) -> None:
        self._second.stop()
        self.button.setText(ASK)
        self._found = outcome.value
        if self._found is None or self._config is None:
            self.answer.clear()
            return
        self._say(self._found.text)

    def _say(self, text: str) -> None:
        if not self.background.cancelling:
            self.answer.setText(text)


def _events(
    study: "Study", config: TrainingConfig, *, trust: bool
) -> "Generator[Message, None, Estimate]":
    from napari_mcwss.segmentation.corrected import trusted_masks
    from napari_mcwss.training.estimate import estimate

    return (yield from estimate(study, config, trusted=trusted_masks(study) if trust else None))
