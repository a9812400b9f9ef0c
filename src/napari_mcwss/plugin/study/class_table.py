"""The classes of a study in a table that changes them."""

from collections.abc import Mapping, Sequence
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QHeaderView,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_mcwss.plugin.shared.rows import row, stack
from napari_mcwss.study.description import ClassSpec, class_specs

NAME, COLOUR, PRIORITY, TAGS = range(4)
_OLD = Qt.ItemDataRole.UserRole


class ClassTable(QWidget):  # type: ignore[misc]
    """Adds, renames, recolours, reorders and removes classes; nothing is written.

    Attributes
    ----------
    changed : Signal
        A class was changed.
    """

    changed = Signal()

    def __init__(self, classes: Sequence[ClassSpec], tags: Mapping[str, int]) -> None:
        super().__init__()
        self._tags = tags
        self.table = QTableWidget(0, 4)
        self.table.setHorizontalHeaderLabels(["Class", "Colour", "Priority", "Tags"])
        self.table.horizontalHeader().setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.table.itemChanged.connect(self.changed)
        self.add_button = QPushButton("Add", clicked=self.add)
        self.remove_button = QPushButton("Remove", clicked=self.remove)
        self.up_button = QPushButton("Up", clicked=partial(self.move_by, -1))
        self.down_button = QPushButton("Down", clicked=partial(self.move_by, 1))
        buttons = self.add_button, self.remove_button, self.up_button, self.down_button
        stack(self, self.table, row(*buttons))
        for spec in classes:
            self._insert(self.table.rowCount(), spec, spec.name)
        self.table.selectRow(0)

    @property
    def names(self) -> list[str]:
        """The names as they are typed now, in their order."""
        return [self.table.item(row, NAME).text().strip() for row in range(self.table.rowCount())]

    @property
    def renamed(self) -> dict[str, str]:
        """Old names to the new ones, where they differ."""
        pairs = zip(self._before, self.names, strict=True)
        return {old: new for old, new in pairs if old not in ("", new)}

    @property
    def kept(self) -> set[str]:
        """Old names of the classes that are still there."""
        return {*self._before} - {""}

    @property
    def _before(self) -> list[str]:
        """The old name of each row; empty for new ones."""
        return [self.table.item(row, NAME).data(_OLD) for row in range(self.table.rowCount())]

    @property
    def classes(self) -> list[str | ClassSpec]:
        """The classes as `Study.change_classes` takes them: without a colour, a name alone."""
        return [self._class(index) for index in range(self.table.rowCount())]

    def _class(self, index: int) -> str | ClassSpec:
        name = self.names[index]
        colour = self.table.cellWidget(index, COLOUR).text()
        priority = self.table.cellWidget(index, PRIORITY).value()
        if not colour and not priority:
            return name
        colours = [self.table.cellWidget(row, COLOUR).text() for row in range(len(self.names))]
        shown = [ClassSpec(name=name, colour=other) for other in colours if other]
        (made,) = class_specs([name], existing=shown)
        return made.model_copy(update={"colour": colour or made.colour, "priority": priority})

    def add(self) -> None:
        """Add a row, and let its name be typed."""
        index = self.table.rowCount()
        self._insert(index, "", "")
        self.table.selectRow(index)
        self.table.editItem(self.table.item(index, NAME))
        self.changed.emit()

    def remove(self) -> None:
        """Remove the selected row."""
        if self.table.currentRow() >= 0:
            self.table.removeRow(self.table.currentRow())
            self.changed.emit()

    def move_by(self, step: int, *_: object) -> None:
        """Move the selected row up (-1) or down (1)."""
        index = self.table.currentRow()
        other = index + step
        if index < 0 or not 0 <= other < self.table.rowCount():
            return
        moved, old = self._class(index), self.table.item(index, NAME).data(_OLD)
        self.table.removeRow(index)
        self._insert(other, moved, old)
        self.table.selectRow(other)
        self.changed.emit()

    def _insert(self, index: int, shown: str | ClassSpec, old: str) -> None:
        spec = shown if isinstance(shown, ClassSpec) else None
        self.table.insertRow(index)
        name = QTableWidgetItem(shown if spec is None else spec.name)
        name.setData(_OLD, old)
        self.table.setItem(index, NAME, name)
        colour = QPushButton("" if spec is None else spec.colour)
        colour.clicked.connect(partial(self._ask_colour, colour))
        _paint(colour)
        self.table.setCellWidget(index, COLOUR, colour)
        tip = "Where two classes are found, the one of higher priority is shown"
        priority = QSpinBox(minimum=-(2**31), maximum=2**31 - 1, toolTip=tip)
        priority.setValue(0 if spec is None else spec.priority)
        self.table.setCellWidget(index, PRIORITY, priority)
        tags = QTableWidgetItem(str(self._tags.get(old, 0)))
        tags.setFlags(Qt.ItemFlag.ItemIsSelectable)
        self.table.setItem(index, TAGS, tags)

    def _ask_colour(self, button: QPushButton, *_: object) -> None:
        chosen = QColorDialog.getColor(
            QColor(button.text() or "#ffffff"), self, "Colour of a class"
        )
        if chosen.isValid():
            button.setText(chosen.name())
            _paint(button)
            self.changed.emit()


def _paint(button: QPushButton) -> None:
    """Show a colour behind its code; a new class gets one of the palette unless one is chosen."""
    colour = QColor(button.text())
    if not colour.isValid():
        button.setToolTip("Chosen from the palette")
        return
    ink = "black" if colour.lightness() > 110 else "white"
    button.setToolTip("Choose a colour")
    button.setStyleSheet(f"background: {colour.name()}; color: {ink}")
