"""The volume of each class, as a small table."""

from collections.abc import Iterable, Iterator
from functools import partial
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_mcwss.base.text import counted
from napari_mcwss.measurement.sizes import amount_text, volumes_of
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.segmentation.missed_classes import REMEDY, missed_classes

if TYPE_CHECKING:
    from napari_mcwss.plugin.results.segmenting import MaskResult
    from napari_mcwss.study.study import ClassSpec, Study
    from napari_mcwss.tags.table import TagTable


class Volumes(QLabel):  # type: ignore[misc]
    """Colour, name and volume of each class of the mask that is seen, which it names.

    That is the corrected mask if it is visible, else the model's, with the classes that were
    missed.
    """

    def __init__(self, state: ResultState) -> None:
        super().__init__(textFormat=Qt.TextFormat.RichText, wordWrap=True)
        self._state, self._session = state, state.session
        self._measured: tuple[NDArray[np.uint8], tuple[float, ...]] | None = None
        self._measuring = Latest(self, "measurement of a corrected mask")
        self._measuring.answered.connect(self._take)
        for signal in (state.shown, state.mask_changed, state.cleared):
            signal.connect(self._show)
        self._session.correcting.changed.connect(self._show)
        connect_until_destroyed(self, self._tags_changed, state.session.tags_changed)

    def _show(self) -> None:
        study, mask = self._session.study, self._state.mask
        labels = self._session.correcting.visible_labels
        if study is None or self._session.scan is None:
            self.clear()
        elif labels is not None:
            if self._measured is None or self._measured[0] is not labels:
                spacing = study.scan(self._session.scan).geometry.spacing
                self._measuring.ask(partial(_measure, labels, len(study.classes), spacing))
                return
            in_mm = study.scan(self._session.scan).geometry.in_mm
            rows = (
                _row(spec, amount_text(volume, in_mm=in_mm))
                for spec, volume in zip(study.classes, self._measured[1], strict=True)
            )
            self._tabulate("corrected mask", rows)
        elif mask is None or mask.result.scan != self._session.scan:
            self.clear()  # Another scan has just come.
        else:
            # Read from the disk, the tags would keep the window waiting on a share.
            table = self._session.table
            self._tabulate(f"mask of {mask.result.model}", _rows(study, mask, table))

    def _tabulate(self, title: str, rows: Iterable[str]) -> None:
        heading = f"<tr><td></td><td colspan='2'>{escape(title)}</td></tr>"
        self.setText(f"<table>{heading}{''.join(rows)}</table>")

    def _take(self, measured: tuple[NDArray[np.uint8], tuple[float, ...]]) -> None:
        self._measured = measured
        self._show()

    def _tags_changed(self, scan: str) -> None:
        if scan == self._session.scan:
            self._show()


def _measure(
    labels: NDArray[np.uint8], classes: int, spacing: tuple[float, float, float]
) -> tuple[NDArray[np.uint8], tuple[float, ...]]:
    return labels, volumes_of(labels, classes, spacing)


def _rows(study: "Study", mask: "MaskResult", table: "TagTable | None") -> Iterator[str]:
    """Return the rows of a model's mask; its scan's tags are read if they are not given."""
    volumes = mask.volumes[-1]
    found = {mask.result.scan: [volume > 0 for volume in volumes]}
    unknown = mask.result.prediction.unknown
    tables = {} if table is None else {mask.result.scan: table}
    missed = {missed.name: missed for missed in missed_classes(study, found, unknown, tables)}
    for spec, volume in zip(study.classes, volumes, strict=True):
        if spec.name in unknown:
            yield _row(spec, "not learnt")
            continue
        if spec.name not in missed:
            yield _row(spec, amount_text(volume, in_mm=mask.result.geometry.in_mm))
            continue
        yield _row(spec, "missed")
        slices = counted(missed[spec.name].slices, "slice")
        text = f"tagged present on {slices}, but its mask is empty: {REMEDY}"
        yield f"<tr><td></td><td colspan='2'>{text}</td></tr>"


def _row(spec: "ClassSpec", amount: str) -> str:
    return (
        f"<tr><td style='color:{spec.colour}'>&#9632;</td>"
        f"<td style='padding:0 12px 0 6px'>{escape(spec.name)}</td>"
        f"<td align='right'>{amount}</td></tr>"
    )
