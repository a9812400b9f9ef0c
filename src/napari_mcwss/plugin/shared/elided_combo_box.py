"""A list to choose from that takes no more width than there is."""

from qtpy.QtCore import Qt
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

LEAST = 10
"""Characters for which there is always room."""


class ElidedComboBox(QComboBox):  # type: ignore[misc]
    """Ends a text that does not fit with an ellipsis, and shows it whole as its tooltip.

    A plain one would make its dock, and with it the window, as wide as the longest text.
    """

    def __init__(self, tip: str = "") -> None:
        super().__init__(toolTip=tip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(LEAST)
        self._tip = tip
        self.currentTextChanged.connect(self.show_tip)

    def show_tip(self, _: str = "") -> None:
        """Add the chosen text to the tooltip."""
        self.setToolTip("\n".join(filter(None, (self._tip, self.currentText()))))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the text with an ellipsis where it does not fit."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        edit = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideRight, edit.width() - 6
        )
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
