"""Asks before a window with unsaved tags is closed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text
from napari_mcwss.plugin.session.close_guard import SessionGuard
from napari_mcwss.plugin.shared.questions import give_keyboard_back
from napari_mcwss.study.tag_exchange import write_tags
from napari_mcwss.tags.changes import Change, changes_between, with_changes
from napari_mcwss.tags.store import TagStore
from napari_mcwss.tags.table import Tag, TagTable

Unsaved = Mapping[str, Sequence[Change]]
_Role = QMessageBox.ButtonRole


class UnsavedTags(SessionGuard):
    """Keeps a window open until the user has decided about unsaved tags, then closes the study."""

    def may_close(self, window: QWidget) -> bool:
        """Ask about unsaved tags."""
        saving = self._session.saving
        if saving.waiting:
            saving.retry()
        return all(self._ask(window, store, unsaved) for store, unsaved in saving.unsaved().items())

    def closed(self) -> None:
        """Close the study; the docks are destroyed next."""
        self._session.window_closed = True
        self._session.close()

    def shown(self) -> None:
        """Use the window again."""
        self._session.window_closed = False

    def _ask(self, window: QWidget, store: TagStore, unsaved: Unsaved) -> bool:
        """Ask about the tags of one study; tell whether the window may close."""
        saving = self._session.saving
        box = QMessageBox(window)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Tags are not saved")
        box.setTextFormat(Qt.TextFormat.PlainText)
        text = _unsaved_text(store, unsaved, saving.problem)
        box.setText(self._session.order.hide(text))
        copy_button = box.addButton("Save a copy as CSV …", _Role.ActionRole)
        close_button = box.addButton("Close anyway", _Role.DestructiveRole)
        box.setDefaultButton(copy_button)
        box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))

        def end_if_saved() -> None:
            if store not in saving.unsaved():
                box.done(0)

        # The saving is tried again meanwhile.
        saving.changed.connect(end_if_saved)
        try:
            while store in saving.unsaved():
                box.exec()
                if box.clickedButton() is close_button:
                    return True
                if box.clickedButton() is not copy_button:
                    return store not in saving.unsaved()
                try:
                    if save_copy(box, store, unsaved):
                        return True
                except McwssError as error:
                    box.setInformativeText(str(error))
            return True
        finally:
            saving.changed.disconnect(end_if_saved)
            box.deleteLater()
            give_keyboard_back(window)


def save_copy(parent: QWidget, store: TagStore, unsaved: Unsaved) -> bool:
    """Ask for a file and write the tags into it; tell whether there was one."""
    start = Path.home() / "tags-not-saved.csv"
    name, _ = QFileDialog.getSaveFileName(parent, "Save a copy", str(start), "CSV (*.csv)")
    if name:
        tables = {s: with_changes(_saved(store, s), changes) for s, changes in unsaved.items()}
        write_tags(store, tables.items(), Path(name))
    return bool(name)


def _saved(store: TagStore, scan: str) -> TagTable:
    """Read the tags of a scan, or return those in memory."""
    try:
        return store.read(scan)
    except McwssError:
        return store.remembered(scan)


def _unsaved_text(store: TagStore, unsaved: Unsaved, problem: str) -> str:
    """Say how many tags of which scans are not saved, and why."""
    changed = cleared = 0
    for scan, changes in unsaved.items():
        saved = _saved(store, scan)
        found = changes_between(saved, with_changes(saved, changes))
        changed += len(found)
        cleared += sum(change.tag == Tag.UNKNOWN for change in found)
    count = "1 tag" if changed == 1 else f"{changed} tags"
    scans = f"scan{'s' if len(unsaved) > 1 else ''} {names_text(list(unsaved))}"
    text = f"{count} of {scans} {'is' if changed == 1 else 'are'} not saved: {problem}."
    if cleared:
        text += f" {cleared} of them cleared, which a copy cannot hold."
    return text
