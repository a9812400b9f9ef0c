"""What the docks of one viewer share: the study and the scan on screen."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.session.acts import Acts
from napari_mcwss.plugin.session.correcting import Correcting
from napari_mcwss.plugin.session.known_files import KnownFiles
from napari_mcwss.plugin.session.radiological_view import RadiologicalView
from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.session.tag_saving import TagSaving
from napari_mcwss.plugin.shared.layers import remove_study_layers, show_scan_layers
from napari_mcwss.study.study import Study
from napari_mcwss.tags.changes import Change, with_changes
from napari_mcwss.tags.history import UndoStep

if TYPE_CHECKING:
    from napari_mcwss.tags.table import TagTable


class Session:
    """The study that is open in one viewer.

    Docks call the session and listen to its signals; they do not know each other.
    Use it in the main thread only.

    Attributes
    ----------
    study_opened : Signal
        Another study was opened: forget what was chosen and shown of the one before.
        `study_changed` follows.
    study_changed : Signal
        A study was opened, or its scans or classes were changed.
    scan_changed : Signal
        Another scan is on screen; with its name.
    tags_changed : Signal
        Tags of a scan were changed; with its name.
    models_changed : Signal
        A model was trained or removed.
    results_changed : Signal
        A result or a mask of a scan was stored; with its name.
    known : KnownFiles or None
        What the study has, as it was when somebody last looked.
    place_wanted : Signal
        A slice is to be shown; with the scan, whose voxels are not read yet, and its index.
    results_wanted : Signal
        The results of a model are to be looked at; with its name.
    training_wanted : Signal
        A model is to be trained with the masks that were corrected.
    planes_changed : Signal
        Other planes are shown beside the main view.
    table : TagTable or None
        The tags of the scan on screen, with those that wait to be saved; None if
        there is no scan or its tags are damaged.
    damage : str
        Why the tags cannot be read; empty if they can.
    read_only : str
        Why tags cannot be changed, as while another program changes them; empty if
        they can.
    planes_beside : tuple of int or None
        Axes z, y, x (0, 1, 2) that the planes beside the main view cut; None if
        their dock is not shown.
    window_closed : bool
        Whether the window is closed, so that layers cannot be removed.
    """

    study_opened = Signal()
    study_changed = Signal()
    scan_changed = Signal(str)
    tags_changed = Signal(str)
    models_changed = Signal()
    results_changed = Signal(str)
    place_wanted = Signal(str, int)
    results_wanted = Signal(str)
    training_wanted = Signal()
    planes_changed = Signal()

    _sessions: ClassVar["WeakKeyDictionary[Viewer, Session]"] = WeakKeyDictionary()

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.study: Study | None = None
        self.known: KnownFiles | None = None
        self._known_is_new = False
        # First, so that all others who listen look again.
        for changed in (self.models_changed, self.study_changed):
            changed.connect(self._forget_known)
        self.scan: str | None = None
        self.table: TagTable | None = None
        self.damage = ""
        self.read_only = ""
        self.saving = TagSaving()
        self.order = ScanOrder()
        self.correcting = Correcting(self)
        self.acts = Acts(self)
        self._view = RadiologicalView(self)
        self.planes_beside: tuple[int, ...] | None = None
        self.window_closed = False
        self._counted_millimetres = self.in_millimetres
        self._to_be_drawn_again = False
        if "units" in viewer.dims.events.emitters:  # since napari 0.9
            viewer.dims.events.units.connect(self._units_changed)

    @classmethod
    def of(cls, viewer: Viewer) -> "Session":
        """Return the session of a viewer, the same for all docks."""
        if viewer not in cls._sessions:
            cls._sessions[viewer] = cls(viewer)
        return cls._sessions[viewer]

    def open(self, study: Study, known: KnownFiles | None = None) -> None:
        """Open a study, of which `show` shows a scan; its files may have been looked at before."""
        self.close()
        self.study = study
        self.acquire_lock()
        self.known, self._known_is_new = known or KnownFiles(study), True
        self.study_opened.emit()
        self.study_changed.emit()

    def _forget_known(self) -> None:
        if self.known is not None and not self._known_is_new:
            self.known.forget()
        self._known_is_new = False

    def acquire_lock(self) -> None:
        """Acquire the lock on the study's tags; `read_only` says why if that fails."""
        if self.study is None or self.study.tags.lock.held:
            return
        try:
            self.study.tags.acquire_lock()
        except McwssError as error:
            self.read_only = str(error)
        else:
            self.read_only = ""
            # The other program may have saved newer tags than those on screen.
            self._read_tags()

    def close(self) -> None:
        """Close the study and release the lock on its tags."""
        self._leave_scan()
        if not self.window_closed:
            remove_study_layers(self.viewer)
            self._view.refresh()
        if self.saving.waiting:
            self.saving.retry()
        if self.study is not None and self.study.tags.lock.held:
            try:
                self.study.tags.lock.release()
            except McwssError as error:
                show_error(str(error))
        self.study, self.known, self.read_only = None, None, ""

    def show(self, scan: str) -> None:
        """Show a scan of the study.

        Read its voxels before, in a thread: reading them here takes seconds.
        """
        if self.study is None or scan == self.scan:
            return
        self._leave_scan()
        source = self.study.scan(scan)
        show_scan_layers(self.viewer, source)
        self.scan = scan
        self._view.refresh()
        self._read_tags()
        self.go_to(source.slices // 2)
        self.scan_changed.emit(scan)

    @property
    def slice_index(self) -> int | None:
        """The slice on screen along the slice axis, z; None where no plane shows one.

        It is computed from the position in millimetres: napari's own index counts
        in steps of the finest layer.
        """
        dims = self.viewer.dims
        if self.study is None or self.scan is None or dims.ndim < 3 or dims.ndisplay != 2:
            return None
        if self._to_be_drawn_again or not self.in_millimetres:
            return None
        axial = tuple(dims.displayed) == (dims.ndim - 2, dims.ndim - 1)
        if not axial and 0 not in (self.planes_beside or ()):
            return None
        geometry = self.study.scan(self.scan).geometry
        index = round(dims.point[dims.ndim - 3] / geometry.spacing[0])
        return index if 0 <= index < geometry.shape[0] else None

    @property
    def in_millimetres(self) -> bool:
        """Whether the sliders count millimetres: a layer in micrometres makes all count these."""
        # None where the layers' units are of different kinds, which napari then ignores, as it
        # always did before 0.9.
        units = getattr(self.viewer.dims, "units", None) or ()
        return all(str(unit) == "millimeter" for unit in units[-3:-2])

    def _units_changed(self) -> None:
        before, self._counted_millimetres = self._counted_millimetres, self.in_millimetres
        if self._counted_millimetres and not before and self.scan is not None:
            # Not within napari's change of units: it would take both moves for none.
            self._to_be_drawn_again = True
            QTimer.singleShot(0, self._draw_again)

    def _draw_again(self) -> None:
        """Draw the slices where the sliders are: napari does not when units change."""
        self._to_be_drawn_again = False
        dims = self.viewer.dims
        if dims.ndim >= 3:
            axis = dims.ndim - 3
            point, (start, stop, _) = dims.point[axis], dims.range[axis]
            dims.set_point(axis, start if point > start else stop)
            dims.set_point(axis, point)

    def go_to(self, slice_index: int) -> None:
        """Show a slice of the scan."""
        if self.study is not None and self.scan is not None:
            spacing = self.study.scan(self.scan).geometry.spacing
            self.viewer.dims.set_point(self.viewer.dims.ndim - 3, slice_index * spacing[0])

    def set_planes_beside(self, axes: tuple[int, ...] | None) -> None:
        """Note which axes the planes beside the main view cut; None without them."""
        if axes != self.planes_beside:
            self.planes_beside = axes
            self.planes_changed.emit()

    def reset_view(self) -> None:
        """Turn the view so that it shows the slices that are tagged."""
        dims = self.viewer.dims
        dims.ndisplay, dims.order = 2, tuple(range(dims.ndim))

    def change_tags(self, changes: Sequence[Change]) -> None:
        """Change tags of the scan on screen, as one step.

        They are on the disk before they are shown, or `saving` says why not.
        """
        if self.study is None or self.scan is None or self.table is None or self.read_only:
            return
        self.table = with_changes(self.table, changes)
        self.saving.save(self.study.tags, self.scan, changes)
        self.acts.note_tags()
        self.tags_changed.emit(self.scan)

    def reload_tags(self, scans: Iterable[str]) -> None:
        """Show tags that were changed on the disk, as by an import."""
        changed = tuple(scans)
        if self.scan in changed:
            self._read_tags()
        for scan in changed:
            self.tags_changed.emit(scan)

    def show_step(self, step: UndoStep) -> None:
        """Show a step that was undone or redone on the disk."""
        self.saving.note_saved()
        self.reload_tags(step.changes)
        if self.scan in step.changes:
            changed = {change.slice_index for change in step.changes[self.scan]}
            here = self.slice_index or 0
            self.go_to(min(changed, key=lambda index: (abs(index - here), index)))

    def _read_tags(self) -> None:
        self.table, self.damage = None, ""
        if self.study is None or self.scan is None:
            return
        try:
            self.table = self.saving.latest(self.study.tags, self.scan)
        except McwssError as error:
            self.damage = str(error)

    def _leave_scan(self) -> None:
        """Release the scan on screen and its voxels, and write its tags into the csv file.

        Call it before its layers are changed: each change of a layer changes the
        view, for which a dock might show a button, so that Qt paints half-removed
        layers and OpenGL crashes.
        """
        self.correcting.save_painted()
        self.compact_tags()
        if self.study is not None and self.scan is not None:
            self.study.scan(self.scan).release()
        self.scan, self.table, self.damage = None, None, ""

    def save_all(self) -> None:
        """Save all tags and masks of the study now.

        Raises
        ------
        McwssError
            If some are still in memory only.
        """
        if self.study is None:
            return
        masks = self.correcting.saving
        self.correcting.save_painted()
        masks.finish()
        self.saving.retry()
        if self.study.tags in self.saving.unsaved():
            raise McwssError(f"tags are not saved: {self.saving.problem}")
        if masks.unsaved(self.study):
            raise McwssError(f"a corrected mask is not saved: {masks.problem}")

    def compact_tags(self) -> None:
        """Write the tags of the scan on screen into its csv file."""
        if self.study is None or self.scan is None:
            return
        try:
            self.study.tags.compact(self.scan)
        except McwssError as error:
            show_error(self.order.hide(str(error)))
