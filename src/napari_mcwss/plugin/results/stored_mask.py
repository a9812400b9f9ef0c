"""Whether the mask on screen is the stored one, and the way from the one to the other."""

from collections.abc import Generator
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_mcwss.plugin.results.segmenting import MaskResult, Result
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome


class StoredMask(QWidget):  # type: ignore[misc]
    """Says by which settings the stored mask was made; saves the one on screen in its place.

    Parameters
    ----------
    session : Session
        With the study.

    Attributes
    ----------
    settings_wanted : Signal
        The settings of the stored mask are to be taken over, as in `MaskSettings.record`.
    background : Background
        Does the saving.
    """

    settings_wanted = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._masked: MaskResult | None = None
        self._whole = False
        self._stored: tuple[Result, dict[str, Any]] | None = None
        self._saving: tuple[Result, dict[str, Any]] | None = None
        self.background = Background(self)
        self.background.ended.connect(self._saved)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.save_button = QPushButton("Save this mask")
        self.save_button.setToolTip(
            "Write the model's mask on screen, with all steps, in place of the stored one"
        )
        self.save_button.clicked.connect(self.save)
        self.back_button = QPushButton("As stored")
        self.back_button.setToolTip("Take over the settings by which the stored mask was made")
        self.back_button.clicked.connect(self._go_back)
        buttons = QHBoxLayout()
        buttons.addWidget(self.save_button)
        buttons.addWidget(self.back_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.status)
        layout.addLayout(buttons)
        self.follow(None)

    def follow(self, masked: MaskResult | None, whole: bool = True) -> None:
        """Speak of another mask, or of none.

        Parameters
        ----------
        masked : MaskResult or None
            The mask.
        whole : bool
            Whether all of its steps were taken; else it cannot be saved yet.
        """
        self._masked, self._whole = masked, whole
        if masked is not None and (self._stored is None or self._stored[0] is not masked.found):
            self._stored = masked.found, masked.found.stored
        self._refresh()

    def save(self) -> None:
        """Write the mask on screen, beside the screen."""
        study, masked = self._session.study, self._masked
        if study is None or masked is None or self.background.running:
            return
        found = masked.found
        self._saving = found, masked.rules.record()

        def events() -> Generator[None, None, None]:
            yield
            from napari_mcwss.segmentation.results import save_mask

            save_mask(
                study, found.model, found.scan, masked.stages[-1], masked.rules, found.geometry
            )

        self.background.start(Job("saving of the mask", events, lambda _: False))
        self._refresh()

    def _saved(self, outcome: JobOutcome) -> None:
        done, self._saving = self._saving, None
        written = outcome.error is None and not outcome.cancelled
        shown = None if self._stored is None else self._stored[0]
        if written and done is not None and done[0] is shown:
            self._stored = done
        self._refresh()

    def _go_back(self) -> None:
        if self._stored is not None:
            self.settings_wanted.emit(self._stored[1])

    def _refresh(self) -> None:
        masked = self._masked
        stored = {} if masked is None or self._stored is None else self._stored[1]
        same = masked is not None and stored == masked.rules.record()
        ready = masked is not None and self._whole
        self.save_button.setEnabled(ready and not self.background.running)
        self.back_button.setEnabled(bool(stored) and not same)
        if masked is None:
            text = ""
        elif self.background.running:
            text = "Saving …"
        elif same:
            text = "The stored mask was made with these settings."
        elif stored:
            text = f"The stored mask was made with other settings: {_words(stored)}."
        else:
            text = "How the stored mask was made is not known."
        self.status.setText(text)


def _words(record: dict[str, Any]) -> str:
    """Put the record of rules into words."""
    gate = "all slices" if record.get("gate") is None else f"scores from {record['gate']:g}"
    tags = "tags" if record.get("tags") else "no tags"
    ranges = ", ".join(f"{name}={found}" for name, found in record.get("volumes", {}).items())
    volumes = f", volumes {ranges}" if ranges else ""
    steps = f"steps {record.get('steps')}"
    return f"threshold {record.get('threshold')}, {gate}, {tags}, {steps}{volumes}"
