"""Segmenting a scan or fetching its stored result, and making masks, beside the screen."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.errors import McwssError
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.segmentation.exclusive import GATE, THRESHOLD, exclusive_mask

if TYPE_CHECKING:
    from napari_mcwss.project import Study
    from napari_mcwss.segmentation.predict import Prediction


@dataclass(frozen=True)
class Rules:
    """How CAMs become a mask, as set on screen.

    Attributes
    ----------
    threshold : float
        CAM value from which a pixel can belong to a class, 0..1.
    gate : bool
        Whether the classifier decides which slices can hold a class.
    tags : ndarray, optional
        Known tags of the scan, int8 ``(slices, classes)``, that override it.
    """

    threshold: float = THRESHOLD
    gate: bool = True
    tags: NDArray[np.int8] | None = None

    @property
    def gate_score(self) -> float | None:
        """The score from which a slice can hold a class; None lets every slice."""
        return GATE if self.gate else None


@dataclass(frozen=True, eq=False)
class Found:
    """What a model found in a scan of a study.

    Attributes
    ----------
    model, scan : str
        Their names.
    prediction : Prediction
        Scores and CAMs.
    precedence : ndarray
        Bool ``(classes, classes)``, as in `exclusive_mask`.
    geometry : Geometry
        Of the scan.
    """

    model: str
    scan: str
    prediction: "Prediction"
    precedence: NDArray[np.bool_]
    geometry: Geometry

    def mask(self, rules: Rules, slices: slice = slice(None)) -> NDArray[np.uint8]:
        """Make the mask of all slices or of some, uint8 ``(z, y, x)``."""
        return exclusive_mask(
            self.prediction.cams[:, slices],
            self.prediction.scores[slices],
            precedence=self.precedence,
            threshold=rules.threshold,
            gate=rules.gate_score,
            tags=None if rules.tags is None else rules.tags[slices],
        )

    def masked(self, rules: Rules) -> "Masked":
        """Make the mask of all slices and measure it, which takes longer than a screen may wait."""
        mask = self.mask(rules)
        voxel = float(np.prod(self.geometry.spacing)) / 1000
        labels = range(1, len(self.prediction.classes) + 1)
        volumes = tuple(int(np.count_nonzero(mask == label)) * voxel for label in labels)
        return Masked(self, mask, volumes)


@dataclass(frozen=True, eq=False)
class Masked:
    """What a model found in a scan, as a mask of all its slices.

    Attributes
    ----------
    found : Found
        What the mask is made from.
    mask : ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 class k.
    millilitres : tuple of float
        Volume of each class.
    """

    found: Found
    mask: NDArray[np.uint8]
    millilitres: tuple[float, ...]


def segment(
    study: "Study", model: str, scan: str, rules: Rules
) -> Callable[[], Generator[Any, None, Found]]:
    """Make the events of segmenting a scan and storing the result.

    They are lines of text and the `Progress` of `predict`; the value is what
    was found.
    """

    def events() -> Generator[Any, None, Found]:
        yield "Loading the network …"
        _prepare_layers()
        from napari_mcwss.model.checkpoint import load_model
        from napari_mcwss.segmentation.segment import segment_scan, study_precedence

        trained = load_model(study.model_folder(model))
        prediction = yield from segment_scan(
            study,
            model,
            trained,
            scan,
            tags=rules.tags,
            threshold=rules.threshold,
            gate=rules.gate_score,
        )
        precedence = study_precedence(study, trained.info)
        return Found(model, scan, prediction, precedence, study.scan(scan).geometry)

    return events


def look_up(
    study: "Study", model: str, scan: str
) -> Callable[[], Generator[str, None, Found | None]]:
    """Make the events of fetching a stored result; the value is None if there is none.

    A result that does not fit the study any more counts as none: nobody asked
    for it, so its error would only disturb.
    """

    def events() -> Generator[str, None, Found | None]:
        yield "Looking for a stored result …"
        _prepare_layers()
        from napari_mcwss.model.checkpoint import read_info
        from napari_mcwss.segmentation.results import load_result
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
        return Found(model, scan, prediction, precedence, study.scan(scan).geometry)

    return events


def _prepare_layers() -> None:
    """Load what the first labels layer of a session would load while the screen waits."""
    import_module("pandas")
