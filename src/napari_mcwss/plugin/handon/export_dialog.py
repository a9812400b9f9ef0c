"""One dialog for all kinds of exports, made from their registry."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, QTimer, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import duration
from napari_mcwss.export.kind import ExportKind
from napari_mcwss.export.registry import EXPORTS
from napari_mcwss.plugin.handon.export_job import Asked, Preview, Step, export_job, preview
from napari_mcwss.plugin.handon.options_form import OptionsForm
from napari_mcwss.plugin.handon.shown_mask import ShownMask, ShownMaskBox
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, JobOutcome
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.model_choice import ModelChoice
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import side_by_side, stack
from napari_mcwss.study.model_states import model_states

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

REST = 300
"""Milliseconds without typing before the preview is made."""

MOST_PROBLEMS = 6
"""Scans of which the dialog says why they were left out."""


class ExportDialog(QDialog):  # type: ignore[misc]
    """Asks what to export and where to, shows what will be written, and writes it.

    Attributes
    ----------
    previewed : Signal
        The preview of what is asked for now is on screen.
    ended : Signal
        An export has ended.
    """

    previewed = Signal()
    ended = Signal()

    def __init__(
        self, parent: QWidget, session: Session, study: "Study", model: str, shown: ShownMask
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.resize(560, 480)
        self._session, self._study = session, study
        self._shown: Preview | None = None
        self._running: Asked | None = None
        self._written: str | None = None
        self._problems: list[str] = []
        self._looking = Latest(self, "preview of an export")
        self._looking.answered.connect(self._show_preview)
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(self._look)
        self.shown_mask = ShownMaskBox(session, study, shown)
        self.shown_mask.changed.connect(self._mask_stored)
        self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._end)
        self._make_widgets(model)
        self._kind_changed()

    def _make_widgets(self, model: str) -> None:
        self.kind = QComboBox()
        for one in EXPORTS.values():
            self.kind.addItem(one.title, one.name)
        self.description = Note(textFormat=Qt.TextFormat.PlainText)
        self.model = ModelChoice("The model whose results are exported")
        self.model.show_models(model_states(self._study), model)
        self.scans = QComboBox()
        self.scans.addItem("all scans that the model has segmented", None)
        if self._session.scan is not None and self._session.study is self._study:
            label = self._session.order.label(self._session.scan)
            self.scans.addItem(f"the scan on screen, {label}", self._session.scan)
        self.out = QLineEdit(textEdited=self._change)
        self.browse_button = QPushButton("…", toolTip="Choose a folder", clicked=self._browse)
        self.options: OptionsForm | None = None
        self.identity = Note(textFormat=Qt.TextFormat.PlainText)
        self.preview = Note(textFormat=Qt.TextFormat.PlainText)
        selectable = Qt.TextInteractionFlag.TextSelectableByMouse
        self.preview.setTextInteractionFlags(selectable)
        self.progress = QProgressBar(textVisible=False)
        self.status = Note(textFormat=Qt.TextFormat.PlainText)
        self.export_button = QPushButton("Export", clicked=self.export)
        self.cancel_button = QPushButton("Cancel", clicked=self.background.cancel)
        self.open_button = QPushButton("Open", clicked=self.open_result)
        self.close_button = QPushButton("Close", clicked=self.reject)
        self._form = form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Export", self.kind)
        form.addRow(self.description)
        form.addRow("Model", self.model)
        form.addRow("Of", self.scans)
        form.addRow("To", side_by_side(self.out, self.browse_button))
        self.fields = QWidget()
        stack(self.fields, form)
        inside = self.identity, self.shown_mask, self.preview, self.progress, self.status
        buttons = (QWidget(), self.open_button, self.cancel_button, self.export_button)
        stack(self, self.fields, *inside, margins=True)
        self.layout().addStretch(1)
        self.layout().addWidget(side_by_side(*buttons, self.close_button))
        self.progress.hide()
        self.open_button.hide()
        self.kind.currentIndexChanged.connect(self._kind_changed)
        self.model.model_chosen.connect(self._change)
        self.scans.currentIndexChanged.connect(self._change)

    @property
    def _chosen(self) -> ExportKind:
        return EXPORTS[self.kind.currentData()]

    def export(self) -> None:
        """Write what the preview shows."""
        shown = self._shown
        if shown is None or shown.problem or self.shown_mask.saving:
            return
        correcting = self._session.correcting
        correcting.save_painted()
        try:
            correcting.saving.finish()
            self.background.start(export_job(shown.asked))
        except McwssError as error:
            show_error(str(error))
            return
        self._running, self._problems = shown.asked, []
        self.progress.setValue(0)
        self.open_button.hide()
        self.status.setText("Reading …")
        self._refresh()

    def open_result(self) -> None:
        """Open what was written: a folder in the file manager, a page in the browser."""
        if self._running is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._running.out)))

    def reject(self) -> None:
        """Close the dialog; an export that is running is cancelled, and leaves nothing behind."""
        self.background.cancel()
        super().reject()

    def _kind_changed(self, *_: object) -> None:
        """Show the options of another kind, and propose where to write."""
        kind = self._chosen
        if self.options is not None:
            self._form.removeRow(self.options)
        self.options = OptionsForm(kind, self._study)
        self.options.changed.connect(self._change)
        self._form.addRow(self.options)
        self.description.setText(kind.description)
        self.identity.setText(f"\u26a0 {kind.identity}" if kind.identity else "")
        self.out.setText(str(_proposed(kind, self._study.folder)))
        self._change()

    def _browse(self) -> None:
        """Ask for the folder in which the export is made."""
        out = Path(self.out.text())
        folder = QFileDialog.getExistingDirectory(self, "Export to", str(out.parent))
        if folder:
            self.out.setText(str(Path(folder) / out.name))
            self._change()

    def _change(self, *_: object) -> None:
        """Follow what the user asks for now: what was exported before is past."""
        self.open_button.hide()
        self.status.clear()
        self._ask()

    def _mask_stored(self) -> None:
        """Have an export wait for a mask that is being stored, and allow another one after it."""
        if self._written is not None and not self.shown_mask.saving:
            self._change()
        self._refresh()

    def _ask(self) -> None:
        """Make the preview anew once the user rests."""
        # What was just written is there, so that another export needs another name.
        if self._written is not None and self.out.text() == self._written:
            self.out.setText(str(_untaken(Path(self._written))))
        self._shown = self._written = None
        self.shown_mask.ask(self.model.model, self.scans.currentData())
        self._looking.forget()
        self._rest.start()
        self._refresh()

    def _look(self) -> None:
        text = self.out.text().strip()
        try:
            if not self.model.model:
                raise McwssError("the study has no model: train one")
            if not text:
                raise McwssError("say where to write: name a folder or a file")
            options = {} if self.options is None else self.options.values()
        except McwssError as error:
            self.preview.setText(str(error))
            return
        out = Path(text).expanduser()
        scan = self.scans.currentData()
        asked = Asked(self._chosen, self._study, self.model.model, scan, out, options)
        self._looking.ask(lambda: preview(asked))

    def _show_preview(self, found: Preview) -> None:
        self._shown = found
        self.preview.setText(self._session.order.hide(found.text))
        self._refresh()
        self.previewed.emit()

    def _take(self, step: Step) -> None:
        if step.problem:
            self._problems.append(self._session.order.hide(step.problem))
        self.progress.setRange(0, step.scans)
        self.progress.setValue(step.done)
        text = f"{step.done} of {step.scans} scans"
        if 0 < step.done < step.scans:
            text += f", about {duration(step.seconds_left)} left"
        if not self.background.cancelling:
            self.status.setText(text)
        self._refresh()

    def _end(self, outcome: JobOutcome) -> None:
        lines = list(self._problems[:MOST_PROBLEMS])
        if more := len(self._problems) - MOST_PROBLEMS:
            lines += [f"… and {more} more"] if more > 0 else []
        done = outcome.error is None and not outcome.cancelled
        if outcome.cancelled:
            lines = ["Cancelled. Nothing was written."]
        elif outcome.error is not None:
            lines.append(f"Failed: {self._session.order.hide(str(outcome.error))}")
        else:
            lines += ["Done.", self._session.order.hide(outcome.value)]
        self.status.setText("\n".join(filter(None, lines)))
        self.open_button.setVisible(done)
        if done:
            # A preview would only say that what was written is there now.
            self._shown, self._written = None, self.out.text()
            self.preview.clear()
            self._refresh()
        else:
            self._ask()
        self.ended.emit()

    def _refresh(self) -> None:
        running = self.background.running
        self.fields.setEnabled(not running)
        self.progress.setVisible(running)
        self.preview.setVisible(bool(self.preview.text()) and not running)
        self.shown_mask.setEnabled(not running)
        self.cancel_button.setVisible(running)
        self.cancel_button.setEnabled(not self.background.cancelling)
        ready = self._shown is not None and not self._shown.problem
        self.export_button.setEnabled(ready and not running and not self.shown_mask.saving)


def _proposed(kind: ExportKind, study: Path) -> Path:
    """Name what an export makes beside the folder of a study, as nothing else there is named."""
    return _untaken(
        study.parent / (kind.propose(study) if kind.propose else kind.example.split()[0])
    )


def _untaken(path: Path) -> Path:
    """Return a path, with a number if there is something already."""
    out, number = path, 1
    while out.exists():
        number += 1
        out = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return out
