"""The dialog that downloads a public sample and makes a study of it."""

from collections.abc import Generator
from functools import partial
from html import escape
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QProgressBar, QPushButton, QWidget

from napari_mcwss.api.samples import Sample, SampleStep, make_sample
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import side_by_side, stack
from napari_mcwss.plugin.study.study_folder import StudyFolder

TEXT = """
<p><b>{title}</b></p>
<p>About {megabytes} MB are downloaded from {address}, unless they were before.<br>
Licence: {licence}.</p>
<p>The scans and a study of them are put into a new folder, with the tags that their masks give.</p>
"""

_THOUSAND = 1000
"""Steps of the bar: bytes of large files are more than Qt counts."""


class SampleDialog(QDialog):  # type: ignore[misc]
    """Tells size and licence of a public sample; once agreed, downloads it in another thread.

    The window stays usable meanwhile.

    Attributes
    ----------
    study_wanted : Signal
        The folder of the study, which the user wants to open; the dialog closes.
    """

    study_wanted = Signal(Path)

    def __init__(self, parent: QWidget, name: str, sample: Sample) -> None:
        super().__init__(parent)
        self.setWindowTitle("Public scans")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(560, 260)
        self._study: Path | None = None
        self._sample = sample
        self.text = Note(textFormat=Qt.TextFormat.RichText)
        facts = {key: escape(str(value)) for key, value in vars(sample).items()}
        self.text.setText(TEXT.format_map(facts))
        self.folder = StudyFolder()
        self.folder.propose(name)
        self.folder_row = side_by_side(self.folder, self.folder.choose_button)
        self.progress = QProgressBar(textVisible=False)
        self.status = Note(textFormat=Qt.TextFormat.PlainText)
        self.download_button = QPushButton("Agree and download", clicked=self.download)
        self.open_button = QPushButton("Open the study", clicked=self.accept)
        self.cancel_button = QPushButton("Cancel", clicked=self.reject)
        buttons = (QWidget(), self.download_button, self.open_button, self.cancel_button)
        stack(self, self.text, self.folder_row, self.progress, self.status, margins=True)
        self.layout().addStretch(1)
        self.layout().addWidget(side_by_side(*buttons))
        self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._end)
        self._refresh()

    def download(self) -> None:
        """Download the sample; what goes wrong is told, and the dialog stays open."""
        folder = Path(self.folder.text().strip()).expanduser()
        self.progress.setRange(0, 0)
        self.status.setText("connecting …")
        self.background.start(
            Job(
                "download of public scans",
                partial(_make, self._sample, folder),
                frequent=lambda _: True,
                lasts=True,
            )
        )
        self._refresh()

    def accept(self) -> None:
        """Close, and open the study."""
        super().accept()
        self.study_wanted.emit(self._study)

    def reject(self) -> None:
        """Close; a download that is under way ends, and what has arrived is kept for the next."""
        self.background.cancel()
        super().reject()

    def _take(self, step: SampleStep) -> None:
        self.progress.setRange(0, _THOUSAND if step.total else 0)
        if step.total:
            self.progress.setValue(_THOUSAND * step.done // step.total)
        self.status.setText(f"{step.doing} …")

    def _end(self, outcome: JobOutcome) -> None:
        self._study = outcome.value
        if self._study is not None:
            self.status.setText(f"Ready: {self._study}")
        elif outcome.error is not None:
            self.status.setText(str(outcome.error))
        self._refresh()

    def _refresh(self) -> None:
        running, ready = self.background.running, self._study is not None
        self.progress.setVisible(running)
        self.folder_row.setVisible(not ready)
        self.folder_row.setEnabled(not running)
        self.download_button.setVisible(not ready)
        self.download_button.setEnabled(not running)
        self.open_button.setVisible(ready)
        self.open_button.setDefault(ready)
        self.cancel_button.setText("Close" if ready else "Cancel")


def _make(sample: Sample, folder: Path) -> Generator[SampleStep | None, None, Path]:
    yield None
    study = yield from make_sample(sample, folder)
    return study.folder
