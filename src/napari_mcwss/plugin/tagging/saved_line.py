"""Whether the tags are saved; if not, why, and a copy of those that wait."""

from html import escape

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.session.unsaved_tags import save_copy
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import stack


class SavedLine(QWidget):  # type: ignore[misc]
    """Says when the tags were saved, or how many wait and why."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.label = Note()
        self.copy_button = QPushButton(
            "Save a copy as CSV …",
            toolTip="Write the tags that wait, and the others of their scans, to a file",
            clicked=self._save_copy,
        )
        self.copy_button.hide()
        stack(self, self.label, self.copy_button)
        self._study = session.study
        session.saving.changed.connect(self._show)
        connect_until_destroyed(self, self._study_changed, session.study_changed)

    def text(self) -> str:
        """Return the text of the line."""
        return str(self.label.text())

    def _study_changed(self) -> None:
        """Leave out when tags of another study were saved; those that wait stay told."""
        if self._session.study is not self._study and not self._session.saving.problem:
            self.label.setText("")
        self._study = self._session.study

    def _show(self) -> None:
        saving = self._session.saving
        self.copy_button.setVisible(bool(saving.problem))
        if saving.problem:
            problem = escape(self._session.order.hide(saving.problem), quote=False)
            wait = f"{counted(saving.count, 'tag')} {'waits' if saving.count == 1 else 'wait'}"
            self.label.setText(
                f"<b>Not saved, {wait}; trying again every few seconds:</b> {problem}"
            )
            self.label.setStyleSheet("color: #d55e00;")
        elif saving.saved_at is not None:
            self.label.setText(f"saved {saving.saved_at:%H:%M:%S}")
            self.label.setStyleSheet("")

    def _save_copy(self) -> None:
        for store, changes in self._session.saving.unsaved().items():
            try:
                save_copy(self, store, changes)
            except McwssError as error:
                show_error(self._session.order.hide(str(error)))
