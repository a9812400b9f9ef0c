"""What the docks of one viewer share: the study and the scan on screen."""

from typing import ClassVar
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from psygnal import Signal

from napari_mcwss.errors import McwssError
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
        """Open a study; `show` brings a scan of it on screen."""
        self.leave_scan()
        self.study = study
        self.study_changed.emit()

    def show(self, scan: str) -> None:
        """Bring a scan of the study on screen.

        Its voxels should have been read before, beside the screen: reading
        them here takes seconds.
        """
        if self.study is None or scan == self.scan:
            return
        self.leave_scan()
        source = self.study.scan(scan)
        show_scan_layers(self.viewer, source)
        self.scan = scan
        self.go_to(source.slices // 2)
        self.scan_changed.emit(scan)

    @property
    def slice_index(self) -> int | None:
        """The slice on screen along the slice axis, z; None where the view shows none.

        It is read off the position in millimetres: napari counts its steps by
        whichever layer has the finest.
        """
        dims = self.viewer.dims
        if self.study is None or self.scan is None or dims.ndim < 3 or dims.ndisplay != 2:
            return None
        if tuple(dims.displayed) != (dims.ndim - 2, dims.ndim - 1):
            return None
        geometry = self.study.scan(self.scan).geometry
        index = round(dims.point[dims.ndim - 3] / geometry.spacing[0])
        return index if 0 <= index < geometry.shape[0] else None

    def go_to(self, slice_index: int) -> None:
        """Bring a slice of the scan on screen."""
        if self.study is not None and self.scan is not None:
            spacing = self.study.scan(self.scan).geometry.spacing
            self.viewer.dims.set_point(self.viewer.dims.ndim - 3, slice_index * spacing[0])

    def tag(self, class_name: str, tag: Tag) -> None:
        """Tag the slice on screen; where the view shows none, nothing is tagged.

        Raises
        ------
        McwssError
            If the tag cannot be kept.
        """
        where = self.slice_index
        if self.study is None or self.scan is None or where is None:
            return
        self.study.tag(self.scan, where, class_name, tag)
        self.tags_changed.emit(self.scan)

    def leave_scan(self) -> None:
        """Take the scan off the screen and forget its voxels; its tags go into the csv file."""
        remove_study_layers(self.viewer, "scan", "cam", "mask")
        self.fold_tags()
        if self.study is not None and self.scan is not None:
            self.study.scan(self.scan).release()
        self.scan = None

    def fold_tags(self) -> None:
        """Bring the csv file of the scan on screen up to date."""
        if self.study is None or self.scan is None:
            return
        try:
            self.study.fold_tags(self.scan)
        except McwssError as error:
            show_error(str(error))
