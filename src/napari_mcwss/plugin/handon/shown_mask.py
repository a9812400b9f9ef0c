"""What an export says of a mask on screen that is not the stored one, which it would write."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QWidget

from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import side_by_side, stack

if TYPE_CHECKING:
    from qtpy.QtCore import SignalInstance

    from napari_mcwss.study.study import Study


@dataclass(frozen=True)
class MaskDifference:
    """In which settings and volumes the stored mask and that on screen differ, in words."""

    model: str
    scan: str
    stored: str
    on_screen: str


class ShownMask(Protocol):
    """The mask on screen beside the stored one, as the Results dock knows them."""

    @property
    def changed(self) -> "SignalInstance":
        """Emitted when one of the two has changed, or the saving begins or ends."""

    @property
    def difference(self) -> MaskDifference | None:
        """How the two differ; None if they do not, or there are none."""

    @property
    def savable(self) -> bool:
        """Whether `save` would do something now."""

    @property
    def saving(self) -> bool:
        """Whether the mask on screen is being stored."""

    def save(self) -> None:
        """Store the mask on screen, in the background."""


class ShownMaskBox(QWidget):  # type: ignore[misc]
    """Says that the stored mask is exported, not the one on screen, which one click stores.

    Attributes
    ----------
    changed : Signal
        The saving of a mask has begun or ended.
    """

    changed = Signal()

    def __init__(self, session: Session, study: "Study", shown: ShownMask) -> None:
        super().__init__()
        self._session, self._study, self._shown = session, study, shown
        self._asked: tuple[str, str | None] = "", None
        self._clicked = self._saving = False
        self.note = Note(textFormat=Qt.TextFormat.PlainText)
        self.save_button = QPushButton(
            "Save the mask on screen",
            toolTip="Replace the stored mask by the one on screen, which is then exported",
            clicked=self._save,
        )
        # How long a file takes to be written is not known.
        self.progress = QProgressBar(textVisible=False, minimum=0, maximum=0)
        stack(self, self.note, side_by_side(self.progress, self.save_button))
        shown.changed.connect(self.refresh)
        session.correcting.changed.connect(self.refresh)

    @property
    def saving(self) -> bool:
        """Whether a mask is being stored, which an export has to await."""
        return self._shown.saving

    def ask(self, model: str, scan: str | None) -> None:
        """Follow what is to be exported: a scan, or all of a model."""
        if self._asked != (model, scan):
            self._asked, self._clicked = (model, scan), False
        self.refresh()

    def refresh(self) -> None:
        """Say how the two masks differ, if they do."""
        found = self._difference()
        saving = self.saving
        self.save_button.setVisible(found is not None or saving)
        self.save_button.setEnabled(self._shown.savable)
        self.progress.setVisible(saving)
        self.note.setText(self._text(found))
        self.setVisible(bool(self.note.text()))
        if saving != self._saving:
            self._saving = saving
            self.changed.emit()

    def _save(self) -> None:
        self._clicked = True
        self._shown.save()

    def _difference(self) -> MaskDifference | None:
        """Return the difference if the export would write the stored mask all the same."""
        found = self._shown.difference
        if found is None or self._session.study is not self._study:
            return None
        model, scan = self._asked
        asked = found.model == model and scan in (None, found.scan)
        # A corrected mask is exported in place of any of a model.
        corrected = self._session.correcting.exists
        return found if asked and not corrected else None

    def _text(self, found: MaskDifference | None) -> str:
        if self.saving:
            return "Saving the mask on screen …"
        if found is None:
            return "The mask on screen is the stored one now, and is exported." * self._clicked
        self._clicked = False
        label = self._session.order.label(found.scan)
        return (
            f"\u26a0 Exports write stored masks. That of {label} is not the mask on screen:\n"
            f"Stored: {found.stored}\nOn screen: {found.on_screen}"
        )
