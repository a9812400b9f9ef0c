"""The part of the results dock that chooses steps from a mask to a better one."""

from collections.abc import Iterator, Mapping, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QGroupBox,
    QLabel,
    QToolButton,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.segmenting import MaskResult
from napari_mcwss.plugin.results.volume_ranges import VolumeRanges
from napari_mcwss.segmentation.masks.settings import VOLUMES
from napari_mcwss.segmentation.masks.step_kind import Parameter
from napari_mcwss.segmentation.masks.steps import DEFAULT_STEPS, STEP_KINDS, Step, parse_steps
from napari_mcwss.segmentation.masks.volume_ranges import VolumeRange, parse_ranges

TITLE = "Refine the mask"

NOTHING = 0.05
"""Millilitres below which a change of volume is not worth a word."""


class _Row:
    """The widgets of one kind of step, or of what comes before the steps.

    Parameters
    ----------
    title, explanation : str
        As users read them.
    parameter : Parameter, optional
        What can be set.
    """

    def __init__(self, title: str, explanation: str, parameter: Parameter | None = None) -> None:
        unit = "" if parameter is None else parameter.unit
        self.box = QCheckBox(f"{title} ({unit})" if unit else title)
        self.box.setToolTip(explanation)
        self.value: QDoubleSpinBox | None = None
        if parameter is not None:
            self.value = QDoubleSpinBox()
            self.value.setDecimals(2)
            self.value.setRange(parameter.low, parameter.high)
            self.value.setSingleStep(0.05 if parameter.high <= 1 else 0.5)
            self.value.setValue(parameter.default)
            self.value.setToolTip(parameter.meaning[0].upper() + parameter.meaning[1:])
            # A typed number counts when it is whole.
            self.value.setKeyboardTracking(False)
        self.before = QToolButton()
        self.before.setText("before")
        self.before.setCheckable(True)
        self.before.setToolTip("Show the mask as it is before this step")
        self.effect = QLabel()
        self.effect.setWordWrap(True)


class RefiningBox(QGroupBox):  # type: ignore[misc]
    """A row for each kind of step: on or off, its number, its effect, and the look before it.

    The first row moves thresholds to volumes that are known, which comes before all steps.

    Attributes
    ----------
    steps_changed : Signal
        Other steps or volumes are chosen.
    stage_changed : Signal
        Another stage of the mask is wanted on screen: see `shown_stage`.
    rows : dict of str to _Row
        By name of the stage, as in `MaskSettings.stages`.
    ranges : VolumeRanges
        The volumes that are known.
    """

    steps_changed = Signal()
    stage_changed = Signal()

    def __init__(self) -> None:
        super().__init__(TITLE)
        self.rows = {
            VOLUMES: _Row(
                "Keep volumes in a range",
                "For what is known beyond the tags: in each scan, the threshold of a class is "
                "moved just so far that its volume, with the classes inside it, lies in the range",
            )
        }
        for name, kind in STEP_KINDS.items():
            self.rows[name] = _Row(kind.title, kind.explanation, kind.parameter)
        self.ranges = VolumeRanges()
        self.ranges.hide()
        self.ranges.changed.connect(self._changed)
        layout = QGridLayout(self)
        layout.setColumnStretch(0, 1)
        for number, row in enumerate(self.rows.values()):
            layout.addWidget(row.box, 3 * number, 0)
            if row.value is not None:
                layout.addWidget(row.value, 3 * number, 1)
                row.value.valueChanged.connect(self._changed)
            layout.addWidget(row.before, 3 * number, 2)
            layout.addWidget(row.effect, 3 * number + 1, 0, 1, 3)
            row.box.toggled.connect(self._changed)
            row.before.clicked.connect(self._look)
        layout.addWidget(self.ranges, 2, 0, 1, 3)
        self.set_steps(DEFAULT_STEPS)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The chosen steps, in their order."""
        return tuple(
            Step(name, None if row.value is None else row.value.value())
            for name, row in self._step_rows()
            if row.box.isChecked()
        )

    @property
    def volumes(self) -> dict[str, VolumeRange]:
        """The volumes that classes are to have, if that is chosen."""
        return self.ranges.ranges if self.rows[VOLUMES].box.isChecked() else {}

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Choose these steps, and no others."""
        chosen = {step.name: step for step in steps}
        for name, row in self._step_rows():
            for widget in (row.box, row.value):
                if widget is not None:
                    widget.blockSignals(True)
            row.box.setChecked(name in chosen)
            if row.value is not None and name in chosen:
                row.value.setValue(chosen[name].value or 0.0)
            for widget in (row.box, row.value):
                if widget is not None:
                    widget.blockSignals(False)
        self._changed()

    def read_steps(self, text: str) -> None:
        """Choose the steps of a record, as `parse_steps` reads it; nothing if it cannot be read."""
        try:
            self.set_steps(parse_steps(text))
        except McwssError:
            return

    def read_volumes(self, volumes: Mapping[str, str]) -> None:
        """Choose the volumes of a record, class to range; none if they cannot be read."""
        texts = [f"{name}={found}" for name, found in volumes.items()]
        try:
            ranges = parse_ranges(texts, tuple(self.ranges.limits))
        except McwssError:
            ranges = {}
        box = self.rows[VOLUMES].box
        box.blockSignals(True)
        box.setChecked(bool(ranges))
        box.blockSignals(False)
        self.ranges.set_ranges(ranges)

    def shown_stage(self, masked: MaskResult) -> int:
        """Give the index of the stage that is wanted on screen, the last one unless asked."""
        for index, stage in enumerate(masked.rules.stages):
            if self.rows[stage].before.isChecked():
                return index
        return len(masked.stages) - 1

    def show_work(self, under_way: bool) -> None:
        """Tell whether steps are still to come."""
        self.setTitle(f"{TITLE}: under way …" if under_way else TITLE)

    def show_effects(self, masked: MaskResult, classes: Sequence[str]) -> None:
        """Tell what each step has done to the volumes."""
        for name, row in self.rows.items():
            # What is chosen but still to come keeps its line: nothing jumps below a slider.
            row.effect.setText("…" if name != VOLUMES or self.volumes else "no range is given")
            row.effect.setVisible(row.box.isChecked())
        for index, stage in enumerate(masked.rules.stages):
            before, after = masked.volumes[index : index + 2]
            changes = [
                f"{name} {now - then:+.1f}"
                for name, then, now in zip(classes, before, after, strict=True)
                if abs(now - then) >= NOTHING
            ]
            text = f"{', '.join(changes)} mL" if changes else "no volume changes"
            if stage == VOLUMES and masked.out_of_range:
                text += f"; still out of range: {', '.join(masked.out_of_range)}"
            self.rows[stage].effect.setText(text)

    def _step_rows(self) -> Iterator[tuple[str, _Row]]:
        return ((name, row) for name, row in self.rows.items() if name != VOLUMES)

    def _look(self) -> None:
        for row in self.rows.values():
            if row.before is not self.sender():
                row.before.setChecked(False)
        self.stage_changed.emit()

    def _changed(self, *_: object) -> None:
        self.ranges.setVisible(self.rows[VOLUMES].box.isChecked())
        for row in self.rows.values():
            chosen = row.box.isChecked()
            row.before.setEnabled(chosen)
            if row.value is not None:
                row.value.setEnabled(chosen)
            if not chosen:
                row.before.setChecked(False)
                row.effect.hide()
        self.steps_changed.emit()
