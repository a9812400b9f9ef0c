"""Widgets for the fields of some settings, from their types, limits and descriptions."""

from contextlib import suppress
from typing import Any

from magicgui.widgets import create_widget
from magicgui.widgets.bases import ValueWidget
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QAbstractSpinBox

from napari_mcwss.base.settings import limit, shown, value_type

AUTOMATIC = "automatic"
"""Shown in place of 0, which stands for None."""

LARGEST = 100_000
"""Largest number in a field without a limit."""

BUTTONS = 44
"""Pixels inside the padding of a spin box that its buttons take in napari's themes."""


def field_widget(field: FieldInfo) -> ValueWidget:
    """Make the widget of a field with title and description, which shows the field's default."""
    kind, optional = value_type(field)
    how, tooltip = shown(field), field.description or ""
    options: dict[str, Any] = {}
    if how.choices is not None:
        choices = how.choices()
        options["choices"] = [(choice.title, name) for name, choice in choices.items()]
        tooltip = "\n".join([tooltip, *(f"{c.title}: {c.summary}" for c in choices.values())])
    elif kind is bool:
        options["text"] = field.title
    elif kind in (int, float):
        low, high = limit(field, "ge", "gt"), limit(field, "le", "lt")
        options["min"] = 0 if optional or low is None else low
        options["max"] = LARGEST if high is None else high
        if step := how.step or limit(field, "multiple_of"):
            options["step"] = step
    widget = create_widget(
        0 if optional else field.default,
        annotation=kind,
        options={**options, "tooltip": tooltip},
    )
    if optional:
        allow_automatic(widget.native)
    if how.unit:
        widget.native.setSuffix(f" {how.unit}")
    return widget


def field_value(field: FieldInfo, widget: ValueWidget) -> Any:
    """Return the value that the widget of a field shows."""
    _, optional = value_type(field)
    return (widget.value or None) if optional else widget.value


def show_value(field: FieldInfo, widget: ValueWidget, value: Any) -> None:
    """Have the widget of a field show a value; one that the widget cannot show is left out."""
    _, optional = value_type(field)
    with suppress(TypeError, ValueError):
        widget.value = 0 if optional and value is None else value


def allow_automatic(spin: QAbstractSpinBox) -> None:
    """Have a spin box show 0 as `AUTOMATIC`, and be wide enough for the word."""
    spin.setSpecialValueText(AUTOMATIC)
    # The style sheet's minimum knows neither the word nor the two buttons at the sides.
    width = spin.fontMetrics().horizontalAdvance(AUTOMATIC) + BUTTONS
    spin.setStyleSheet(f"min-width: {width}px;")
