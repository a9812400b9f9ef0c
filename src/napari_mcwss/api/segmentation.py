"""What a model finds in a scan, and masks that are made anew of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_mcwss.scans.scan import Scan
    from napari_mcwss.segmentation.masks.settings import MaskSettings
    from napari_mcwss.segmentation.prediction.predict import Prediction
    from napari_mcwss.study.study import Study


class MaskOptions(TypedDict, total=False):
    """How CAMs become a mask: parameters of `Segmentation.remask`."""

    threshold: float | Mapping[str, float]
    gate: float
    steps: str
    volumes: Mapping[str, str]


def changed(
    settings: MaskSettings,
    classes: Sequence[str],
    *,
    threshold: float | Mapping[str, float] | None = None,
    gate: float | None = None,
    steps: str | None = None,
    volumes: Mapping[str, str] | None = None,
) -> MaskSettings:
    """Return settings with the given parameters, which `Segmentation.remask` describes."""
    from napari_mcwss.segmentation.masks.steps import parse_steps
    from napari_mcwss.segmentation.masks.thresholds import checked_threshold, own_thresholds
    from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges

    changes: dict[str, Any] = {}
    if isinstance(threshold, Mapping):
        changes["thresholds"] = {**settings.thresholds, **own_thresholds(threshold, classes)}
    elif threshold is not None:
        changes |= {"threshold": checked_threshold(threshold), "thresholds": {}}
    if gate is not None:
        if not 0 <= gate <= 1:
            raise McwssError(f"gate = {gate}: expected a number from 0 to 1")
        changes["gate"] = gate
    if steps is not None:
        changes["steps"] = parse_steps(steps)
    if volumes is not None:
        ranges = [f"{name}={found}" for name, found in volumes.items()]
        changes["volumes"] = parse_ranges(ranges, classes)
    return replace(settings, **changes)


@dataclass(frozen=True)
class Home:
    """Where a result is stored: under the name of a model in a study."""

    study: Study
    model: str


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """What a model finds in a scan.

    It comes from `Study.segment`, `Study.result` or `Model.segment`. NumPy takes
    it for its mask: ``np.asarray(result)``.

    Attributes
    ----------
    mask : ndarray
        Uint8 ``(z, y, x)``: 0 background, k + 1 the class k.
    settings : MaskSettings
        How the mask was made of the CAMs.
    prediction : Prediction
        CAMs and scores as arrays.
    precedence : ndarray
        Bool ``(classes, classes)``: where both are found, a is shown over b.
    home : Home or None
        Where the result is stored; None if it belongs to no study.

    Examples
    --------
    >>> import napari_mcwss as mcwss
    >>> result = mcwss.Study.open("my-study").segment("pat0002", "first", progress=False)
    >>> result.mask.shape, result.mask.dtype
    ((9, 41, 36), dtype('uint8'))
    >>> result.cams["TC"].shape, result.scores["TC"].shape
    ((9, 41, 36), (9,))
    >>> sorted(result.volumes_ml)
    ['ED', 'TC']
    """

    mask: NDArray[np.uint8]
    settings: MaskSettings
    prediction: Prediction
    source: Scan
    precedence: NDArray[np.bool_]
    home: Home | None = None

    @property
    def scan(self) -> str:
        """Name of the scan."""
        return self.prediction.scan

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; class k has the value k + 1 in the mask."""
        return self.prediction.classes

    @property
    def cams(self) -> dict[str, NDArray[np.float32]]:
        """Class to its CAM, float32 ``(z, y, x)`` in 0..1."""
        return dict(zip(self.classes, self.prediction.cams, strict=True))

    @property
    def scores(self) -> dict[str, NDArray[np.float32]]:
        """Class to the probability that a slice holds it, float32 ``(z,)`` in 0..1."""
        return dict(zip(self.classes, self.prediction.scores.T, strict=True))

    @cached_property
    def volumes_ml(self) -> dict[str, float]:
        """Class to its volume in the mask in mL; NaN in pictures, which have none.

        ``result.mask`` gives areas in pixels.
        """
        from napari_mcwss.measurement.sizes import volumes_of

        if not self.source.geometry.in_mm:
            return dict.fromkeys(self.classes, math.nan)
        volumes = volumes_of(self.mask, len(self.classes), self.source.geometry.spacing)
        return dict(zip(self.classes, volumes, strict=True))

    @property
    def missed_classes(self) -> tuple[str, ...]:
        """Classes tagged present in the scan whose mask is empty: the model has missed them.

        A volume of 0 mL is no result then. Empty if the result belongs to no study.
        """
        from napari_mcwss.segmentation.missed_classes import missed_classes

        if self.home is None:
            return ()
        held = [bool((self.mask == label).any()) for label, _ in enumerate(self.classes, 1)]
        missed = missed_classes(self.home.study, {self.scan: held}, self.prediction.unknown)
        return tuple(found.name for found in missed)

    def remask(
        self,
        *,
        threshold: float | Mapping[str, float] | None = None,
        gate: float | None = None,
        steps: str | None = None,
        volumes: Mapping[str, str] | None = None,
    ) -> Segmentation:
        """Make another mask of the same CAMs; no network runs, and nothing is written.

        What is not given stays as it is, as do the tags that counted.

        Parameters
        ----------
        threshold : float or mapping of str to float, optional
            CAM value from which a pixel can belong to a class, 0..1, for all classes
            or by class; 0.5 at first.
        gate : float, optional
            Score from which a slice can hold a class, 0..1; 0.5 at first. Known tags
            override it.
        steps : str, optional
            What is done with the mask then, in this order: ``none``, or any of
            ``edges=0.6``, ``superpixels=4`` (mm), ``smooth=2`` (mm), ``small=0.1`` (mL)
            and ``holes``, separated by commas; ``holes`` at first.
        volumes : mapping of str to str, optional
            Class to its possible volume wherever it is, in mL, as ``"2:60"`` or
            ``":60"``; its threshold is adjusted until the volume fits.

        Returns
        -------
        Segmentation
            The same CAMs with the new mask.

        Raises
        ------
        McwssError
            If a value is out of range, or there is no such step or class.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> result = mcwss.Study.open("my-study").result("pat0006", "first")
        >>> larger = result.remask(threshold=0.4, steps="small=0.5,holes")
        >>> larger.settings.threshold, result.settings.threshold
        (0.4, 0.5)
        >>> result.remask(threshold={"TC": 0.4}).settings.thresholds
        {'TC': 0.4}
        """
        from napari_mcwss.segmentation.segment import scan_mask

        settings = changed(
            self.settings,
            self.classes,
            threshold=threshold,
            gate=gate,
            steps=steps,
            volumes=volumes,
        )
        mask = scan_mask(self.source, self.precedence, self.prediction, settings)
        return replace(self, mask=mask, settings=settings)

    def save(self) -> Path:
        """Store the mask in the study, in place of the one that is there.

        Returns
        -------
        Path
            Folder of the result.

        Raises
        ------
        McwssError
            If the result belongs to no study, or to a model that has been replaced
            since, or the mask cannot be written.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> result = mcwss.Study.open("my-study").result("pat0006", "first")
        >>> folder = result.remask(threshold=0.4).save()
        >>> folder.parts[-4:]
        ('my-study', 'results', 'first', 'pat0006')
        """
        from napari_mcwss.segmentation.results import save_mask

        if self.home is None:
            raise McwssError(
                "the result of an array belongs to no study: save its mask yourself, or segment "
                "a scan of a study"
            )
        study, model = self.home.study, self.home.model
        save_mask(study, model, self.scan, self.mask, self.settings, self.source.geometry)
        return study.result_folder(model, self.scan)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        mask = np.asarray(self.mask, dtype)
        return mask.copy() if copy else mask

    def __repr__(self) -> str:
        from napari_mcwss.measurement.sizes import amount_text, volumes_of

        geometry = self.source.geometry
        found = volumes_of(self.mask, len(self.classes), geometry.spacing)
        volumes = ", ".join(
            f"{name} {amount_text(volume, in_mm=geometry.in_mm)}"
            for name, volume in zip(self.classes, found, strict=True)
        )
        return f"<Segmentation of {self.scan}: {volumes}>"
