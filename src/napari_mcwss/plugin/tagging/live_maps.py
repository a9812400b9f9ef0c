"""Maps of heads that follow the tags, on the slice on screen, and the tags that they suggest."""

import math
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QLabel

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.feature_encoding import FeatureEncoding
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.layers import (
    hide_live_layers,
    remove_live_layers,
    show_live_layers,
)
from napari_mcwss.plugin.tagging.preferences import Preferences, UserPreferences
from napari_mcwss.plugin.tagging.scan_list import ScanList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_mcwss.model.heads import FeatureHeads
    from napari_mcwss.study.study import Study
    from napari_mcwss.training.features.store import EncodedScan

REST = 300
"""Milliseconds without a change of tags before heads are fitted."""

DRAWN = 1000
"""Milliseconds after which views have surely drawn that the maps are hidden."""


class LiveMaps(QLabel):  # type: ignore[misc]
    """A line on the state of live maps, with the check box that switches them on.

    Attributes
    ----------
    box : QCheckBox
        To be placed elsewhere.
    shown : Signal
        New maps are on screen.
    suggested : Signal
        Name of the scan on screen, and the probabilities of its tags, see `Probabilities`.
    forgotten : Signal
        Maps and probabilities do not count any more.
    """

    shown = Signal()
    suggested = Signal(str, object)
    forgotten = Signal()

    def __init__(self, session: Session, scans: ScanList, preferences: UserPreferences) -> None:
        super().__init__(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._session, self._scans, self._preferences = session, scans, preferences
        self._heads: FeatureHeads | None = None
        self._shown_heads: FeatureHeads | None = None
        self._missing: dict[str, str] = {}
        self._study: Study | None = None
        self._fitted_study: Study | None = None
        self._outdated = False
        self.encoding = FeatureEncoding(self, session)
        self.encoding.encoded.connect(self._encoded)
        self.fitting = Background(self)
        self.fitting.event_received.connect(self._take_missing)
        self.fitting.ended.connect(self._fitted)
        self._mapping = Latest(self, "making of live maps")
        self._mapping.answered.connect(self._show)
        self._scoring = Latest(self, "suggestion of tags by live maps")
        self._scoring.answered.connect(self._suggest)
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(self._fit)
        self._drawn = QTimer(self, singleShot=True, interval=DRAWN)
        self._drawn.timeout.connect(self._remove)
        self.box = QCheckBox(
            "Live maps",
            toolTip="Show a quick, coarse preview, on the slice on screen, of what the tags teach. "
            "These maps could influence your tags",
        )
        self.box.setChecked(preferences.current.live_maps)
        self.box.toggled.connect(self._toggled)
        self.setVisible(False)
        viewer = session.viewer
        for slot, *signals in (
            (self._study_changed, session.study_changed),
            (self._tags_changed, session.tags_changed),
            (self._scan_changed, session.scan_changed),
            (
                self._map,
                viewer.dims.events.point,
                viewer.dims.events.ndisplay,
                session.planes_changed,
            ),
        ):
            connect_until_destroyed(self, slot, *signals)
        scans.tables_changed.connect(self._want)

    def _toggled(self, on: bool) -> None:
        current = self._preferences.current
        try:
            self._preferences.save(
                Preferences(reader=current.reader, keys=current.keys, live_maps=on)
            )
        except McwssError as error:
            show_error(str(error))
        if on:
            self._study_changed()
        else:
            self._forget()

    def _study_changed(self) -> None:
        if self._session.study is not self._study:
            self._forget()
            self._study = self._session.study
        self._want()
        self._tags_changed()

    def _scan_changed(self, *_: object) -> None:
        self._want()
        self._map()
        self._score()

    def _want(self) -> None:
        """Tell which scans to encode first."""
        if self.box.isChecked():
            tables = self._scans.tables
            self.encoding.want([name for name, table in tables.items() if table.tagged.any()])
        self._say()

    def _forget(self) -> None:
        self._rest.stop()
        self._mapping.forget()
        self._scoring.forget()
        self.fitting.cancel()
        self.encoding.stop()
        self._heads, self._missing, self._study, self._outdated = None, {}, None, False
        if not self._session.window_closed:
            hide_live_layers(self._session.viewer)
            self._drawn.start()
        self.forgotten.emit()
        self._say()

    def _remove(self) -> None:
        """Take the maps out of the list once they are hidden, if they are switched off."""
        if not (self.box.isChecked() or self._session.window_closed):
            remove_live_layers(self._session.viewer)

    def _encoded(self, scan: str) -> None:
        table = self._tables().get(scan)
        if table is not None and (table >= 0).any():
            self._tags_changed()
        if scan == self._session.scan:
            self._map()
            self._score()
        self._say()

    def _tags_changed(self, *_: object) -> None:
        """Fit anew once the tags rest; a fit under way is of old tags."""
        if self.box.isChecked():
            self.fitting.cancel()
            self._rest.start()

    def _tables(self) -> "dict[str, NDArray[np.int8]]":
        """Return the tags of all scans; those on screen may not be saved yet."""
        tables = {name: table.values for name, table in self._scans.tables.items()}
        if self._session.table is not None and self._session.scan is not None:
            tables[self._session.scan] = self._session.table.values
        return tables

    def _fit(self) -> None:
        self._outdated = self.fitting.running
        study, encoded = self._session.study, self.encoding.scans
        if self._outdated or study is None or not self.box.isChecked():
            return
        tables = self._tables()
        names = [n for n in encoded if n in tables and (tables[n] >= 0).any()]
        if not names:
            self._missing = dict.fromkeys(study.class_names, "present")
            self._say()
            return
        self._fitted_study = study
        # The keys come first, then the maps, then the features of further scans.
        self.encoding.background.pause()
        events = partial(
            _fit,
            {name: encoded[name] for name in names},
            {name: tables[name] for name in names},
            study.class_names,
            self.encoding.strides,
            self._heads,
        )
        self.fitting.start(Job("fit of live maps", events, computes=True))

    def _take_missing(self, missing: dict[str, str]) -> None:
        self._missing = missing
        self._say()

    def _fitted(self, outcome: JobOutcome) -> None:
        self.encoding.background.resume()
        # A fit that had ended when it was cancelled is of other classes.
        if self._fitted_study is self._session.study is self._study and outcome.value is not None:
            self._heads = outcome.value
            self._map()
            self._score()
        if self._outdated:
            self._fit()

    def _map(self, *_: object) -> None:
        """Make the maps of the slice on screen."""
        session = self._session
        study, scan, index = session.study, session.scan, session.slice_index
        heads, encoded = self._heads, self.encoding.scans.get(scan or "")
        if None in (study, scan, index, heads, encoded) or not self.box.isChecked():
            return
        strides, place = self.encoding.strides, (study, scan, index)
        self._mapping.ask(lambda: (place, _maps(heads, encoded, index, strides)))

    def _show(self, answer: tuple[tuple[Any, Any, int], "NDArray[np.uint8]"]) -> None:
        (study, scan, index), maps = answer
        session = self._session
        if (study, scan, index) != (session.study, session.scan, session.slice_index):
            return
        known = [k for k, name in enumerate(study.class_names) if name not in self._missing]
        show_live_layers(
            session.viewer,
            study.scan(scan).geometry,
            [study.classes[k] for k in known],
            index,
            maps[known],
            made=self._heads is not self._shown_heads,
        )
        self._shown_heads = self._heads
        self.shown.emit()

    def _score(self) -> None:
        """Compute the probabilities of the tags of the scan on screen."""
        study, scan, heads = self._session.study, self._session.scan, self._heads
        encoded = self.encoding.scans.get(scan or "")
        if study is None or scan is None or not self.box.isChecked():
            return
        if heads is None or encoded is None:
            return
        slices, strides = study.scan(scan).geometry.shape[0], self.encoding.strides
        self._scoring.ask(lambda: ((study, scan), _scores(heads, encoded, slices, strides)))

    def _suggest(self, answer: tuple[tuple[Any, str], "NDArray[np.float32]"]) -> None:
        (study, scan), scores = answer
        if (study, scan) != (self._session.study, self._session.scan):
            return
        for k, name in enumerate(study.class_names):
            if name in self._missing:
                scores[:, k] = math.nan
        self.suggested.emit(scan, scores)

    @property
    def _waits(self) -> bool:
        """Whether there are tags of scans that are not encoded yet."""
        encoded = self.encoding.scans
        return any((t >= 0).any() for name, t in self._tables().items() if name not in encoded)

    def _say(self) -> None:
        text = ""
        if self.box.isChecked() and self._session.study is not None:
            parts = [self.encoding.text, self.encoding.problem]
            if self._missing and not self._waits:
                tags = ", ".join(f"{name} {word}" for name, word in self._missing.items())
                parts.append(f"tag slices: {tags}")
            text = "; ".join(filter(None, parts))
        self.setText(f"Live maps: {text}" if text else "")
        self.setVisible(bool(text))


def _fit(
    scans: "Mapping[str, EncodedScan]",
    tags: "Mapping[str, NDArray[np.int8]]",
    classes: Sequence[str],
    strides: Sequence[int],
    previous: "FeatureHeads | None",
) -> "Generator[dict[str, str] | None, None, FeatureHeads | None]":
    """Yield which tags classes lack; then fit heads, unless no class can be learnt."""
    yield None
    from napari_mcwss.training.features import live

    data = live.live_data(list(scans.values()), [tags[name] for name in scans], strides)
    yield (missing := live.missing_tags(data.tags.numpy(), classes))
    if len(missing) == len(classes):
        return None
    steps = live.FIRST_STEPS if previous is None else live.NEXT_STEPS
    fit = live.fit_live(data, previous, steps)
    while True:
        try:
            next(fit)
        except StopIteration as end:
            heads: FeatureHeads = end.value
            return heads
        yield None


def _scores(heads: Any, scan: Any, slices: int, strides: Sequence[int]) -> "NDArray[np.float32]":
    from napari_mcwss.training.features.live import live_scores

    return live_scores(heads, scan, slices, strides)


def _maps(heads: Any, scan: Any, slice_index: Any, strides: Sequence[int]) -> "NDArray[np.uint8]":
    from napari_mcwss.training.features.live import live_maps

    return live_maps(heads, scan, slice_index, strides)
