"""The dialog that makes a study, or adds scans to one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, names_in
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.plugin.shared.rows import side_by_side, stack
from napari_mcwss.plugin.study.scan_table import ScanTable
from napari_mcwss.plugin.study.study_dialog import StudyDialog
from napari_mcwss.scans.default_channels import channels_of, default_channels
from napari_mcwss.scans.finding import find_scans, find_stacks, scans_among
from napari_mcwss.scans.formats.analyze import with_header
from napari_mcwss.scans.formats.registry import dialog_filter
from napari_mcwss.study.study import Study

NO_CHANNELS = "Name the channels as in the ends of the file names."


@dataclass(frozen=True)
class _Scans:
    """The scans that were found, or why they cannot be used.

    `stacks` says whether there are folders of pictures, which may be the slices of one scan.
    """

    channels: tuple[str, ...] = ()
    files: dict[str, list[Path]] = field(default_factory=dict)
    reason: str = ""
    stacks: bool = False


class ScansDialog(StudyDialog):
    """Asks for scans, shows which file is which channel, and makes or extends a study.

    Parameters
    ----------
    parent : QWidget
        The window to lie on.
    study : Study, optional
        The study to add scans to; by default, a new one is made.
    sources : sequence of Path
        Folders of scans, or files, to start with.
    """

    def __init__(
        self, parent: QWidget, study: Study | None = None, sources: Sequence[Path] = ()
    ) -> None:
        texts = ("New study", "Make study") if study is None else ("Add scans", "Add")
        super().__init__(parent, *texts)
        self._new = study is None
        self._extended = study
        self._sources: tuple[Path, ...] = ()
        self._guessing = False
        self._searched: tuple[str, ...] | None = None
        self._scans: _Scans | None = None
        self._search = Latest(self, "search for scans")
        self._search.answered.connect(self._take_scans)
        self.resize(760, 520)
        self._make_widgets()
        if study is not None:
            self.channels.setText(", ".join(study.channels))
            self.channels.setEnabled(False)
        self.set_sources(list(sources))

    def _make_widgets(self) -> None:
        self.source_label = QLabel("none chosen")
        folder_button = QPushButton("Folder …", clicked=self._ask_folder)
        files_button = QPushButton("Files …", clicked=self._ask_files)
        self.channels.setPlaceholderText("such as t1c, flair")
        for line in (self.channels, self.classes, self.study_folder):
            line.textChanged.connect(self.refresh)
        self.table = ScanTable()
        self.stacks = QCheckBox(
            "The pictures in a folder are the slices of one scan",
            toolTip="In the order of their names; else each picture is a scan or a channel",
            toggled=self._search_anew,
        )

        form = self._form = QFormLayout()
        form.addRow("Scans", side_by_side(self.source_label, folder_button, files_button))
        form.addRow("", self.stacks)
        form.setRowVisible(self.stacks, False)
        form.addRow("Channels", self.channels)
        if self._new:
            form.addRow("Classes", self.classes)
            button = self.study_folder.choose_button
            form.addRow("Study folder", side_by_side(self.study_folder, button))
        stack(self, form, self.table, self.reason, self.buttons, margins=True)

    def set_sources(self, sources: Sequence[Path]) -> None:
        """Search folders of scans, or files; guess the channels of a new study."""
        self._sources = tuple(dict.fromkeys(map(with_header, sources)))
        self.stacks.blockSignals(True)
        self.stacks.setChecked(False)
        self.stacks.blockSignals(False)
        self._form.setRowVisible(self.stacks, False)
        if sources:
            more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
            self.source_label.setText(f"{sources[0]}{more}")
        if self._new and sources:
            first = sources[0]
            self.study_folder.propose((first if first.is_dir() else first.parent).name)
        self._search_anew()

    def _search_anew(self) -> None:
        """Search, and guess the channels of a new study."""
        self._searched = None
        if self._new and self._sources:
            self._set_channels(())
            self._guessing = True
        self.refresh()

    def refresh(self) -> None:
        """Show the scans that the files make, or what is missing."""
        channels = tuple(names_in(self.channels.text()))
        # Channels that the user enters meanwhile replace the guess.
        self._guessing = self._guessing and not channels
        reason = ""
        if not self._sources:
            reason = "Choose a folder with a sub-folder or a file for each scan, or files."
        elif not channels and not self._guessing:
            reason = NO_CHANNELS
        if reason:
            self._searched = None
            self._search.forget()
            self._show_scans(_Scans(channels))
        elif channels != self._searched:
            self._searched, self._scans = channels, None
            stacks = self.stacks.isChecked()
            self._search.ask(partial(_search, self._sources, channels, stacks=stacks))
        if not reason:
            reason = self._missing()
        self.reason.setText(reason or counted(len(self._found), "scan"))
        self.ok_button.setEnabled(not reason)

    @property
    def _found(self) -> dict[str, list[Path]]:
        return {} if self._scans is None else self._scans.files

    def _missing(self) -> str:
        if wrong := self.wrongly_separated():
            return wrong
        if self._scans is None:
            return "Looking for scans …"
        if self._scans.reason or not self._new:
            return self._scans.reason
        if not names_in(self.classes.text()):
            return "Name at least one class to look for."
        if not self.study_folder.text().strip():
            return "Choose a folder for the study."
        return ""

    def _take_scans(self, scans: _Scans) -> None:
        if self._guessing and scans.channels:
            self._set_channels(scans.channels)
            self._searched = scans.channels
        self._show_scans(scans)
        self.refresh()

    def _set_channels(self, channels: Sequence[str]) -> None:
        """Enter channels without starting a search."""
        self.channels.blockSignals(True)
        self.channels.setText(", ".join(channels))
        self.channels.blockSignals(False)

    def accept(self) -> None:
        """Make the study or add the scans; if that fails, show why and stay open."""
        found, extended = self._found, self._extended
        folder = Path(self.study_folder.text().strip()).expanduser()
        channels, classes = names_in(self.channels.text()), names_in(self.classes.text())

        def create() -> Study:
            if extended is None:
                return Study.create(folder, scans=found, channels=channels, classes=classes)
            extended.add_scans(found)
            return extended

        self.make("reading of the scans' headers", create)

    def _show_scans(self, scans: _Scans) -> None:
        self._scans = scans
        self._form.setRowVisible(self.stacks, scans.stacks)
        self.table.show_scans(scans.files, scans.channels)

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of scans")
        if folder:
            self.set_sources([Path(folder)])

    def _ask_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Files of scans", "", dialog_filter())
        if files:
            self.set_sources([Path(file) for file in files])


def _search(sources: Sequence[Path], channels: Sequence[str], *, stacks: bool) -> _Scans:
    """Find the scans; guess the channels if none are named."""
    found: dict[str, list[Path]] = {}
    try:
        folders = [path for path in sources if path.is_dir()]
        found = _united(find_stacks(folder) for folder in folders)
        if stacks:
            return _Scans(tuple(channels) or tuple(channels_of(found)), found, stacks=True)
        channels = channels or default_channels(sources)
        if not channels:
            return _Scans(reason=NO_CHANNELS, stacks=bool(found))
        return _Scans(tuple(channels), _find(sources, channels), stacks=bool(found))
    except McwssError as error:
        # The dialog shows it; a notification would lie behind the dialog.
        reason = str(error)
    except OSError as error:
        reason = f"cannot look into '{error.filename}': {error.strerror}"
    return _Scans(tuple(channels), reason=reason, stacks=bool(found))


def _find(sources: Sequence[Path], channels: Sequence[str]) -> dict[str, list[Path]]:
    files = [path for path in sources if not path.is_dir()]
    found = scans_among(files, files[0].parent.name, channels) if files else {}
    folders = (path for path in sources if path.is_dir())
    return _united([found, *(find_scans(folder, channels) for folder in folders)])


def _united(parts: Iterable[dict[str, list[Path]]]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for more in parts:
        twice = sorted(found.keys() & more.keys())
        if twice:
            raise McwssError(f"scan {twice[0]} occurs twice: rename one, or add them separately")
        found |= more
    return found
