"""Tags that a trained model suggests where none is known."""

from collections.abc import Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QPushButton, QWidget

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning
from napari_mcwss.base.text import counted
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.model_choice import ModelChoice
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import row, side_by_side, stack
from napari_mcwss.plugin.tagging.key_table import key_text
from napari_mcwss.plugin.tagging.scan_list import ScanList
from napari_mcwss.plugin.tagging.strip.widget import TagStrip
from napari_mcwss.study.model_states import default_model
from napari_mcwss.tags.suggestions import Probabilities, accepted, most_uncertain, open_suggestions

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


ACCEPT = "All suggestions of the slice on screen"
DOUBT = "The slice, of any scan, with the least certain suggestion"


class Suggesting(QWidget):  # type: ignore[misc]
    """Asks a model for tags, shows them on the strip, and accepts them as tags.

    Live maps suggest tags, too, where no model has. Hidden while there is neither.

    Attributes
    ----------
    place_wanted : Signal
        A scan and a slice to show.
    said : Signal
        Why there is nothing to do.
    """

    place_wanted = Signal(str, int)
    said = Signal(str)

    def __init__(self, session: Session, scans: ScanList, strip: TagStrip) -> None:
        super().__init__()
        self._session = session
        self._scans = scans
        self._strip = strip
        self._study: Study | None = None
        self._found: dict[str, Probabilities] = {}
        self._live: set[str] = set()
        self._visited: set[tuple[str, int]] = set()
        self._known: set[str] = set()
        self.background = Background(self)
        self.background.event_received.connect(self._take)
        self.background.ended.connect(self._ended)
        self._make_widgets()
        connect_until_destroyed(self, self._study_changed, session.study_changed)
        connect_until_destroyed(self, self._models_changed, session.models_changed)
        self._study_changed()

    def _make_widgets(self) -> None:
        self.model = ModelChoice("The model that suggests tags")
        self.model.model_chosen.connect(self.forget)
        self.suggest_button = QPushButton(
            "Suggest tags",
            toolTip="For the slices of all scans that have no tag yet",
            clicked=self.suggest,
        )
        self.cancel_button = QPushButton(
            "Cancel",
            toolTip="Keep the suggestions so far, and make no more",
            clicked=self.background.cancel,
        )
        self.here = Note()
        self.accept_button = QPushButton(
            "Accept here",
            toolTip=ACCEPT,
            clicked=self.accept_here,
        )
        self.doubt_button = QPushButton(
            "Next doubtful",
            toolTip=DOUBT,
            clicked=self.go_on,
        )
        self.all_button = QPushButton(
            "Accept all from",
            toolTip="All suggestions of this scan with at least this probability",
            clicked=self.accept_all,
        )
        self.confidence = QDoubleSpinBox(
            minimum=0.5,
            maximum=1,
            singleStep=0.05,
            value=0.95,
            toolTip="Least probability of the suggestions to accept",
        )
        stack(
            self,
            side_by_side(self.model, self.suggest_button, self.cancel_button),
            self.here,
            row(self.accept_button, self.doubt_button),
            row(self.all_button, self.confidence),
        )

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Show the keys of actions in the tooltips of their buttons."""
        for button, action, tip in (
            (self.accept_button, "accept_here", ACCEPT),
            (self.doubt_button, "next_doubtful", DOUBT),
        ):
            button.setToolTip(f"{tip} ({key_text(keys[action])})")

    def suggest(self) -> None:
        """Predict the unknown tags of all scans, of the one on screen first."""
        study, model = self._session.study, self.model.model
        if study is None or not model:
            return
        tables, here = self._scans.tables, self._session.scan
        names = [name for name, table in tables.items() if (table.values < 0).any()]
        names.sort(key=lambda name: name != here)
        self.forget()
        events = partial(_predict, study, model, names, here, self._session.order)
        job = Job("suggestion of tags", events, lambda event: isinstance(event, str), computes=True)
        try:
            self.background.start(job)
        except McwssError as error:
            show_error(str(error))
        self.show_slice()

    def forget(self, _: str = "") -> None:
        """Drop all suggestions."""
        self.background.cancel()
        self._found, self._live, self._visited = {}, set(), set()
        self.show_slice()

    def take_live(self, scan: str, probabilities: Probabilities) -> None:
        """Show what live maps suggest for a scan, unless a model has."""
        if scan not in self._found or scan in self._live:
            self._found[scan] = probabilities
            self._live.add(scan)
            self.show_slice()

    def drop_live(self) -> None:
        """Drop what live maps have suggested."""
        self._found = {k: found for k, found in self._found.items() if k not in self._live}
        self._live.clear()
        self.show_slice()

    def accept_here(self) -> None:
        """Accept the suggestions for the slice on screen."""
        index = self._session.slice_index
        if index is not None and not self._accept(0.5, index):
            self.said.emit("Nothing is suggested on this slice.")

    def accept_all(self) -> None:
        """Accept the suggestions for this scan that are probable enough."""
        least = self.confidence.value()
        count = self._accept(least, None)
        if count:
            self.here.setText(f"{counted(count, 'suggestion')} accepted as tags of this scan.")
        else:
            self.here.setText(f"No suggestion of this scan has a probability of {least:g} or more.")

    def go_on(self) -> None:
        """Go to the slice with the least certain suggestion, of any scan, not visited before."""
        if not self._found:
            self.said.emit("No tags are suggested yet: train a model, then press Suggest tags.")
            return
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
        """Show the suggestions for the scan and the slice on screen."""
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
        self._show_controls()
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

    def _accept(self, confidence: float, index: int | None) -> int:
        """Accept suggestions, and return how many."""
        table, scan = self._session.table, self._session.scan
        if table is None or scan not in self._found or self._session.read_only:
            return 0
        changes = accepted(table, self._found[scan], confidence, index)
        self._session.change_tags(changes)
        return len(changes)

    def _take(self, event: Any) -> None:
        if isinstance(event, str):
            self.here.setText(event)
        elif event[0] is self._session.study and not self.background.cancelling:
            _, scan, probabilities = event
            self._found[scan] = probabilities
            self._live.discard(scan)
            self.show_slice()

    def _ended(self, _outcome: JobOutcome) -> None:
        self.show_slice()

    def _models_changed(self) -> None:
        # A new model may have the same name.
        self._study = None
        self._study_changed()

    def _study_changed(self) -> None:
        study, chosen = self._session.study, self.model.model
        known = self._session.known
        states = [] if known is None else known.states
        self.model.show_models(states, default_model(states, chosen, self._known))
        self._known = {state.name for state in states if state.finished}
        if study is not self._study or self.model.model != chosen:
            self._study = study
            self.forget()
        self._show_controls()

    def _show_controls(self) -> None:
        models = bool(self.model.count())
        self.model.setVisible(models)
        self.suggest_button.setVisible(models)
        self.setVisible(models or bool(self._found))


def _predict(
    study: "Study", model: str, names: list[str], here: str | None, order: ScanOrder
) -> Generator[Any, None, None]:
    """Yield what to show, and for each scan the study, its name and the probabilities."""
    yield "Loading the network …"
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.segmentation.prediction import predict
    from napari_mcwss.segmentation.study_classes import in_study_order
    from napari_mcwss.study.models import check_model

    trained = load_model(study.model_folder(model))
    check_model(study, trained.info)
    for number, name in enumerate(names, 1):
        scan = study.scan(name)
        try:
            steps = Returning(predict.predict_scores(trained, scan))
            for progress in steps:
                part = f"slice {progress.done} of {progress.total}"
                yield f"Scan {number} of {len(names)}: {part}"
            classes = trained.info.classes
            yield (
                study,
                name,
                in_study_order(study, steps.value, classes, axis=1, missing=np.nan),
            )
        except McwssError as error:
            raise McwssError(order.hide(str(error))) from error
        finally:
            if name != here:
                scan.release()
