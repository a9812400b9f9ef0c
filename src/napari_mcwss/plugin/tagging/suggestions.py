"""Suggestions of a trained model for slices without tags: to be accepted, or not."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.rows import side_by_side
from napari_mcwss.plugin.tagging.scan_list import ScanList
from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.tags.suggestions import (
    Probabilities,
    accepted,
    most_uncertain,
    open_suggestions,
)

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


class Suggesting(QWidget):  # type: ignore[misc]
    """Ask a model for tags, see them on the strip, accept them.

    It is there only while the study has a model. A suggestion is never a tag
    until it is accepted; for a slice that is tagged there is none.

    Parameters
    ----------
    session : Session
        With the tags on screen.
    scans : ScanList
        With the tags of all scans.
    strip : TagStrip
        Shows the suggestions.

    Attributes
    ----------
    place_wanted : Signal
        A scan and its most doubtful slice, to be brought on screen.
    background : Background
        The prediction.
    """

    place_wanted = Signal(str, int)

    def __init__(self, session: Session, scans: ScanList, strip: TagStrip) -> None:
        super().__init__()
        self._session = session
        self._scans = scans
        self._strip = strip
        self._study: Study | None = None
        self._found: dict[str, Probabilities] = {}
        self._visited: set[tuple[str, int]] = set()
        self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._ended)
        self._make_widgets()
        connect_until_destroyed(self, self._study_changed, session.study_changed)
        connect_until_destroyed(self, self._models_changed, session.models_changed)
        self._study_changed()

    def _make_widgets(self) -> None:
        self.model = QComboBox()
        self.model.setToolTip("The model to ask")
        self.model.currentTextChanged.connect(self.forget)
        self.suggest_button = QPushButton("Suggest tags")
        self.suggest_button.setToolTip("For the slices of all scans that have no tag yet")
        self.suggest_button.clicked.connect(self.suggest)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Keep the suggestions so far, and make no more")
        self.cancel_button.clicked.connect(self.background.cancel)
        self.here = QLabel()
        self.here.setWordWrap(True)
        self.accept_button = QPushButton("Accept here")
        self.accept_button.setToolTip("All suggestions of the slice on screen")
        self.accept_button.clicked.connect(self.accept_here)
        self.doubt_button = QPushButton("Next doubtful")
        self.doubt_button.setToolTip("The slice, of any scan, whose suggestion is least sure")
        self.doubt_button.clicked.connect(self.go_on)
        self.confidence = QDoubleSpinBox()
        self.confidence.setRange(0.5, 1)
        self.confidence.setSingleStep(0.05)
        self.confidence.setValue(0.95)
        self.confidence.setToolTip("How probable a suggestion has to be")
        self.all_button = QPushButton("Accept all from")
        self.all_button.setToolTip("All suggestions of this scan that are at least so probable")
        self.all_button.clicked.connect(self.accept_all)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(side_by_side(self.model, self.suggest_button, self.cancel_button))
        layout.addWidget(self.here)
        layout.addWidget(
            side_by_side(self.accept_button, self.doubt_button, self.all_button, self.confidence)
        )

    def suggest(self) -> None:
        """Predict the tags of all scans that lack some, the one on screen first."""
        study, model = self._session.study, self.model.currentText()
        if study is None or not model:
            return
        tables, here = self._scans.tables, self._session.scan
        names = [name for name, table in tables.items() if (table.values < 0).any()]
        names.sort(key=lambda name: name != here)
        self.forget()
        events = _predicted(study, model, names, here, self._session.order)
        job = Job("suggestion of tags", events, lambda event: isinstance(event, str), computes=True)
        try:
            self.background.start(job)
        except McwssError as error:
            show_error(str(error))
        self.show_slice()

    def forget(self) -> None:
        """Have no suggestions any more."""
        self.background.cancel()
        self._found, self._visited = {}, set()
        self.show_slice()

    def accept_here(self) -> None:
        """Take over what is suggested for the slice on screen, if there is one."""
        index = self._session.slice_index
        if index is not None:
            self._accept(0.5, index)

    def accept_all(self) -> None:
        """Take over all suggestions for this scan that are sure enough."""
        self._accept(self.confidence.value(), None)

    def go_on(self) -> None:
        """Go to the least sure of the slices that were not visited, of any scan."""
        place = most_uncertain(self._found, self._scans.tables, self._visited)
        if place is None:
            self._visited.clear()
            place = most_uncertain(self._found, self._scans.tables)
        if place is None:
            self.here.setText("All slices are tagged.")
        else:
            self._visited.add(place)
            self.place_wanted.emit(*place)

    def show_slice(self) -> None:
        """Follow the tags and the slice on screen."""
        if self._study is not self._session.study:
            self._study_changed()
            return
        suggested, index = self._open(), self._session.slice_index
        self._strip.set_suggestions(suggested)
        texts = []
        if suggested is not None and index is not None and self._study is not None:
            for name, value in zip(self._study.class_names, suggested[index], strict=True):
                if not np.isnan(value):
                    word = "present" if value >= 0.5 else "absent"
                    texts.append(f"{name} {word} {max(value, 1 - value):.2f}")
        self.here.setText(f"Suggested: {', '.join(texts)}" if texts else "")
        running = self.background.running
        self.suggest_button.setEnabled(not running)
        self.cancel_button.setVisible(running)
        self.accept_button.setEnabled(bool(texts) and not self._session.read_only)
        self.doubt_button.setEnabled(bool(self._found))
        self.all_button.setEnabled(suggested is not None and not self._session.read_only)

    def _open(self) -> Probabilities | None:
        table, scan = self._session.table, self._session.scan
        if table is None or scan not in self._found:
            return None
        return open_suggestions(self._found[scan], table)

    def _accept(self, confidence: float, index: int | None) -> None:
        table, scan = self._session.table, self._session.scan
        if table is None or scan not in self._found:
            return
        self._session.change_tags(accepted(table, self._found[scan], confidence, index))

    def _take(self, event: Any) -> None:
        if isinstance(event, str):
            self.here.setText(event)
        elif event[0] is self._session.study and not self.background.cancelling:
            _, scan, probabilities = event
            self._found[scan] = probabilities
            self.show_slice()

    def _ended(self, _outcome: JobOutcome) -> None:
        self.show_slice()

    def _models_changed(self) -> None:
        # A model of the same name may be another one now.
        self._study = None
        self._study_changed()

    def _study_changed(self) -> None:
        study, chosen = self._session.study, self.model.currentText()
        models: list[str] = [] if study is None else study.model_names()
        new = any(self.model.findText(name) < 0 for name in models)
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItems(models)
        # A new model is what the user has just waited for; the newest is last.
        keep = chosen in models and not new
        self.model.setCurrentIndex(models.index(chosen) if keep else len(models) - 1)
        self.model.blockSignals(False)
        self.setVisible(bool(models))
        if study is not self._study or self.model.currentText() != chosen:
            self._study = study
            self.forget()


def _predicted(
    study: "Study", model: str, names: list[str], here: str | None, order: ScanOrder
) -> Callable[[], Generator[Any, None, None]]:
    """Make the events of the prediction: text, and study, scan and probabilities."""

    def events() -> Generator[Any, None, None]:
        yield "Loading the network …"
        from napari_mcwss.model.checkpoint import load_model
        from napari_mcwss.segmentation.prediction import predict

        trained = load_model(study.model_folder(model))
        trained.info.check(study.channels, study.class_names)
        for number, name in enumerate(names, 1):
            scan = study.scan(name)
            try:
                steps = predict.predict_scores(trained, scan)
                while True:
                    try:
                        progress = next(steps)
                    except StopIteration as end:
                        yield study, name, end.value
                        break
                    part = f"slice {progress.done} of {progress.total}"
                    yield f"Scan {number} of {len(names)}: {part}"
            except McwssError as error:
                raise McwssError(order.hide(str(error))) from error
            finally:
                if name != here:
                    scan.release()

    return events
