"""A list of models, each with what its training lacks."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from superqt.utils import signals_blocked

from napari_mcwss.plugin.shared.elided_combo_box import ElidedComboBox
from napari_mcwss.study.model_states import ModelState


class ModelChoice(ElidedComboBox):
    """Lists models; those whose training was stopped say so.

    Attributes
    ----------
    model_chosen : Signal
        Name of the model that the user has chosen.
    """

    model_chosen = Signal(str)

    def __init__(self, tip: str = "") -> None:
        super().__init__(tip)
        self.currentIndexChanged.connect(lambda _: self.model_chosen.emit(self.model))

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
        self.show_tip()

    def choose(self, name: str) -> None:
        """Choose a model by its name."""
        self.setCurrentIndex(self.findData(name))
