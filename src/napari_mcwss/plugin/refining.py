"""The part of the results dock that chooses steps from a mask to a better one."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QGroupBox,
    QLabel,
    QToolButton,
)

from napari_mcwss.errors import McwssError
from napari_mcwss.plugin.segmenting import Masked
from napari_mcwss.segmentation.refine import DEFAULT_STEPS, KINDS, Kind, Step, parse_steps

TITLE = "Refine the mask"

NOTHING = 0.05
"""Millilitres below which a change of volume is not worth a word."""


class _Row:
    """The widgets of one kind of step.

    Parameters
    ----------
    kind : Kind
        Of the step.
    """

    def __init__(self, kind: Kind) -> None:
        unit = "" if kind.parameter is None else kind.parameter.unit
        self.box = QCheckBox(f"{kind.title} ({unit})" if unit else kind.title)
        self.box.setToolTip(kind.explanation)
        self.value: QDoubleSpinBox | None = None
        if kind.parameter is not None:
            parameter = kind.parameter
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

    Attributes
    ----------
    steps_changed : Signal
        Other steps are chosen.
    stage_changed : Signal
        Another stage of the mask is wanted on screen: see `shown_stage`.
    rows : dict of str to _Row
        By name of the kind.
    """

    steps_changed = Signal()
    stage_changed = Signal()

    def __init__(self) -> None:
        super().__init__(TITLE)
        self.rows = {name: _Row(kind) for name, kind in KINDS.items()}
        layout = QGridLayout(self)
        layout.setColumnStretch(0, 1)
        for number, row in enumerate(self.rows.values()):
            layout.addWidget(row.box, 2 * number, 0)
            if row.value is not None:
                layout.addWidget(row.value, 2 * number, 1)
                row.value.valueChanged.connect(self._changed)
            layout.addWidget(row.before, 2 * number, 2)
            layout.addWidget(row.effect, 2 * number + 1, 0, 1, 3)
            row.box.toggled.connect(self._changed)
            row.before.clicked.connect(self._look)
        self.set_steps(DEFAULT_STEPS)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The chosen steps, in their order."""
        return tuple(
            Step(name, None if row.value is None else row.value.value())
            for name, row in self.rows.items()
            if row.box.isChecked()
        )

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Choose these steps, and no others."""
        chosen = {step.name: step for step in steps}
        for name, row in self.rows.items():
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

    def shown_stage(self, masked: Masked) -> int:
        """Give the index of the stage that is wanted on screen, the last one unless asked."""
        for index, step in enumerate(masked.rules.steps):
            if self.rows[step.name].before.isChecked():
                return index
        return len(masked.stages) - 1

    def show_work(self, under_way: bool) -> None:
        """Tell whether steps are still to come."""
        self.setTitle(f"{TITLE}: under way …" if under_way else TITLE)

    def show_effects(self, masked: Masked, classes: Sequence[str]) -> None:
        """Tell what each step has done to the volumes."""
        for row in self.rows.values():
            # What is chosen but still to come keeps its line: nothing jumps below a slider.
            row.effect.setText("…")
            row.effect.setVisible(row.box.isChecked())
        for index, step in enumerate(masked.rules.steps):
            before, after = masked.volumes[index : index + 2]
            changes = [
                f"{name} {now - then:+.1f}"
                for name, then, now in zip(classes, before, after, strict=True)
                if abs(now - then) >= NOTHING
            ]
            text = f"{', '.join(changes)} mL" if changes else "no volume changes"
            self.rows[step.name].effect.setText(text)

    def _look(self) -> None:
        for row in self.rows.values():
            if row.before is not self.sender():
                row.before.setChecked(False)
        self.stage_changed.emit()

    def _changed(self, *_: object) -> None:
        for row in self.rows.values():
            chosen = row.box.isChecked()
            row.before.setEnabled(chosen)
            if row.value is not None:
                row.value.setEnabled(chosen)
            if not chosen:
                row.before.setChecked(False)
                row.effect.hide()
        self.steps_changed.emit()
