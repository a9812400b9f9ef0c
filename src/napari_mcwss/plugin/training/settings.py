"""The form for the settings of a training."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from napari_mcwss.base.settings import shown
from napari_mcwss.model.presets.registry import learns_from_masks
from napari_mcwss.plugin.shared.devices import DeviceChoice
from napari_mcwss.plugin.shared.rows import row, side_by_side
from napari_mcwss.plugin.training.forms import (
    AUTOMATIC,
    LARGEST,
    allow_automatic,
    field_value,
    field_widget,
    show_value,
)
from napari_mcwss.training.config import (
    DEFAULT_EPOCHS,
    DEFAULT_PATIENCE,
    TrainingConfig,
    training_config,
)

UNITS = {"epochs": "epochs", "minutes": "minutes", "until it stops improving": "patience"}
"""Units of a length, and the settings that they stand for."""


class TrainingSettings(QWidget):  # type: ignore[misc]
    """The settings of the next training, most of them generated from `TrainingConfig`.

    `fields` has magicgui's widgets by name; `changed` tells of a setting that shapes the training.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name = QLineEdit(toolTip="Name of the model and of its folder in the study")
        self.fields = {
            name: field_widget(field)
            for name, field in TrainingConfig.model_fields.items()
            if shown(field).form
        }
        self.trust = QCheckBox(
            "From corrected masks",
            toolTip="Learn from masks that were corrected in the Results dock and marked as right, "
            "and take them unchanged. The methods auto and features learn from them at once; "
            "others need a second stage for that",
        )
        self.length = QSpinBox(
            maximum=LARGEST,
            toolTip=f"{AUTOMATIC.capitalize()}: {DEFAULT_EPOCHS} epochs, more if the slices are "
            "few.\nUntil it stops improving: the number of epochs without improvement to wait, "
            f"{AUTOMATIC}: {DEFAULT_PATIENCE}.\nThe method features, and the choice that auto "
            "makes, take their own time before",
        )
        allow_automatic(self.length)
        self.unit = QComboBox(toolTip=self.length.toolTip())
        self.unit.addItems(list(UNITS))
        self.device = DeviceChoice()
        self.separate = QCheckBox(
            "Separate process",
            toolTip="Train in a program of its own: it can go on when napari is closed, and frees "
            "all memory when it ends. It takes some seconds to start",
        )
        self.template = QLineEdit(
            placeholderText="e.g. ssh gpu01 {command}",
            toolTip="Empty: on this computer. Else a command of yours that has another computer "
            "train, such as\nssh gpu01 {command}\nsbatch --gres=gpu:1 --wrap {command}\n"
            "The study has to lie under the same path there, and napari-mcwss be installed",
        )
        self._lay_out()
        self.separate.toggled.connect(self._show_template)
        self._show_template(self.separate.isChecked())
        self.trust.toggled.connect(self._add_second_stage)
        self.trust.toggled.connect(self.changed)
        self.fields["preset"].changed.connect(self._add_second_stage)
        self.fields["refine"].native.toggled.connect(self._second_stage_toggled)
        self.device.currentIndexChanged.connect(self._separate_for_several)
        for widget in self.fields.values():
            widget.changed.connect(self._tell)
        for choice in (self.unit, self.device):
            choice.currentTextChanged.connect(self.changed)
        self.length.valueChanged.connect(self.changed)

    def _lay_out(self) -> None:
        rows = {
            "refine": ("Masks", row(self.trust, self.fields["refine"].native)),
            "epochs": ("Length", row(self.length, self.unit)),
            "width": ("Width", self._beside("width", "pixel")),
            "device": ("Device", row(self.device, self.separate)),
        }
        self._form = form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Model", self.name)
        for name, field in TrainingConfig.model_fields.items():
            if name in rows:
                form.addRow(*rows[name])
                if name == "device":
                    form.addRow("Run by", self.template)
            elif name in self.fields and name != "pixel":
                form.addRow(field.title, self.fields[name].native)

    def _show_template(self, separate: bool) -> None:
        """Offer to train elsewhere only in a process of its own."""
        for widget in (self.template, self._form.labelForField(self.template)):
            widget.setVisible(separate)

    def _beside(self, first: str, second: str) -> QWidget:
        """Put two fields in one row, which saves height."""
        label = QLabel(TrainingConfig.model_fields[second].title)
        line = side_by_side(self.fields[first].native, label, self.fields[second].native)
        line.layout().setStretch(2, 1)
        return line

    def _add_second_stage(self, *_: object) -> None:
        """Add one if masks are to be learnt from, and the method itself does not."""
        if self.trust.isChecked() and not learns_from_masks(self.fields["preset"].value):
            self.fields["refine"].value = True

    def _second_stage_toggled(self, on: bool) -> None:
        """Leave the masks out if nothing else learns from them."""
        if not on and not learns_from_masks(self.fields["preset"].value):
            self.trust.setChecked(False)

    def _tell(self) -> None:
        self.changed.emit()

    def _separate_for_several(self) -> None:
        """Several GPUs take a process each, none of which can be napari's own."""
        several = self.device.ranks > 1
        self.separate.setChecked(several or self.separate.isChecked())
        self.separate.setEnabled(not several)

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.name.text()).strip()

    @property
    def config(self) -> TrainingConfig:
        """The settings on screen; a McwssError if they are not a valid configuration."""
        unit = UNITS[self.unit.currentText()]
        automatic = DEFAULT_PATIENCE if unit == "patience" else None
        return training_config(
            **{
                name: field_value(TrainingConfig.model_fields[name], widget)
                for name, widget in self.fields.items()
            },
            device=self.device.device,
            **{unit: self.length.value() or automatic},
        )

    @property
    def runner(self) -> dict[str, Any]:
        """Where to train: in a ``separate`` process, and by which ``template`` of the user's."""
        separate = self.separate.isChecked()
        template = self.template.text().strip() if separate else ""
        return {"separate": separate, "template": template}

    def show_settings(self, settings: Mapping[str, Any]) -> None:
        """Show the settings of another training, by the names of `TrainingConfig`.

        Settings that have no widget, or values that one cannot show, are left out.
        """
        for name, widget in self.fields.items():
            if name in settings:
                show_value(TrainingConfig.model_fields[name], widget, settings[name])
        self.length.setValue(0)
        self.unit.setCurrentIndex(0)
        # Of several, the last one decides: epochs are no limit beside patience.
        for unit, name in UNITS.items():
            if settings.get(name) is not None:
                self.unit.setCurrentText(unit)
                with suppress(TypeError, ValueError, OverflowError):
                    self.length.setValue(round(settings[name]))
        for index in range(self.device.count()):
            if self.device.itemData(index) == (settings.get("device"), 1):
                self.device.setCurrentIndex(index)
        self.separate.setChecked(bool(settings.get("separate", self.separate.isChecked())))
        if isinstance(template := settings.get("template"), str):
            self.template.setText(template)
