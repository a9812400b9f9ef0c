"""What the docks of one viewer share: the study and the scan on screen."""

from typing import ClassVar
from weakref import WeakKeyDictionary

from napari.viewer import Viewer
from psygnal import Signal

from napari_mcwss.plugin.layers import remove_study_layers, show_scan_layers
from napari_mcwss.project import Study
from napari_mcwss.tags.table import Tag


class Session:
    """The study that is open in one viewer.

    Docks act on the session and listen to its signals; none knows another.
    All of it belongs to the main thread.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose layers show the scan.

    Attributes
    ----------
    study_changed : Signal
        A study was opened, or its scans or classes have changed.
    scan_changed : Signal
        Another scan is on screen, by its name.
    tags_changed : Signal
        Tags of a scan have changed, by its name.
    models_changed : Signal
        A model was trained or removed.
    """

    study_changed = Signal()
    scan_changed = Signal(str)
    tags_changed = Signal(str)
    models_changed = Signal()

    _sessions: ClassVar["WeakKeyDictionary[Viewer, Session]"] = WeakKeyDictionary()

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.study: Study | None = None
        self.scan: str | None = None

    @classmethod
    def of(cls, viewer: Viewer) -> "Session":
        """Give the session of a viewer, the same one to every dock."""
        return cls._sessions.setdefault(viewer, cls(viewer))

    def open(self, study: Study) -> None:
        """Show a study: its first scan comes on screen."""
        remove_study_layers(self.viewer)
        self.study, self.scan = study, None
        self.study_changed.emit()
        if study.scan_names:
            self.show(study.scan_names[0])

    def show(self, scan: str) -> None:
        """Bring a scan of the study on screen; its voxels are read by the caller's thread."""
        if self.study is None or scan == self.scan:
            return
        remove_study_layers(self.viewer)
        show_scan_layers(self.viewer, self.study.scan(scan))
        self.scan = scan
        self.scan_changed.emit(scan)

    @property
    def slice_index(self) -> int:
        """The slice on screen along the slice axis, z."""
        return int(self.viewer.dims.current_step[0])

    def tag(self, class_name: str, tag: Tag, slice_index: int | None = None) -> None:
        """Tag a slice of the scan on screen, the current one by default.

        Raises
        ------
        McwssError
            If the tag cannot be kept.
        """
        if self.study is None or self.scan is None:
            return
        where = self.slice_index if slice_index is None else slice_index
        self.study.tag(self.scan, where, class_name, tag)
        self.tags_changed.emit(self.scan)
