"""The dock that segments scans and shows the results."""

from functools import partial

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFormLayout, QPushButton, QSizePolicy, QWidget
from superqt.utils import signals_blocked

from napari_mcwss.plugin.handon.export_dialog import ExportDialog
from napari_mcwss.plugin.results.correction.correction_box import CorrectionBox
from napari_mcwss.plugin.results.hover_line import HoverLine
from napari_mcwss.plugin.results.models_dialog import ModelsDialog
from napari_mcwss.plugin.results.more_maps import MoreMapsBox
from napari_mcwss.plugin.results.reference_dialog import ChooseButton
from napari_mcwss.plugin.results.refining import RefiningBox
from napari_mcwss.plugin.results.result_layers import ResultLayers
from napari_mcwss.plugin.results.segment_more import SegmentMore
from napari_mcwss.plugin.results.segment_one import SegmentOne
from napari_mcwss.plugin.results.slice_scores import SliceScores
from napari_mcwss.plugin.results.state import ResultState
from napari_mcwss.plugin.results.stored_mask import StoredMask
from napari_mcwss.plugin.results.thresholds import Thresholds
from napari_mcwss.plugin.results.volumes import Volumes
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.docking import Dock
from napari_mcwss.plugin.shared.model_choice import ModelChoice
from napari_mcwss.plugin.shared.note import Note
from napari_mcwss.plugin.shared.rows import dock_of, open_dialog, side_by_side, stack
from napari_mcwss.plugin.shared.scrolling import scroll
from napari_mcwss.plugin.shared.sliders import ratio_slider
from napari_mcwss.segmentation.masks.exclusive import GATE


class ResultsDock(Dock):
    """Segment the scan on screen, look at CAMs and mask, and refine the mask."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = Session.of(napari_viewer)
        self.state = ResultState(self.session, self)
        # First, so that the other widgets find the layers of a new result.
        self.layers = ResultLayers(self.state)
        self._make_widgets()
        self.state.changed.connect(self._refresh)
        self.state.models_changed.connect(self._list_models)
        self.state.settings_restored.connect(self._show_settings)
        self.state.cleared.connect(self.layers.clear)  # when no widget needs them any more
        connect_until_destroyed(self, self._come_forward, self.session.results_wanted)
        self.state.follow_study()

    def _make_widgets(self) -> None:
        state = self.state
        self.model = ModelChoice("The model whose results are shown, and with which you segment")
        self.model.model_chosen.connect(state.choose_model)
        self.models_button = QPushButton(
            "Models …",
            toolTip="Describe, rename, delete and share models",
            clicked=self.show_models,
        )
        self.export_button = QPushButton(
            "Export …",
            toolTip="Write results for other programs, figures, or a report",
            clicked=self.show_export,
        )
        self.model_note = Note()
        # Its words would make the dock wider.
        self.model_note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.one = SegmentOne(state)
        self.more = SegmentMore(state)
        self.thresholds = Thresholds(state)
        self.threshold = self.thresholds.slider
        self.choose_button = ChooseButton(state)
        self.choose_button.chosen.connect(self.thresholds.set_all)
        self.cam_opacity = ratio_slider(0.6, partial(self.layers.set_opacity, "cam"))
        self.cam_opacity.setToolTip("Opacity of the CAM layers of all classes")
        self.mask_opacity = ratio_slider(0.5, partial(self.layers.set_opacity, "mask"))
        self.mask_opacity.setToolTip("Opacity of the mask layer")
        self.gate = QCheckBox(
            "Only slices that the classifier finds",
            toolTip="A slice holds a class if its score reaches 0.5",
            checked=True,
            toggled=lambda on: state.change(gate=GATE if on else None),
        )
        self.use_tags = QCheckBox(
            "Known tags overrule the classifier",
            toolTip="A tagged slice holds the classes tagged present, whatever their scores",
            checked=True,
            toggled=state.set_use_tags,
        )
        self.refining = RefiningBox(state)
        self.stored_mask = StoredMask(state)
        self.volumes = Volumes(state)
        self.hover = HoverLine(state)
        self.slice_scores = SliceScores(state)
        self.more_maps = MoreMapsBox(state)
        self.correction = CorrectionBox(state)
        choice = QFormLayout()
        choice.addRow("Model", side_by_side(self.model, self.models_button))
        choice.addRow(self.model_note)
        self.settings = QWidget()
        form = QFormLayout(self.settings)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Threshold", self.threshold)
        form.addRow("", side_by_side(self.thresholds.classes, self.choose_button))
        form.addRow("CAM opacity", self.cam_opacity)
        form.addRow("Mask opacity", self.mask_opacity)
        for widget in (self.gate, self.use_tags, self.refining, self.stored_mask):
            form.addRow(widget)
        inside = QWidget()
        stack(
            inside,
            choice,
            self.one,
            self.more,
            self.settings,
            self.volumes,
            self.export_button,
            self.hover,
            self.slice_scores,
            self.more_maps,
            self.correction,
            margins=True,
        )
        inside.layout().addStretch(1)
        stack(self, scroll(inside))

    def _come_forward(self, model: str) -> None:
        """Show the results of a model, in front of the other docks."""
        self.model.choose(model)
        dock = dock_of(self)
        if dock is not None:
            dock.show()
            dock.raise_()

    def show_models(self) -> None:
        """Show the models of the study, to rename or delete some."""
        study = self.session.study
        if study is not None:
            dialog = ModelsDialog(self, study, self.state.model)
            dialog.models_changed.connect(self.session.models_changed.emit)
            open_dialog(dialog)

    def show_export(self) -> None:
        """Ask what to export and where to; the window can be used meanwhile."""
        study = self.session.study
        if study is not None:
            dialog = ExportDialog(self, self.session, study, self.state.model, self.stored_mask)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.show()

    def _list_models(self) -> None:
        self.model.show_models(self.state.models, self.state.model)

    def _show_settings(self) -> None:
        settings = self.state.settings
        with signals_blocked(self.gate, self.use_tags):
            self.gate.setChecked(settings.gate is not None)
            self.use_tags.setChecked(self.state.use_tags)

    def _refresh(self) -> None:
        self.settings.setEnabled(self.state.result is not None)
        lack = next((m.lack for m in self.state.models if m.name == self.state.model), "")
        self.model_note.setText(f"This model is not finished: {lack}." if lack else "")
        self.models_button.setEnabled(self.session.study is not None)
        self.export_button.setEnabled(bool(self.state.models))
