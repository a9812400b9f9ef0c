"""The models of a study: what they are, and renaming, removing and sharing them."""

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QTextBrowser,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.handon.share_model import ZIP, PackDialog, UnpackDialog
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.questions import agreed
from napari_mcwss.plugin.shared.rows import open_dialog, side_by_side, stack
from napari_mcwss.study.model_states import ModelState, model_states

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study

Described = tuple[str, Mapping[str, str]]
"""Name of a model, and facts about it by name."""


class ModelsDialog(QDialog):  # type: ignore[misc]
    """Describes the models of a study, and renames, removes and shares them.

    Attributes
    ----------
    models_changed : Signal
        A model was renamed, removed or added.
    """

    models_changed = Signal()

    def __init__(self, parent: QWidget, study: "Study", chosen: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.resize(640, 420)
        self._study = study
        self.models = QListWidget(wordWrap=True, currentItemChanged=self._describe)
        self.facts = QTextBrowser()
        parts = QSplitter()
        parts.addWidget(self.models)
        parts.addWidget(self.facts)
        parts.setSizes([220, 420])
        self.name = QLineEdit(textChanged=self._refresh, toolTip="A new name for this model")
        self.rename_button = QPushButton(
            "Rename", toolTip="The results are renamed, too", clicked=self.rename
        )
        self.delete_button = QPushButton(
            "Delete …", toolTip="Delete this model and its results", clicked=self.delete
        )
        self.problem = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, rejected=self.reject)
        change = side_by_side(self.name, self.rename_button, self.delete_button)
        self.pack_button = QPushButton(
            "Pack …", toolTip="Write this model into one file, to share it", clicked=self.pack
        )
        self.unpack_button = QPushButton(
            "Unpack …", toolTip="Add a model that was packed", clicked=self.ask_file
        )
        foot = side_by_side(QWidget(), self.pack_button, self.unpack_button, close)
        stack(self, parts, change, self.problem, foot, margins=True)
        self.layout().setStretch(0, 1)
        self._latest = Latest(self, "reading of a model's description")
        self._latest.answered.connect(self._show)
        self._list(chosen)

    def rename(self) -> None:
        """Give the selected model the name that was typed."""
        from napari_mcwss.training.checkpoints.managing import rename_model

        state, new = self._selected, self.name.text().strip()
        if state is not None:
            self._change(lambda: rename_model(self._study, state.name, new), new)

    def delete(self) -> None:
        """Ask, then remove the selected model."""
        from napari_mcwss.training.checkpoints.managing import remove_model

        state = self._selected
        if state is None:
            return
        text = (
            f"Delete the model {state.name} and all its results? This cannot be undone. Tags and "
            "corrected masks stay."
        )
        if agreed(self, "Delete a model", text, "Delete", destroys=True):
            self._change(lambda: remove_model(self._study, state.name), "")

    def pack(self) -> None:
        """Ask for a file, and write the selected model into it."""
        state = self._selected
        if state is not None:
            open_dialog(PackDialog(self, self._study, state.name))

    def ask_file(self) -> None:
        """Ask for the file of a packed model, and add it to the study."""
        name, _ = QFileDialog.getOpenFileName(self, "Unpack", "", ZIP)
        if name:
            dialog = UnpackDialog(self, self._study, Path(name))
            dialog.unpacked.connect(self._take_unpacked)
            open_dialog(dialog)

    def _take_unpacked(self, model: str) -> None:
        self._list(model)
        self.models_changed.emit()

    @property
    def _selected(self) -> ModelState | None:
        item = self.models.currentItem()
        return None if item is None else item.data(Qt.ItemDataRole.UserRole)

    def _change(self, work: Callable[[], None], chosen: str) -> None:
        problem = ""
        try:
            work()
        except McwssError as error:
            problem = str(error)
        else:
            self._list(chosen)
            self.models_changed.emit()
        self.problem.setText(problem)

    def _list(self, chosen: str) -> None:
        self.models.clear()
        for state in model_states(self._study):
            item = QListWidgetItem(state.label)
            item.setData(Qt.ItemDataRole.UserRole, state)
            self.models.addItem(item)
            if state.name == chosen:
                self.models.setCurrentItem(item)
        if self.models.currentItem() is None and self.models.count():
            self.models.setCurrentRow(self.models.count() - 1)
        self._describe()

    def _describe(self, *_: object) -> None:
        study, state = self._study, self._selected
        self.problem.clear()
        self.name.setText("" if state is None else state.name)
        self.facts.clear()
        self._refresh()
        if state is None:
            self._latest.forget()
            return

        def read() -> Described:
            # This loads torch, which takes seconds.
            from napari_mcwss.training.checkpoints.records import read_run

            run = read_run(study, state.name)
            notes = {"note": run.info.shortcoming, "choice": run.info.choice}
            return state.name, {"state": state.lack or "finished", **notes, **run.facts}

        self._latest.ask(read)

    def _show(self, described: Described) -> None:
        name, facts = described
        if self._selected is not None and self._selected.name == name:
            rows = (
                f"<tr><td>{escape(fact)}&nbsp;&nbsp;</td><td>{escape(text)}</td></tr>"
                for fact, text in facts.items()
                if text
            )
            self.facts.setHtml(f"<table>{''.join(rows)}</table>")

    def _refresh(self, *_: object) -> None:
        state, new = self._selected, self.name.text().strip()
        self.delete_button.setEnabled(state is not None)
        self.pack_button.setEnabled(state is not None)
        self.rename_button.setEnabled(state is not None and new not in ("", state.name))
