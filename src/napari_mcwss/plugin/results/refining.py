"""The part of the Results dock that chooses the steps that refine a mask."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QGroupBox, QLabel, QToolButton
from superqt.utils import signals_blocked

from napari_mcwss.measurement.sizes import amount_text
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.results.volume_ranges import VolumeRanges
from napari_mcwss.segmentation.masks.settings import VOLUMES
from napari_mcwss.segmentation.masks.step_kind import Parameter
from napari_mcwss.segmentation.masks.steps import STEP_KINDS, Step

if TYPE_CHECKING:
    from napari_mcwss.plugin.results.segmenting import Result

TITLE = "Refine the mask"

NOTHING = 0.05
"""Changes of volume below this, in mL, are not told."""

PIXEL = 0.0005
"""The same for pictures, below one pixel."""


def _changes(result: "Result", before: Sequence[float], after: Sequence[float]) -> str:
    """Describe changes of the volumes of classes."""
    in_mm = result.geometry.in_mm
    changes = [
        f"{name} {amount_text(now - then, in_mm=in_mm, sign='+')}"
        for name, then, now in zip(result.prediction.classes, before, after, strict=True)
        if abs(now - then) >= (NOTHING if in_mm else PIXEL)
    ]
    return ", ".join(changes) or "changes no volume"


class _Row:
    """The widgets of one kind of step, or of the ranges of volumes before all steps."""

    def __init__(self, title: str, explanation: str, parameter: Parameter | None = None) -> None:
        unit = "" if parameter is None else parameter.unit
        self.box = QCheckBox(f"{title} ({unit})" if unit else title, toolTip=explanation)
        self.value: QDoubleSpinBox | None = None
        if parameter is not None:
            self.value = QDoubleSpinBox(
                decimals=2,
                minimum=parameter.low,
                maximum=parameter.high,
                singleStep=0.05 if parameter.high <= 1 else 0.5,
                value=parameter.default,
                toolTip=parameter.meaning[0].upper() + parameter.meaning[1:],
                keyboardTracking=False,  # a typed number counts when it is complete
            )
        self.before = QToolButton(
            text="Before",
            checkable=True,
            toolTip="Show the mask as it is before this step, without it and those below; click "
            "again to see the mask after all steps",
        )
        self.effect = QLabel(wordWrap=True)


class RefiningBox(QGroupBox):  # type: ignore[misc]
    """A row for each kind of step: on or off, its number, its effect, and the mask before it.

    `rows` are named as in `MaskSettings.step_names`; the first one keeps volumes in known ranges,
    which comes before all steps.
    """

    def __init__(self, state: ResultState) -> None:
        super().__init__(TITLE)
        self._state = state
        self.rows = {
            VOLUMES: _Row(
                "Keep volumes in a range",
                "For known volumes: in each scan, the threshold of a class is moved just far "
                "enough that its volume, with the classes inside it, lies in the range",
            )
        }
        for name, kind in STEP_KINDS.items():
            self.rows[name] = _Row(kind.title, kind.explanation, kind.parameter)
        self.ranges = VolumeRanges()
        self.ranges.changed.connect(self._changed)
        layout = QGridLayout(self)
        layout.setColumnStretch(0, 1)
        for number, (name, row) in enumerate(self.rows.items()):
            layout.addWidget(row.box, 3 * number, 0)
            if row.value is not None:
                layout.addWidget(row.value, 3 * number, 1)
                row.value.valueChanged.connect(self._changed)
            layout.addWidget(row.before, 3 * number, 2)
            layout.addWidget(row.effect, 3 * number + 1, 0, 1, 3)
            row.box.toggled.connect(self._changed)
            row.before.clicked.connect(partial(self._look, name))
        layout.addWidget(self.ranges, 2, 0, 1, 3)
        state.classes_changed.connect(lambda: self.ranges.set_classes(state.classes))
        state.settings_restored.connect(self._show_settings)
        state.making.refining_changed.connect(self._show_work)
        for signal in (state.shown, state.mask_changed):
            signal.connect(self._show_effects)
        self._show_settings()

    def _show_settings(self) -> None:
        settings = self._state.settings
        chosen = {step.name: step for step in settings.steps}
        for name, row in self._step_rows():
            with signals_blocked(row.box):
                row.box.setChecked(name in chosen)
            if row.value is not None and name in chosen:
                with signals_blocked(row.value):
                    row.value.setValue(chosen[name].value or 0.0)
        box = self.rows[VOLUMES].box
        with signals_blocked(box, self.ranges):
            box.setChecked(bool(settings.volumes))
            self.ranges.set_ranges(settings.volumes)
        self._refresh()

    def _show_work(self, under_way: bool) -> None:
        self.setTitle(f"{TITLE}: under way …" if under_way else TITLE)

    def _show_effects(self) -> None:
        """Tell what each step has done to the volumes."""
        state, mask = self._state, self._state.mask
        if mask is None:
            return
        for name, row in self.rows.items():
            # The line of a step that is still to come stays: nothing jumps below a slider.
            given = name != VOLUMES or state.settings.volumes
            row.effect.setText("…" if given else "no range is given")
            row.effect.setVisible(row.box.isChecked())
        for index, name in enumerate(mask.settings.step_names):
            before, after = mask.volumes[index : index + 2]
            text = _changes(mask.result, before, after)
            if name == VOLUMES and mask.out_of_range:
                text += f"; still out of range: {', '.join(mask.out_of_range)}"
            self.rows[name].effect.setText(text)

    def _step_rows(self) -> Iterator[tuple[str, _Row]]:
        return ((name, row) for name, row in self.rows.items() if name != VOLUMES)

    def _look(self, name: str, checked: bool) -> None:
        """Show the mask before this step alone, or after all again."""
        for other, row in self.rows.items():
            row.before.setChecked(checked and other == name)
        self._state.show_before(name if checked else None)

    def _changed(self) -> None:
        self._refresh()
        steps = tuple(
            Step(name, None if row.value is None else row.value.value())
            for name, row in self._step_rows()
            if row.box.isChecked()
        )
        volumes = self.ranges.ranges if self.rows[VOLUMES].box.isChecked() else {}
        self._state.change(steps=steps, volumes=volumes)

    def _refresh(self) -> None:
        self.ranges.setVisible(self.rows[VOLUMES].box.isChecked())
        for name, row in self.rows.items():
            chosen = row.box.isChecked()
            row.before.setEnabled(chosen)
            row.before.setChecked(chosen and self._state.before == name)
            if row.value is not None:
                row.value.setEnabled(chosen)
            if not chosen:
                row.effect.hide()
                if self._state.before == name:
                    self._state.before = None
