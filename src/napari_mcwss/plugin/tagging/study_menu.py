"""The ways to a study: what an empty dock offers, and a menu once a study is open."""

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMenu, QPushButton, QWidget

from napari_mcwss.plugin.shared.rows import row, stack

WELCOME = """
<p><b>From tags of slices to segmentations</b></p>
<p>1. <b>Make a study.</b> Choose a folder with a sub-folder for each scan, or drop it here, and
name the classes to look for. The scans stay where they are.</p>
<p>2. <b>Tag slices.</b> Say which classes are on a slice and which are not; draw nothing.</p>
<p>3. <b>Train and look.</b> The Training dock learns from the tags where each class is, the Results
dock shows it.</p>
"""


class Welcome(QWidget):  # type: ignore[misc]
    """Explains the three steps and offers ways to begin; for a dock without a study."""

    def __init__(
        self,
        new: Callable[[], object],
        open_: Callable[[], object],
        layers: Callable[[], object],
        sample: Callable[[], object],
    ) -> None:
        super().__init__()
        self.text = QLabel(WELCOME, wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self.new_button = QPushButton(
            "New study …",
            toolTip="Choose scans and name classes; the scans stay where they are",
            clicked=lambda: new(),
        )
        self.open_button = QPushButton(
            "Open study …",
            toolTip="Choose the folder of an existing study",
            clicked=lambda: open_(),
        )
        self.layers_button = QPushButton(
            "Use the open layers …",
            toolTip="Make a study of the image layers in the list",
            clicked=lambda: layers(),
        )
        self.sample_button = QPushButton(
            "Try sample data",
            toolTip="Open a generated scan of a brain tumour, as File > Open Sample does",
            clicked=lambda: sample(),
        )
        stack(
            self,
            self.text,
            row(self.new_button, self.open_button),
            row(self.layers_button, self.sample_button),
        )
        self.layout().addStretch(1)


class StudyMenu(QPushButton):  # type: ignore[misc]
    """A button with a menu: another study, or changes of this one."""

    def __init__(
        self,
        new: Callable[[], object],
        open_: Callable[[], object],
        add: Callable[[], object],
        change: Callable[[], object],
        layers: Callable[[], object],
    ) -> None:
        super().__init__("Study", toolTip="Change this study, make or open another one")
        menu = QMenu(self)
        self.add_action = menu.addAction("Add scans …", lambda: add())
        self.change_action = menu.addAction("Change name, classes, scans …", lambda: change())
        menu.addSeparator()
        self.new_action = menu.addAction("New study …", lambda: new())
        self.open_action = menu.addAction("Open study …", lambda: open_())
        self.layers_action = menu.addAction("Use the open layers …", lambda: layers())
        self.setMenu(menu)
