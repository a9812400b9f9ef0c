"""The dialog that changes the name, the classes and the scans of a study."""

from collections.abc import Callable, Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import check_names
from napari_mcwss.base.text import counted, names_text
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.shared.questions import agreed
from napari_mcwss.plugin.shared.rows import ok_cancel, stack
from napari_mcwss.plugin.study.class_table import ClassTable
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag, TagTable


class ChangeStudyDialog(QDialog):  # type: ignore[misc]
    """Changes a study as soon as it is accepted, except for its name.

    To have its new name, the study has to be closed. `save` saves tags and masks before, which
    are by the names and in the order of the classes until then, or raises an error.
    """

    def __init__(
        self,
        parent: QWidget,
        study: Study,
        tables: Mapping[str, TagTable],
        order: ScanOrder,
        save: Callable[[], None],
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Change the study")
        self.resize(520, 560)
        self._study, self._save = study, save
        self._tags = {
            name: sum(table.count(name)[tag] for table in tables.values() for tag in _KNOWN)
            for name in study.class_names
        }
        self.name = QLineEdit(study.folder.name, toolTip="The name of the study's folder")
        self.class_table = ClassTable(study.classes, self._tags)
        self.scans = QListWidget()
        self.scans.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        for scan in order.names:
            item = QListWidgetItem(order.label(scan))
            item.setData(Qt.ItemDataRole.UserRole, scan)
            self.scans.addItem(item)
        self.remove_button = QPushButton(
            "Remove the selected scans",
            toolTip="From the study; their files, tags and results stay",
            clicked=self._remove_scans,
        )
        self._removed: list[str] = []
        self.reason = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.buttons, self.ok_button = ok_cancel(self, "Change")
        form = QFormLayout()
        form.addRow("Name", self.name)
        form.addRow("Classes", self.class_table)
        form.addRow("Scans", self.scans)
        form.addRow("", self.remove_button)
        stack(self, form, self.reason, self.buttons, margins=True)

    @property
    def new_name(self) -> str:
        """The name that was typed."""
        return str(self.name.text()).strip()

    def accept(self) -> None:
        """Change classes and scans, and close; if that fails, show why and stay open."""
        try:
            self._check()
            if self._agreed():
                self._save()
                self._change()
                super().accept()
        except McwssError as error:
            self.reason.setText(str(error))

    def _check(self) -> None:
        from napari_mcwss.training.checkpoints.unfinished import refuse_while_training

        refuse_while_training(self._study)
        if self.new_name != self._study.folder.name:
            check_names("study", [self.new_name])
            if self._study.folder.with_name(self.new_name).exists():
                raise McwssError(
                    f"there is a folder {self.new_name!r} already: choose another name"
                )

    def _agreed(self) -> bool:
        """Ask, if classes with tags or scans are to be removed."""
        gone = [name for name in self._study.class_names if name not in self.class_table.kept]
        tagged = [f"{name} ({counted(self._tags[name], 'tag')})" for name in gone]
        parts = [names_text(tagged)] if any(self._tags[name] for name in gone) else []
        if self._removed:
            parts.append(counted(len(self._removed), "scan"))
        if not parts:
            return True
        text = (
            f"Remove {' and '.join(parts)} from the study? Tags, masks and results stay in its "
            "folder, and are there again once you add the same class or scan."
        )
        return agreed(self, "Change the study", text, "Remove")

    def _change(self) -> None:
        study, classes = self._study, self.class_table
        shown = [spec.model_copy(update={"former": ()}) for spec in study.classes]
        if classes.renamed or classes.classes != shown:
            study.change_classes(classes.classes, renamed=classes.renamed)
        if self._removed:
            study.remove_scans(self._removed)

    def _remove_scans(self) -> None:
        for item in self.scans.selectedItems():
            self._removed.append(item.data(Qt.ItemDataRole.UserRole))
            self.scans.takeItem(self.scans.row(item))


_KNOWN = Tag.PRESENT, Tag.ABSENT
