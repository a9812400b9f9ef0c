"""The menu that imports, exports and compares tags."""

from collections.abc import Generator
from functools import partial
from pathlib import Path

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton

from napari_mcwss.base.text import counted
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.rows import open_dialog
from napari_mcwss.plugin.study.import_dialog import Applied, ImportDialog
from napari_mcwss.plugin.tagging.comparison import CompareDialog, Comparison
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import export_tags


class TagMenu(QPushButton):  # type: ignore[misc]
    """A button with a menu: import, export, compare with a second reader."""

    def __init__(self, session: Session, comparison: Comparison) -> None:
        super().__init__("Tags", toolTip="Import and export tags, compare readers")
        self._session = session
        self._comparison = comparison
        self._exporting = Background(self)
        self._exporting.ended.connect(self._exported)
        menu = QMenu(self, aboutToShow=self._enable_actions)
        self.import_action = menu.addAction("Import tags …", self.import_tags)
        self.export_action = menu.addAction("Export tags …", self.export_tags)
        self.compare_action = menu.addAction("Compare with a second reader …", self.compare)
        self.setMenu(menu)

    def import_tags(self) -> None:
        """Ask for tags and import them."""
        if self._session.study is not None and not self._session.read_only:
            dialog = ImportDialog(self, self._session)
            dialog.applied.connect(self._take_over)
            open_dialog(dialog)

    def compare(self) -> None:
        """Ask for the tags of a second reader and compare them."""
        if self._session.study is not None:
            dialog = CompareDialog(self, self._session)
            dialog.accepted.connect(
                lambda: self._comparison.start(dialog.source.name, dialog.tables)
            )
            open_dialog(dialog)

    def export_tags(self) -> None:
        """Ask for a file and write all known tags to it."""
        study = self._session.study
        if study is None or self._exporting.running:
            return
        if self._session.saving.waiting:
            show_error("Export once all tags are saved: some are not yet.")
            return
        file, _ = QFileDialog.getSaveFileName(
            self, "Export tags", f"{study.folder.name}-tags.csv", "CSV (*.csv)"
        )
        if file:
            self._exporting.start(Job("export of tags", partial(_export, study, Path(file))))

    def _enable_actions(self) -> None:
        opened = self._session.study is not None
        self.import_action.setEnabled(opened and not self._session.read_only)
        self.export_action.setEnabled(opened and not self._exporting.running)
        self.compare_action.setEnabled(opened)

    def _take_over(self, applied: Applied) -> None:
        self._session.acts.note_tags()
        self._session.reload_tags(applied.scans)
        if not applied.reason:
            show_info(f"{applied.changed} tags imported. Undo reverts this.")

    def _exported(self, outcome: JobOutcome) -> None:
        if outcome.value is not None:
            path, count = outcome.value
            show_info(f"{counted(count, 'tag')} written to '{path}'.")


def _export(study: Study, path: Path) -> Generator[None, None, tuple[Path, int]]:
    yield
    return path, export_tags(study, path)
