"""What the widgets of the Results dock share: model, mask settings, result and mask."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from napari.utils.notifications import show_error
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.plugin.results.mask_making import MaskMaking
from napari_mcwss.plugin.results.segmenting import MaskResult, Result, look_up
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.connections import connect_until_destroyed
from napari_mcwss.plugin.shared.latest import Latest
from napari_mcwss.segmentation.masks.exclusive import GATE, THRESHOLD
from napari_mcwss.segmentation.masks.settings import THRESHOLDS, MaskSettings
from napari_mcwss.segmentation.masks.steps import parse_steps
from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges
from napari_mcwss.study.model_states import ModelState, default_model


class ResultState(QObject):  # type: ignore[misc]
    """A model, its result in the scan on screen, and the mask made of it by some settings.

    Widgets read the attributes and connect to the signals. Those that show layers connect first:
    slots are called in this order.

    Attributes
    ----------
    changed : Signal
        Model, scan or result have changed, or a lookup has begun or ended.
    settings_changed : Signal
        The settings have changed, as `MaskSettings` with tags; a mask by them is being made.
    settings_restored : Signal
        Those of the stored mask are the settings now: widgets show them.
    shown, mask_changed : Signal
        Another result is on screen, with its mask; or the same with another mask.
    step_changed : Signal
        `shown_mask` is the mask after another step.
    settings : MaskSettings
        The chosen settings, without tags.
    use_tags : bool
        Whether known tags overrule the classifier.
    before : str or None
        Step before which the mask is shown; None after all.
    result, mask : Result, MaskResult or None
        The result of the model in the scan, which comes on screen with its mask; the mask there.
    """

    changed = Signal()
    models_changed = Signal()
    classes_changed = Signal()
    settings_changed = Signal(object)
    settings_restored = Signal()
    shown = Signal()
    mask_changed = Signal()
    step_changed = Signal()
    cleared = Signal()

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.models: tuple[ModelState, ...] = ()
        self.classes: tuple[str, ...] = ()
        self.model = ""
        self.settings = MaskSettings()
        self.use_tags = True
        self.before: str | None = None
        self.result: Result | None = None
        self.mask: MaskResult | None = None
        self._told: str | None = None
        # Until the user changes settings, each result comes with those of its stored mask.
        self._own_settings = False
        self._lookup = Latest(self, "lookup of a result")
        self._lookup.answered.connect(self._looked_up)
        self._lookup.failed.connect(self.changed)
        self.making = MaskMaking(self)
        self.making.made.connect(self._take_mask)
        connect_until_destroyed(self, self._forget_study, session.study_opened)
        connect_until_destroyed(
            self, self.follow_study, session.study_changed, session.models_changed
        )
        connect_until_destroyed(self, self.look, session.scan_changed)
        connect_until_destroyed(self, self._tags_changed, session.tags_changed)

    @property
    def on_screen(self) -> Result | None:
        """The result whose CAMs and mask are on screen."""
        return None if self.mask is None else self.mask.result

    @property
    def pending(self) -> bool:
        """Whether a mask is on its way to the screen."""
        return self._lookup.waiting or self.result is not self.on_screen

    @property
    def shown_mask(self) -> NDArray[np.uint8] | None:
        """The mask after the last step, or before the step that the user looks at."""
        if self.mask is None:
            return None
        names = self.mask.settings.step_names
        return self.mask.after_steps[names.index(self.before) if self.before in names else -1]

    @property
    def shown_settings(self) -> MaskSettings:
        """The settings with the tags as they are now.

        Damaged tags are told once, and left out: the screen has to follow all the same.
        """
        try:
            settings = self.tagged_settings()
        except McwssError as error:
            # Every step of a slider asks anew.
            if str(error) != self._told:
                self._told = str(error)
                show_error(self._told)
            return self.settings
        self._told = None
        return settings

    def tagged_settings(self) -> MaskSettings:
        """Return the settings with the tags as they are now; raise McwssError if damaged."""
        study, scan = self.session.study, self.session.scan
        if study is None or scan is None or not self.use_tags:
            return self.settings
        return replace(self.settings, tags=study.tags.read(scan).values)

    def choose_model(self, name: str) -> None:
        """Choose a model, and look for its result in the scan on screen."""
        self.model = name
        self.look()

    def set_use_tags(self, use_tags: bool) -> None:
        """Choose whether known tags overrule the classifier."""
        self._own_settings = True
        self.use_tags = use_tags
        self._remake_mask()

    def change(self, **fields: Any) -> None:
        """Change some of the settings; the mask follows."""
        self._own_settings = True
        self.settings = replace(self.settings, **fields)
        self._remake_mask()

    def restore(self, record: dict[str, Any]) -> None:
        """Take over the settings of a `MaskSettings.record`, except what cannot be read."""
        steps, volumes = self.settings.steps, {}
        with suppress(McwssError):
            steps = parse_steps(record.get("steps", ""))
        with suppress(McwssError):
            texts = [f"{name}={text}" for name, text in record.get("volumes", {}).items()]
            volumes = parse_ranges(texts, self.classes)
        threshold, gate = record.get("threshold", THRESHOLD), record.get("gate", GATE)
        self._own_settings = False
        own = record.get(THRESHOLDS, {})
        thresholds = {name: own[name] for name in self.classes if name in own}
        self.settings = MaskSettings(threshold, gate, None, steps, volumes, thresholds)
        self.use_tags = record.get("tags", True)
        self.settings_restored.emit()
        self._remake_mask()

    def show_before(self, step: str | None) -> None:
        """Show the mask before a step; None for the mask after all steps."""
        self.before = step
        self.step_changed.emit()

    def _forget_study(self) -> None:
        """Begin anew with another study, whose models may have the same names."""
        self.models, self.model, self._own_settings = (), "", False
        self.settings, self.use_tags, self.before = MaskSettings(), True, None
        self.models_changed.emit()
        self.settings_restored.emit()

    def follow_study(self) -> None:
        """Take over models and classes of the study; a new model that is finished is chosen."""
        study, known = self.session.study, self.session.known
        models = () if known is None else tuple(known.states)
        classes = () if study is None else study.class_names
        if models != self.models:
            finished = {state.name for state in self.models if state.finished}
            self.models, self.model = models, default_model(models, self.model, finished)
            self.models_changed.emit()
        if classes != self.classes:
            self.classes = classes
            self.settings = replace(self.settings, volumes={}, thresholds={})
            self.classes_changed.emit()
        # A model of the same name can be another one now: what is stored decides.
        self.result = None
        self.look()

    def look(self) -> None:
        """Look for the stored result of the model in the scan, if that is another pair now."""
        if self.result is not None and self._is_wanted(self.result):
            return
        self.result = self.mask = None
        self.making.forget()
        self.cleared.emit()
        study, scan, model = self.session.study, self.session.scan, self.model
        self._lookup.forget()
        if study and scan and model and study.result_folder(model, scan).is_dir():
            self._lookup.ask(partial(look_up, study, model, scan))
        self.changed.emit()

    def take(self, result: Result) -> None:
        """Take over a result, if it is of the model and the scan; it is shown with its mask."""
        if self._is_wanted(result):
            self.result = result
            self._remake_mask()
            self.changed.emit()

    def _is_wanted(self, result: Result) -> bool:
        return (result.model, result.scan) == (self.model, self.session.scan)

    def _looked_up(self, result: Result | None) -> None:
        if result is not None:
            if result.stored.record and not self._own_settings:
                self._restore_for(result.stored.record)
            self.take(result)
        self.changed.emit()

    def _restore_for(self, record: dict[str, Any]) -> None:
        """Take over the settings of a mask that is coming to the screen.

        No tags counted for it, either, if there were none: those to come shall count.
        """
        table = self.session.table
        counted = record.get("tags", True) or table is None or not table.tagged.any()
        self.restore(record | {"tags": counted})

    def _remake_mask(self) -> None:
        """Have the mask of the scan made anew; its slice on screen follows at once."""
        if self.result is None:
            return
        settings = self.shown_settings
        # First: a mask that is being made would bring the old settings back to the slice.
        self.making.make(self.result, settings)
        if self.result is self.on_screen:
            self.settings_changed.emit(settings)

    def _take_mask(self, mask: MaskResult) -> None:
        if self.session.study is None:
            return
        new = mask.result is not self.on_screen
        self.mask = mask
        (self.shown if new else self.mask_changed).emit()

    def _tags_changed(self, scan: str) -> None:
        if self.use_tags and scan == self.session.scan:
            self._remake_mask()
