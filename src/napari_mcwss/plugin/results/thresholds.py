"""The slider of the threshold, and the class for which it holds."""

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QComboBox
from superqt.utils import signals_blocked

from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.shared.sliders import ratio_slider
from napari_mcwss.segmentation.masks.exclusive import THRESHOLD


class Thresholds(QObject):  # type: ignore[misc]
    """Sets the threshold of all classes, or of one.

    Attributes
    ----------
    slider : QLabeledDoubleSlider
        The threshold.
    classes : QComboBox
        All classes, or a class, with its threshold if it has one of its own.
    """

    def __init__(self, state: ResultState) -> None:
        super().__init__(state)
        self._state = state
        self.slider = ratio_slider(THRESHOLD, self._changed)
        self.slider.setToolTip("Lowest CAM value at which a pixel can belong to the class")
        self.classes = QComboBox(
            toolTip="Whose threshold the slider sets. That of all classes takes the place of those "
            "that classes have of their own",
            currentIndexChanged=self._show,
        )
        state.classes_changed.connect(self._list)
        state.settings_restored.connect(self._show)
        self._list()

    def set_all(self, value: float) -> None:
        """Give all classes the same threshold."""
        self._state.change(threshold=value, thresholds={})
        self._show()

    def _list(self) -> None:
        with signals_blocked(self.classes):
            self.classes.clear()
            self.classes.addItem("all classes", "")
            for name in self._state.classes:
                self.classes.addItem(name, name)
        self._show()

    def _show(self) -> None:
        settings, chosen = self._state.settings, self.classes.currentData()
        with signals_blocked(self.slider):
            self.slider.setValue(settings.thresholds.get(chosen, settings.threshold))
        self._name()

    def _name(self) -> None:
        """Show beside the names of classes which thresholds of their own they have."""
        own = self._state.settings.thresholds
        for index, name in enumerate(self._state.classes, 1):
            text = f"{name}: {own[name]:.2f}" if name in own else name
            self.classes.setItemText(index, text)

    def _changed(self, value: float) -> None:
        name = self.classes.currentData()
        if name:
            self._state.change(thresholds={**self._state.settings.thresholds, name: value})
        else:
            self._state.change(threshold=value, thresholds={})
        self._name()
