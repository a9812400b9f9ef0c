"""A line of text that takes no room while it is empty."""

from typing import Any

from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel


class Note(QLabel):  # type: ignore[misc]
    """A label with wrapped lines, hidden while it has no text."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(wordWrap=True, **properties)
        self.hide()

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Show a text, or nothing."""
        super().setText(text)
        self._fit()
        self.setVisible(bool(text))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep room for all lines."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # Layouts within layouts forget that a narrower label needs more lines.
        self.setMinimumHeight(self.heightForWidth(self.width()) if self.text() else 0)

    def clear(self) -> None:
        """Show nothing."""
        self.setText("")
