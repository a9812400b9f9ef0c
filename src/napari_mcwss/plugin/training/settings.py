"""The form that says what to train, how and where."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from napari_mcwss.plugin.shared.devices import DeviceChoice
from napari_mcwss.plugin.shared.rows import row
from napari_mcwss.training.config import (
    DEFAULT_EPOCHS,
    DEFAULT_PATIENCE,
    TrainingConfig,
    training_config,
)

PRESETS = {
    "local": "local",
    "mcwss (the paper's)": "mcwss",
    "published (to compare)": "published",
}
AUTOMATIC = "automatic"
UNITS = {"epochs": "epochs", "minutes": "minutes", "until it stops improving": "patience"}
"""What a length can be, and the setting that it is."""


class TrainingSettings(QWidget):  # type: ignore[misc]
    """What the next training is to be.

    Attributes
    ----------
    name : QLineEdit
        Of the model.
    trust : QCheckBox
        Whether the second stage learns from corrected masks that were called right.
    separate : QCheckBox
        Whether to train in a process of its own.
    changed : Signal
        Something is set otherwise that shapes the training.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name = QLineEdit()
        self.name.setToolTip("What the model is to be called, and its folder in the study")
        self.preset = QComboBox()
        self.preset.addItems(list(PRESETS))
        self.preset.setToolTip(
            "local: keeps the network from explaining a tag by the surroundings, the default.\n"
            "mcwss: the paper's network and losses, corrected.\n"
            "published: the paper's as they were published, to compare with"
        )
        self.refine = QCheckBox("Refine")
        self.refine.setToolTip(
            "A second stage of the same length learns from the masks that the first one makes"
        )
        self.trust = QCheckBox("From corrected masks")
        self.trust.setToolTip(
            "The second stage takes masks as they are that were corrected in the Results dock and "
            "called right"
        )
        self.trust.toggled.connect(self._trust_changed)
        self.refine.toggled.connect(self._refine_changed)
        self.length = QSpinBox()
        self.length.setRange(0, 100_000)
        self.length.setSpecialValueText(AUTOMATIC)
        self.length.setToolTip(
            f"{AUTOMATIC.capitalize()}: {DEFAULT_EPOCHS} epochs, more if the slices are few.\n"
            "Until it stops improving: how many epochs without gain it waits for a better one, "
            f"{AUTOMATIC}: {DEFAULT_PATIENCE}"
        )
        self.unit = QComboBox()
        self.unit.addItems(list(UNITS))
        self.unit.setToolTip(self.length.toolTip())
        self.width_choice = QSpinBox()
        self.width_choice.setRange(1, 256)
        self.width_choice.setValue(16)
        self.width_choice.setToolTip("Features of the network's first block: more is slower")
        self.pixel = QDoubleSpinBox()
        self.pixel.setRange(0, 10)
        self.pixel.setSpecialValueText(AUTOMATIC)
        self.pixel.setSingleStep(0.5)
        self.pixel.setSuffix(" mm")
        self.pixel.setToolTip(
            f"Pixels that the network reads. {AUTOMATIC.capitalize()}: those of the scans, "
            "but not below 1 mm; 2 mm is about four times as fast"
        )
        self.device = DeviceChoice()
        self.separate = QCheckBox("Separate process")
        self.separate.setToolTip(
            "Train in a program of its own: it can go on when napari is closed, and gives all "
            "memory back when it ends. It takes some seconds to start"
        )
        self.device.currentIndexChanged.connect(self._separate_for_several)
        for choice in (self.preset, self.unit, self.device):
            choice.currentTextChanged.connect(self.changed)
        for number in (self.length, self.width_choice, self.pixel):
            number.valueChanged.connect(self.changed)
        self.refine.toggled.connect(self.changed)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Model", self.name)
        form.addRow("Method", self.preset)
        form.addRow("Second stage", row(self.refine, self.trust))
        form.addRow("Length", row(self.length, self.unit))
        form.addRow("Width", self.width_choice)
        form.addRow("Pixels", self.pixel)
        form.addRow("Device", row(self.device, self.separate))

    def _separate_for_several(self) -> None:
        """Several GPUs take a process each, none of which can be napari's own."""
        several = self.device.ranks > 1
        self.separate.setChecked(several or self.separate.isChecked())
        self.separate.setEnabled(not several)

    def _trust_changed(self, trusted: bool) -> None:
        # Masks are for the second stage alone.
        if trusted:
            self.refine.setChecked(True)

    def _refine_changed(self, refined: bool) -> None:
        if not refined:
            self.trust.setChecked(False)

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.name.text()).strip()

    @property
    def config(self) -> TrainingConfig:
        """The settings on screen.

        Raises
        ------
        McwssError
            If they are no valid configuration.
        """
        unit = UNITS[self.unit.currentText()]
        automatic = DEFAULT_PATIENCE if unit == "patience" else None
        return training_config(
            preset=PRESETS[self.preset.currentText()],
            refine=self.refine.isChecked(),
            width=self.width_choice.value(),
            pixel=self.pixel.value() or None,
            device=self.device.device,
            **{unit: self.length.value() or automatic},
        )
