"""The result of a model in a scan: segmented or read from the study, and made into masks."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.sizes import volumes_of
from napari_mcwss.plugin.shared.colormaps import prepare_labels
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.segmentation.masks.make_masks import make_masks
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.volume_ranges import out_of_range

if TYPE_CHECKING:
    from napari_mcwss.scans.scan import Scan
    from napari_mcwss.segmentation.prediction.predict import Prediction
    from napari_mcwss.study.study import Study


@dataclass(frozen=True, eq=False)
class Stored:
    """The stored mask of a result, uint8 ``(z, y, x)``.

    `record` holds its settings, see `MaskSettings.record`; it is empty if they are not known.
    `exact` is `results.has_exact_cams`; `volumes` are those of each class in mL.
    """

    mask: NDArray[np.uint8]
    record: dict[str, Any]
    exact: bool
    volumes: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Result:
    """What a model found in a scan of a study.

    `precedence` is bool ``(classes, classes)``, as in `exclusive_mask`.
    """

    model: str
    scan: str
    prediction: "Prediction"
    precedence: NDArray[np.bool_]
    source: "Scan"
    stored: Stored

    @property
    def geometry(self) -> Geometry:
        """The geometry of the scan."""
        return self.source.geometry

    def mask(self, settings: MaskSettings, slices: slice) -> NDArray[np.uint8]:
        """Make the mask of some slices, uint8 ``(z, y, x)``, by the quick steps alone."""
        tags = None if settings.tags is None else settings.tags[slices]
        return self._masks(replace(settings.at_once, tags=tags, volumes={}), slices)[-1]

    def masked(self, settings: MaskSettings) -> "MaskResult":
        """Make the mask of all slices and measure it; too slow for the main thread."""
        masks = self._masks(settings, slice(None))
        classes = self.prediction.classes
        volumes = tuple(volumes_of(mask, len(classes), self.geometry.spacing) for mask in masks)
        ranges = settings.ranges(classes)
        left = out_of_range(volumes[1], self.precedence, ranges) if ranges else []
        return MaskResult(self, settings, tuple(masks), volumes, tuple(classes[n] for n in left))

    def _masks(self, settings: MaskSettings, slices: slice) -> list[NDArray[np.uint8]]:
        return make_masks(
            self.prediction.cams[:, slices],
            self.prediction.scores[slices],
            self.precedence,
            settings,
            self.geometry.spacing,
            self.source.volume,
            self.prediction.classes,
        )


@dataclass(frozen=True, eq=False)
class MaskResult:
    """The mask of a whole scan, before and after each step.

    `after_steps` are uint8 ``(z, y, x)``, 0 background, k + 1 class k: the mask before all of
    `MaskSettings.step_names`, and after each; `volumes` are those of each class in mL, for each of
    these masks. No threshold brings the volume of a class `out_of_range` into its range.
    """

    result: Result
    settings: MaskSettings
    after_steps: tuple[NDArray[np.uint8], ...]
    volumes: tuple[tuple[float, ...], ...]
    out_of_range: tuple[str, ...]


def segment(
    study: "Study", model: str, scan: str, settings: MaskSettings
) -> Generator[Any, None, Result]:
    """Segment a scan and store the result; yields texts and the `Progress` of `predict`."""
    yield "Loading the network …"
    prepare_labels()
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.segmentation.segment import segment_scan, study_precedence

    trained = load_model(study.model_folder(model))
    prediction = yield from segment_scan(study, model, trained, scan, settings)
    precedence = study_precedence(study, trained.info)
    stored = _stored(study, model, scan)
    return Result(model, scan, prediction, precedence, study.scan(scan), stored)


def look_up(study: "Study", model: str, scan: str) -> Result | None:
    """Read a stored result; None if there is none.

    A result that no longer fits the study counts as none: the user did not ask for it, so an error
    would only disturb.
    """
    prepare_labels()
    from napari_mcwss.model.checkpoint import read_info
    from napari_mcwss.segmentation.results import load_result
    from napari_mcwss.segmentation.segment import study_precedence
    from napari_mcwss.study.models import check_model

    try:
        info = read_info(study.model_folder(model))
        check_model(study, info)
        prediction = load_result(study, model, scan)
        if prediction is None:
            return None
        stored = _stored(study, model, scan)
    except McwssError:
        return None
    precedence = study_precedence(study, info)
    return Result(model, scan, prediction, precedence, study.scan(scan), stored)


def _stored(study: "Study", model: str, scan: str) -> Stored:
    from napari_mcwss.segmentation.results import has_exact_cams, load_mask, stored_settings

    mask = load_mask(study, model, scan).astype(np.uint8)
    record = stored_settings(study, model, scan)
    volumes = volumes_of(mask, len(study.class_names), study.scan(scan).geometry.spacing)
    return Stored(mask, record, has_exact_cams(study, model, scan), volumes)
