"""The dialog that imports tags, after a preview of what would change."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHeaderView,
    QLabel,
    QRadioButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.study.tag_sources import TagSourceDialog
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import apply_import
from napari_mcwss.tags.importing import Conflict, ImportCounts, ImportPlan
from napari_mcwss.tags.table import TagTable

EXAMPLES = 5
"""Most conflicts that are listed."""

ALL = "All classes"

MOST_HEIGHT = 320
"""Most pixels of the table of classes before it scrolls."""


@dataclass(frozen=True)
class Preview:
    """What an import would change: counts of each class and of `ALL`, and the first conflicts."""

    plan: ImportPlan
    rows: dict[str, ImportCounts]
    examples: list[Conflict]


@dataclass(frozen=True)
class Applied:
    """How an import ended: scans that may differ, number of changed tags, why it failed."""

    scans: tuple[str, ...] = ()
    changed: int = 0
    reason: str = ""


class ImportDialog(TagSourceDialog):
    """Asks for tags and what to do with conflicting ones, shows what would change, imports.

    Attributes
    ----------
    applied : Signal
        The `Applied` of an import that ended, even if it failed.
    """

    applied = Signal(object)

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent, session, "Import tags", "Import", masks=True)
        self._preview: Preview | None = None
        self._applying = Background(self)
        self._applying.ended.connect(self._finish)
        self.table = QTableWidget(0, 4, editTriggers=QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setHorizontalHeaderLabels(["class", "new", "conflicting", "the same"])
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.conflicts = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.keep = QRadioButton("Keep the tags of this study where they conflict")
        self.overwrite = QRadioButton("Take the imported tags where they conflict")
        self._choice = QButtonGroup(self)
        for widget in (self.table, self.conflicts, self.keep, self.overwrite):
            self.found.addWidget(widget)
        for button in (self.keep, self.overwrite):
            self._choice.addButton(button)
            button.toggled.connect(self._decide)
        self.refresh()

    def work(self) -> Callable[[dict[str, TagTable]], Preview]:
        """Return the function that plans the import."""
        return partial(_preview, self.study)

    def show_found(self, value: Preview | None) -> str:
        """Show what would change."""
        self._preview = value
        conflicts = value is not None and value.rows[ALL].conflicting > 0
        for widget in (self.conflicts, self.keep, self.overwrite):
            widget.setVisible(conflicts)
        self._choice.setExclusive(False)  # Qt unchecks no button of an exclusive group.
        for button in (self.keep, self.overwrite):
            button.setChecked(False)
        self._choice.setExclusive(True)
        self.table.setVisible(value is not None)
        if value is None:
            return ""
        self.table.setRowCount(len(value.rows))
        for row, (name, counts) in enumerate(value.rows.items()):
            numbers = (counts.new, counts.conflicting, counts.unchanged)
            for column, text in enumerate((name, *map(str, numbers))):
                self.table.setItem(row, column, QTableWidgetItem(text))
        height = self.table.horizontalHeader().height() + self.table.verticalHeader().length()
        self.table.setMinimumHeight(min(height + 2 * self.table.frameWidth(), MOST_HEIGHT))
        more = value.rows[ALL].conflicting - len(value.examples)
        lines = [
            str(replace(conflict, scan=self.session.order.label(conflict.scan)))
            for conflict in value.examples
        ]
        self.conflicts.setText("\n".join([*lines, f"and {more} more"] if more else lines))
        return self._obstacle(value)

    def _obstacle(self, preview: Preview) -> str:
        counts = preview.rows[ALL]
        if not counts.new and not counts.conflicting:
            return "There is nothing to import: no tag is new."
        if counts.conflicting and self._choice.checkedButton() is None:
            return "Choose which of the conflicting tags to keep."
        if self.keep.isChecked() and not counts.new:
            return "There is nothing to import: no tag is new, and those that conflict are kept."
        return ""

    def _decide(self) -> None:
        if self._preview is not None:
            obstacle = self._obstacle(self._preview)
            self.reason.setText(obstacle)
            self.ok_button.setEnabled(not obstacle)

    def accept(self) -> None:
        """Import in another thread, then close; if that fails, show why and stay open."""
        if self._preview is None or self._applying.running:
            return
        if self.session.saving.waiting:
            self.reason.setText("Some tags are not saved yet: import once they are.")
            return
        self.source.setEnabled(False)
        self.buttons.setEnabled(False)
        self.reason.setText("Importing …")
        events = partial(_apply, self.study, self._preview.plan, self.overwrite.isChecked())
        self._applying.start(Job("import of tags", events))

    def reject(self) -> None:
        """Close, unless an import is running."""
        if not self._applying.running:
            super().reject()

    def _finish(self, outcome: JobOutcome) -> None:
        self.source.setEnabled(True)
        self.buttons.setEnabled(True)
        applied = outcome.value or Applied(reason=str(outcome.error or "It was stopped."))
        self.applied.emit(applied)
        self.reason.setText(self.session.order.hide(applied.reason))
        if not applied.reason:
            super().accept()


def _preview(study: Study, tables: dict[str, TagTable]) -> Preview:
    plan = ImportPlan({scan: study.tags.read(scan) for scan in tables}, tables)
    rows = {name: plan.counts(name) for name in study.class_names}
    return Preview(plan, {**rows, ALL: plan.counts()}, plan.conflicts[:EXAMPLES])


def _apply(study: Study, plan: ImportPlan, overwrite: bool) -> Generator[None, None, Applied]:
    yield
    scans = tuple(plan.result(overwrite=overwrite))
    try:
        return Applied(scans, apply_import(study, plan, overwrite=overwrite))
    except McwssError as error:
        # The dialog shows it; a notification would lie behind the dialog.
        return Applied(scans, reason=str(error))
