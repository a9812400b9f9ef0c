"""Segmenting a scan or fetching its stored result, and making masks, beside the screen."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.sizes import volumes_of
from napari_mcwss.plugin.shared.layers import prepare_labels
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.stages import make_masks
from napari_mcwss.segmentation.masks.volume_ranges import out_of_range

if TYPE_CHECKING:
    from napari_mcwss.scans.scan import Scan
    from napari_mcwss.segmentation.prediction.predict import Prediction
    from napari_mcwss.study.study import Study


@dataclass(frozen=True, eq=False)
class Result:
    """What a model found in a scan of a study.

    Attributes
    ----------
    model, scan : str
        Their names.
    prediction : Prediction
        Scores and CAMs.
    precedence : ndarray
        Bool ``(classes, classes)``, as in `exclusive_mask`.
    source : Scan
        The scan itself.
    stored : dict
        By which rules its stored mask was made, as in `MaskSettings.record`; empty if unknown.
    """

    model: str
    scan: str
    prediction: "Prediction"
    precedence: NDArray[np.bool_]
    source: "Scan"
    stored: dict[str, Any]

    @property
    def geometry(self) -> Geometry:
        """That of the scan."""
        return self.source.geometry

    def mask(self, rules: MaskSettings, slices: slice) -> NDArray[np.uint8]:
        """Make the mask of some slices, uint8 ``(z, y, x)``, with what acts on each for itself."""
        tags = None if rules.tags is None else rules.tags[slices]
        return self._stages(replace(rules.at_once, tags=tags, volumes={}), slices)[-1]

    def masked(self, rules: MaskSettings) -> "MaskResult":
        """Make the mask of all slices and measure it, which takes longer than a screen may wait."""
        stages = self._stages(rules, slice(None))
        classes = self.prediction.classes
        volumes = tuple(volumes_of(mask, len(classes), self.geometry.spacing) for mask in stages)
        ranges = rules.ranges(classes)
        left = out_of_range(volumes[1], self.precedence, ranges) if ranges else []
        return MaskResult(self, rules, tuple(stages), volumes, tuple(classes[n] for n in left))

    def _stages(self, rules: MaskSettings, slices: slice) -> list[NDArray[np.uint8]]:
        return make_masks(
            self.prediction.cams[:, slices],
            self.prediction.scores[slices],
            self.precedence,
            rules,
            self.geometry.spacing,
            self.source.volume,
            self.prediction.classes,
        )


@dataclass(frozen=True, eq=False)
class MaskResult:
    """What a model found in a scan, as a mask of all its slices.

    Attributes
    ----------
    found : Result
        What the mask is made from.
    rules : MaskSettings
        How it was made.
    stages : tuple of ndarray
        Uint8 ``(z, y, x)``, 0 background, k + 1 class k: without any of `MaskSettings.stages`, and
        after each.
    volumes : tuple of tuple of float
        Of each stage, the volume of each class in mL.
    out_of_range : tuple of str
        Classes whose volume no threshold could bring into its range.
    """

    found: Result
    rules: MaskSettings
    stages: tuple[NDArray[np.uint8], ...]
    volumes: tuple[tuple[float, ...], ...]
    out_of_range: tuple[str, ...]


def segment(
    study: "Study", model: str, scan: str, rules: MaskSettings
) -> Callable[[], Generator[Any, None, Result]]:
    """Make the events of segmenting a scan and storing the result.

    They are lines of text and the `Progress` of `predict`; the value is what
    was found.
    """

    def events() -> Generator[Any, None, Result]:
        yield "Loading the network …"
        prepare_labels()
        from napari_mcwss.model.checkpoint import load_model
        from napari_mcwss.segmentation.segment import segment_scan, study_precedence

        trained = load_model(study.model_folder(model))
        prediction = yield from segment_scan(study, model, trained, scan, rules)
        precedence = study_precedence(study, trained.info)
        return Result(model, scan, prediction, precedence, study.scan(scan), rules.record())

    return events


def look_up(
    study: "Study", model: str, scan: str
) -> Callable[[], Generator[str, None, Result | None]]:
    """Make the events of fetching a stored result; the value is None if there is none.

    A result that does not fit the study any more counts as none: nobody asked
    for it, so its error would only disturb.
    """

    def events() -> Generator[str, None, Result | None]:
        yield "Looking for a stored result …"
        prepare_labels()
        from napari_mcwss.model.checkpoint import read_info
        from napari_mcwss.segmentation.results import load_result, stored_settings
        from napari_mcwss.segmentation.segment import study_precedence

        try:
            info = read_info(study.model_folder(model))
            info.check(study.channels, study.class_names)
            prediction = load_result(study, model, scan)
        except McwssError:
            return None
        if prediction is None:
            return None
        precedence = study_precedence(study, info)
        stored = stored_settings(study, model, scan)
        return Result(model, scan, prediction, precedence, study.scan(scan), stored)

    return events
