"""A list of models, each with what its training lacks."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox
from superqt.utils import signals_blocked

from napari_mcwss.study.model_states import ModelState


class ModelChoice(QComboBox):  # type: ignore[misc]
    """Lists models; those whose training was stopped say so.

    Attributes
    ----------
    model_chosen : Signal
        Name of the model that the user has chosen.
    """

    model_chosen = Signal(str)

    def __init__(self, tip: str = "") -> None:
        super().__init__(toolTip=tip)
        # A long name with all that is missing would make the dock wide.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self._tip = tip
        self.currentIndexChanged.connect(lambda _: self.model_chosen.emit(self.model))
        self.currentTextChanged.connect(self._show_tip)

    @property
    def model(self) -> str:
        """Name of the chosen model; empty if there is none."""
        return self.currentData() or ""

    def show_models(self, states: Sequence[ModelState], chosen: str) -> None:
        """List models and choose one, without a signal."""
        with signals_blocked(self):
            self.clear()
            for state in states:
                self.addItem(state.label, state.name)
            self.choose(chosen)
        self._show_tip()

    def choose(self, name: str) -> None:
        """Choose a model by its name."""
        self.setCurrentIndex(self.findData(name))

    def _show_tip(self, _: str = "") -> None:
        # What is missing may not fit into the box.
        self.setToolTip("\n".join(filter(None, (self._tip, self.currentText()))))
