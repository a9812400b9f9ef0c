"""The dock that segments scans and shows what was found."""

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_error
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.correction_box import CorrectionBox
from napari_mcwss.plugin.results.hover_line import HoverLine
from napari_mcwss.plugin.results.mask_making import MaskMaking
from napari_mcwss.plugin.results.more_maps import MoreMapsBox
from napari_mcwss.plugin.results.reference_dialog import ChooseButton, ReferenceDialog
from napari_mcwss.plugin.results.refining import RefiningBox
from napari_mcwss.plugin.results.segment_more import SegmentMore
from napari_mcwss.plugin.results.segment_one import SegmentOne
from napari_mcwss.plugin.results.segmenting import MaskResult, Result, look_up
from napari_mcwss.plugin.results.slice_scores import SliceScores
from napari_mcwss.plugin.results.stored_mask import StoredMask
from napari_mcwss.plugin.results.volumes import Volumes
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.background import Background, Job, JobOutcome
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.layers import empty_layers, show_prediction_layers, study_layers
from napari_mcwss.plugin.shared.scrolling import scroll
from napari_mcwss.plugin.shared.sliders import ratio_slider
from napari_mcwss.segmentation.masks.exclusive import GATE, THRESHOLD
from napari_mcwss.segmentation.masks.settings import MaskSettings

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


class ResultsDock(QWidget):  # type: ignore[misc]
    """Segment the scan on screen; look at CAMs and mask.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer that shows the scan.

    Attributes
    ----------
    shown : Signal
        A result came on screen, or a lookup found none: `Result` or None.
    mask_changed : Signal
        The mask of the whole scan was made anew.
    found : Result or None
        What was found in the scan on screen; its layers follow as soon as its mask is made.
    one : SegmentOne
        Segments the scan on screen.
    more : SegmentMore
        Segments others.
    """

    shown = Signal(object)
    mask_changed = Signal()

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = Session.of(napari_viewer)
        self.found: Result | None = None
        self._on_screen: Result | None = None
        self._masked: MaskResult | None = None
        self._told: str | None = None
        self._lookup = Background(self)
        self._lookup.ended.connect(self._looked_up)
        self._masks = MaskMaking(self)
        self._masks.made.connect(self._take_mask)
        self._looked_for: tuple[Study | None, str | None, str] | None = None
        self._make_widgets()
        session = self.session
        connect_until_destroyed(
            self, self._models_changed, session.study_changed, session.models_changed
        )
        connect_until_destroyed(self, self._subject_changed, session.scan_changed)
        connect_until_destroyed(self, self._tags_changed, session.tags_changed)
        self._models_changed()

    def _make_widgets(self) -> None:
        self.model = QComboBox()
        self.model.setToolTip("What it has found is shown, and with it is segmented")
        self.model.currentTextChanged.connect(self._subject_changed)
        self.one = SegmentOne(
            self.session, self.model.currentText, lambda: self._rules_with(self._tags())
        )
        self.one.segmented.connect(self._segmented)
        self.threshold = ratio_slider(THRESHOLD, self._rules_changed)
        self.threshold.setToolTip("A pixel can belong to a class from this CAM value on")
        self.choose_button = ChooseButton(self._reference_dialog)
        self.choose_button.chosen.connect(self.threshold.setValue)
        self.cam_opacity = ratio_slider(0.6, self._opacity_changed)
        self.cam_opacity.setToolTip("Of the CAM layers of all classes")
        self.mask_opacity = ratio_slider(0.5, self._opacity_changed)
        self.mask_opacity.setToolTip("Of the mask's layer")
        self.gate = QCheckBox("Only slices that the classifier finds")
        self.gate.setToolTip("A slice holds a class if its score reaches 0.5")
        self.use_tags = QCheckBox("Known tags overrule the classifier")
        self.use_tags.setToolTip(
            "A slice that is tagged holds the classes that are present, whatever their scores"
        )
        for box in (self.gate, self.use_tags):
            box.setChecked(True)
            box.toggled.connect(self._rules_changed)
        self.refining = RefiningBox()
        self.refining.steps_changed.connect(self._rules_changed)
        self.refining.stage_changed.connect(self._show_stage)
        self._masks.refining_changed.connect(self.refining.show_work)
        self.stored_mask = StoredMask(self.session)
        self.stored_mask.settings_wanted.connect(self._set_rules)
        self.volumes = Volumes()
        self.hover = HoverLine(self.session)
        self.slice_scores = SliceScores(self.session)
        self.more_maps = MoreMapsBox(self.session)
        self.correction = CorrectionBox(
            self.session, lambda: self._on_screen.model if self._on_screen else "", self._coming
        )
        self.more = SegmentMore(
            self.session,
            self.model.currentText,
            lambda: self._rules_with(None),
            self.use_tags.isChecked,
        )
        self.more.segmented.connect(self._subject_changed)

        choice = QFormLayout()
        choice.addRow("Model", self.model)
        self.settings = QWidget()
        form = QFormLayout(self.settings)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Threshold", self.threshold)
        form.addRow("", self.choose_button)
        form.addRow("CAM opacity", self.cam_opacity)
        form.addRow("Mask opacity", self.mask_opacity)
        form.addRow(self.gate)
        form.addRow(self.use_tags)
        form.addRow(self.refining)
        form.addRow(self.stored_mask)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.addLayout(choice)
        for widget in (
            self.one,
            self.more,
            self.settings,
            self.volumes,
            self.hover,
            self.slice_scores,
            self.more_maps,
            self.correction,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        scroll(self, inside)

    @property
    def rules(self) -> MaskSettings:
        """The settings on screen, with the tags as they are now.

        Damaged tags are told once, and left out: the screen must follow nevertheless.
        """
        try:
            rules = self._rules_with(self._tags())
        except McwssError as error:
            # Every step of a slider asks anew.
            if str(error) != self._told:
                self._told = str(error)
                show_error(self._told)
            return self._rules_with(None)
        self._told = None
        return rules

    def _tags(self) -> NDArray[np.int8] | None:
        study, scan = self.session.study, self.session.scan
        if study is None or scan is None or not self.use_tags.isChecked():
            return None
        return study.tags.read(scan).values

    def _rules_with(self, tags: NDArray[np.int8] | None) -> MaskSettings:
        gate = GATE if self.gate.isChecked() else None
        refining = self.refining
        return MaskSettings(self.threshold.value(), gate, tags, refining.steps, refining.volumes)

    def _set_rules(self, record: dict[str, Any]) -> None:
        """Take over the settings of a stored mask, as far as they are known."""
        self.threshold.setValue(record.get("threshold", THRESHOLD))
        self.gate.setChecked(record.get("gate", GATE) is not None)
        self.use_tags.setChecked(record.get("tags", True))
        self.refining.read_steps(record.get("steps", ""))
        self.refining.read_volumes(record.get("volumes", {}))

    def _reference_dialog(self) -> ReferenceDialog | None:
        study, found = self.session.study, self.found
        if study is None or found is None:
            return None
        return ReferenceDialog(self, study, found.model, self.rules)

    def _segmented(self, found: Result) -> None:
        if self._is_wanted(found):
            self._take(found)

    def _is_wanted(self, found: Result) -> bool:
        return (found.model, found.scan) == (self.model.currentText(), self.session.scan)

    def _models_changed(self) -> None:
        study = self.session.study
        names = [] if study is None else study.model_names()
        self.refining.ranges.set_classes(() if study is None else study.class_names)
        if names != [self.model.itemText(index) for index in range(self.model.count())]:
            new = [name for name in names if self.model.findText(name) < 0]
            chosen = new[-1] if new else self.model.currentText()
            self.model.blockSignals(True)
            self.model.clear()
            self.model.addItems(names)
            self.model.setCurrentText(chosen)
            self.model.blockSignals(False)
        # A model of the same name can be another one now: what is stored decides.
        self.found = None
        self._subject_changed()

    def _subject_changed(self, *_: object) -> None:
        """Show what is stored of the scan and the model, if that is another pair now."""
        if self.found is not None and self._is_wanted(self.found):
            return
        self._forget()
        study, scan, model = self.session.study, self.session.scan, self.model.currentText()
        if self._lookup.running:
            self._lookup.cancel()  # its end looks again
        elif study and scan and model and study.result_folder(model, scan).is_dir():
            self._looked_for = study, scan, model
            self._lookup.start(
                Job("lookup of a result", look_up(study, model, scan), lambda _: False)
            )
        self._refresh()

    def _coming(self) -> bool:
        """Tell whether a mask is on its way to the screen."""
        return self._lookup.running or self.found is not self._on_screen

    def _looked_up(self, outcome: JobOutcome) -> None:
        found = outcome.value
        present = self.session.study, self.session.scan, self.model.currentText()
        if outcome.cancelled or self._looked_for != present:
            self._subject_changed()
        elif found is not None:
            self._take(found)
        else:
            self.shown.emit(None)
        self._refresh()

    def _take(self, found: Result) -> None:
        """Have the mask made of what was found; both come on screen together."""
        self.found = found
        self._remake_mask()
        self._refresh()

    def _remake_mask(self) -> None:
        if self.found is not None:
            self._masks.make(self.found, self.rules)

    def _take_mask(self, masked: MaskResult) -> None:
        study = self.session.study
        if study is None:
            return
        self._masked = masked
        self.volumes.show_volumes(study.classes, masked.volumes[-1])
        self.refining.show_effects(masked, study.class_names)
        self.stored_mask.follow(masked, masked.rules.steps == self.refining.steps)
        if masked.found is not self._on_screen:
            self._show(masked)
        else:
            self._show_stage()

    def _show_stage(self) -> None:
        """Put the stage of the mask on screen that is wanted."""
        layer, masked = self._mask_layer(), self._masked
        if layer is not None and masked is not None and masked.found is self._on_screen:
            stage = masked.stages[self.refining.shown_stage(masked)]
            index = self.session.slice_index
            # Most often this slice has followed already, and to draw it takes longer than all else.
            seen = index is not None and np.array_equal(layer.data[index], stage[index])
            layer.data[...] = stage
            if not seen:
                _draw(layer)
            self.mask_changed.emit()

    def _show(self, masked: MaskResult) -> None:
        study, found = self.session.study, masked.found
        if study is None:
            return
        self._on_screen = found
        cams = dict(zip(found.prediction.classes, found.prediction.cams, strict=True))
        stage = masked.stages[self.refining.shown_stage(masked)].copy()
        show_prediction_layers(self.viewer, found.geometry, study.classes, cams, stage)
        self._opacity_changed()
        for part in (self.hover, self.slice_scores, self.more_maps):
            part.follow(found)
        self.correction.refresh()
        self.shown.emit(found)

    def _forget(self) -> None:
        self.found = self._on_screen = self._masked = None
        self._masks.forget()
        self.volumes.clear()
        for part in (self.hover, self.slice_scores, self.more_maps, self.stored_mask):
            part.follow(None)
        empty_layers(self.viewer, "cam", "mask")

    def _rules_changed(self, *_: object) -> None:
        """Follow at once on the slice on screen, and soon on the others."""
        if self.found is None:
            return
        rules = self.rules
        # A mask that is being made would bring the old rules back to this slice.
        self._masks.make(self.found, rules)
        layer, index = self._mask_layer(), self.session.slice_index
        # A volume is that of all slices: none can go before.
        shown = self._on_screen is self.found and not rules.volumes
        if layer is not None and index is not None and shown:
            here = slice(index, index + 1)
            layer.data[here] = self.found.mask(rules, here)
            _draw(layer)

    def _tags_changed(self, scan: str) -> None:
        if self.use_tags.isChecked() and scan == self.session.scan:
            self._rules_changed()

    def _mask_layer(self) -> Labels | None:
        return next(iter(study_layers(self.viewer, "mask")), None)

    def _opacity_changed(self, *_: object) -> None:
        for kind, slider in (
            ("cam", self.cam_opacity),
            ("map", self.cam_opacity),
            ("mask", self.mask_opacity),
        ):
            for layer in study_layers(self.viewer, kind):
                layer.opacity = slider.value()

    def _refresh(self) -> None:
        self.settings.setEnabled(self.found is not None)
        for part in (self.one, self.more, self.correction):
            part.refresh()


def _draw(layer: Labels) -> None:
    """Show other values of a layer that has changed in nothing else."""
    layer.refresh(extent=False, highlight=False)
