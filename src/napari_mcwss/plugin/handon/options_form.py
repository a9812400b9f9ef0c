"""The options of an export as a form, made from their annotations."""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any, get_args

from magicgui.widgets import create_widget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLineEdit, QWidget

from napari_mcwss.export.kind import ExportKind
from napari_mcwss.plugin.shared.typed_values import numbers_in, unions_in, values_in
from napari_mcwss.study.study import Study

DEFAULT = "by default"

Read = Callable[[], Any]
"""Returns what a widget shows; raises McwssError if it cannot be read."""

_TYPED: dict[Any, Callable[[str, Study], Any]] = {
    str | None: lambda text, _: text.strip() or None,
    Sequence[int] | None: lambda text, _: numbers_in(text),
    Mapping[str, Sequence[int | str]] | None: lambda text, study: values_in(
        text, study.class_names
    ),
    Mapping[str, Sequence[str]] | None: lambda text, study: unions_in(text, study.class_names),
}
"""Types of options that the user types in one line, and how it is read."""


class OptionsForm(QWidget):  # type: ignore[misc]
    """A row for each option of a kind of export.

    Attributes
    ----------
    changed : Signal
        The user has changed a value.
    """

    changed = Signal()

    def __init__(self, kind: ExportKind, study: Study) -> None:
        super().__init__()
        self._study = study
        self._reads: dict[str, Read] = {}
        self.rows: dict[str, QWidget] = {}
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for option in kind.options:
            kind_of_value, about = get_args(option.annotation)
            widget, self._reads[option.name] = self._row(option, kind_of_value, dict(about))
            widget.setToolTip(about["tooltip"])
            self.rows[option.name] = widget
            form.addRow(about.get("label") or option.name.capitalize(), widget)

    def values(self) -> dict[str, Any]:
        """Return the options that differ from nothing; raise McwssError if one cannot be read."""
        found = {name: read() for name, read in self._reads.items()}
        return {name: value for name, value in found.items() if value not in (None, {}, [])}

    def _row(self, option: Parameter, kind: Any, about: dict[str, Any]) -> tuple[QWidget, Read]:
        if listed := about.get("study"):
            choice = QComboBox(currentIndexChanged=lambda _: self.changed.emit())
            choice.addItem(DEFAULT, None)
            for value in getattr(self._study, listed):
                choice.addItem(value, value)
            return choice, choice.currentData
        if kind in _TYPED:
            line = QLineEdit(textChanged=lambda _: self.changed.emit())
            read = _TYPED[kind]
            return line, lambda: read(line.text(), self._study)
        # The title is that of the row.
        about.pop("label", None)
        made = create_widget(annotation=kind, value=option.default, options=about)
        made.changed.connect(lambda _: self.changed.emit())
        # Qt keeps the widget, but not what reads it.
        return made.native, lambda: made.value
