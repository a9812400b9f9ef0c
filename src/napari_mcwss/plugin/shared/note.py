"""A line of text that takes no room while it is empty."""

from typing import Any

from qtpy.QtWidgets import QLabel


class Note(QLabel):  # type: ignore[misc]
    """A label with wrapped lines, hidden while it has no text."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(wordWrap=True, **properties)
        self.hide()

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Show a text, or nothing."""
        super().setText(text)
        self.setVisible(bool(text))

    def clear(self) -> None:
        """Show nothing."""
        self.setText("")
