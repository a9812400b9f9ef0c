"""Masks of several sources, measured side by side and against reference masks."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.baselines import LocationPrior
from napari_mcwss.measurement.class_masks import class_masks, with_unions
from napari_mcwss.measurement.measure import Measurement, measure
from napari_mcwss.measurement.sizes import Size, size_of
from napari_mcwss.measurement.sources import MaskSource
from napari_mcwss.measurement.surfaces import FloatTriple
from napari_mcwss.segmentation.missed_classes import MissedClass, missed_classes
from napari_mcwss.study.study import Study

EMPTY, PRIOR = "empty mask", "location prior"
"""Names of the baselines in tables."""

SIZES = tuple(field.name for field in fields(Size))
AGREEMENTS = ("reference_ml", "dice", "hd95_mm", "surface_mm", "sensitivity", "precision")

Value = str | float | int | None


@dataclass(frozen=True)
class Row:
    """The measures of one class, or union of classes, in one mask of one scan.

    Attributes
    ----------
    scan, mask, class_name : str
        The mask has the name of its source, or of a baseline.
    size : Size or None
        None for a baseline.
    agreement : Measurement or None
        With the reference, if there is one.
    """

    scan: str
    mask: str
    class_name: str
    size: Size | None
    agreement: Measurement | None

    def record(self) -> dict[str, Value]:
        """Return all values by name, None for what is undefined or was not measured."""
        sizes = asdict(self.size) if self.size else dict.fromkeys(SIZES)
        agreements = self.agreement.to_json() if self.agreement else dict.fromkeys(AGREEMENTS)
        return {
            "scan": self.scan,
            "mask": self.mask,
            "class": self.class_name,
            **sizes,
            **{key: agreements[key] for key in AGREEMENTS},
        }


@dataclass(frozen=True)
class ScanComparison:
    """What was measured of one scan.

    Attributes
    ----------
    scan : str
    rows : tuple of Row
    problem : str
        Why nothing was measured, or not all; empty if all was.
    """

    scan: str
    rows: tuple[Row, ...] = ()
    problem: str = ""


def mean_dice(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Return the mean Dice over scans, by mask and class; masks without a reference are left out.

    Examples
    --------
    >>> mean_dice([])
    {}
    """
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row.agreement is not None:
            found.setdefault(row.mask, {}).setdefault(row.class_name, []).append(row.agreement.dice)
    return {mask: {name: fmean(dice) for name, dice in by.items()} for mask, by in found.items()}


def compare_masks(
    study: Study,
    scans: Sequence[str],
    sources: Sequence[MaskSource],
    reference: MaskSource | None = None,
    *,
    unions: Mapping[str, Sequence[str]] | None = None,
    prior_scans: Sequence[str] | None = None,
    spacing: FloatTriple | None = None,
) -> Generator[ScanComparison, None, None]:
    """Measure masks, and compare them with reference masks beside two baselines.

    The baselines are the empty mask and the location prior. One scan at a time
    is in memory, and a problem with one does not stop the others.

    Parameters
    ----------
    study : Study
    scans : sequence of str
        Scans to measure.
    sources : sequence of MaskSource
        Masks to measure, side by side.
    reference : MaskSource, optional
        Masks to compare with.
    unions : mapping, optional
        Further masks to measure: their names, and the classes that each joins.
    prior_scans : sequence of str, optional
        Scans whose reference masks make the location prior. By default those
        that a source was trained on, or else all, of those that are not measured
        and have a readable reference mask.
    spacing : tuple of float, optional
        Voxel size (z, y, x) in mm of scans whose files do not say theirs, as pictures; without it
        they are measured in pixels.

    Yields
    ------
    ScanComparison
        After each scan.

    Raises
    ------
    McwssError
        If a union joins unknown classes or has the name of a class, or if a
        reference mask of `prior_scans` cannot be read.
    """
    members = with_unions(study.class_names, unions)
    prior = None
    if reference is not None:
        prior = _prior(study, scans, sources, reference, prior_scans)
    for scan in scans:
        try:
            rows = tuple(_rows(study, scan, sources, reference, members, prior, spacing))
        except McwssError as error:
            yield ScanComparison(scan, problem=str(error))
            continue
        problem = "" if rows else f"it has no mask of {' or '.join(s.name for s in sources)}"
        if rows and reference is not None and not reference.has(scan):
            problem = f"it has no mask of {reference.name} to be compared with"
        yield ScanComparison(scan, rows, problem)


def missed_in_rows(study: Study, source: MaskSource, rows: Iterable[Row]) -> list[MissedClass]:
    """Find the classes that a model has missed, from the rows of its masks; other masks have none.

    Parameters
    ----------
    study : Study
        With the tags.
    source : MaskSource
        The masks that were measured.
    rows : iterable of Row
        What was measured; rows of other masks do not count.
    """
    found: dict[str, dict[str, bool]] = {}
    for row in rows:
        if source.predicted and row.mask == source.name and row.size is not None:
            found.setdefault(row.scan, {})[row.class_name] = row.size.slices > 0
    return missed_classes(
        study,
        {scan: [held[name] for name in study.class_names] for scan, held in found.items()},
        source.unknown,
    )


def _rows(
    study: Study,
    scan: str,
    sources: Sequence[MaskSource],
    reference: MaskSource | None,
    members: Mapping[str, Sequence[int]],
    prior: LocationPrior | None,
    of_pictures: FloatTriple | None,
) -> Iterator[Row]:
    there = [source for source in sources if source.has(scan)]
    if not there:
        return
    geometry = study.scan(scan).geometry
    spacing = geometry.spacing if geometry.in_mm else of_pictures
    right = reference.read(scan) if reference is not None and reference.has(scan) else None

    def measured(mask: str, masks: NDArray[np.bool_], *, sized: bool = True) -> Iterator[Row]:
        for name, indices in members.items():
            joined = _joined(masks, indices)
            yield Row(
                scan,
                mask,
                name,
                size_of(joined, spacing) if sized else None,
                None if right is None else measure(joined, _joined(right, indices), spacing),
            )

    for source in there:
        masks = source.read(scan)
        if right is not None and masks.shape != right.shape:
            raise McwssError(
                f"scan {scan}: the mask of {source.name} has shape {masks.shape[1:]} (z, y, x), "
                f"its reference {right.shape[1:]}: compare masks that were drawn on this scan"
            )
        yield from measured(source.name, masks)
    if right is not None:
        yield from measured(EMPTY, np.zeros_like(right), sized=False)
        if prior is not None:
            likely = class_masks(prior.mask(right.shape[1:]), study.class_names)
            yield from measured(PRIOR, likely, sized=False)


def _joined(masks: NDArray[np.bool_], indices: Sequence[int]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce([masks[k] for k in indices]))


def _prior(
    study: Study,
    scans: Sequence[str],
    sources: Sequence[MaskSource],
    reference: MaskSource,
    prior_scans: Sequence[str] | None,
) -> LocationPrior | None:
    if prior_scans is not None:
        masks = (reference.read(scan) for scan in prior_scans)
    else:
        others = [scan for scan in study.scan_names if scan not in scans and reference.has(scan)]
        trained_on = {scan for source in sources for scan in source.trained_on}
        masks = _readable(reference, [s for s in others if s in trained_on] or others)
    try:
        return LocationPrior(masks)
    except ValueError:  # no mask at all
        return None


def _readable(
    reference: MaskSource, scans: Sequence[str]
) -> Generator[NDArray[np.bool_], None, None]:
    for scan in scans:
        with suppress(McwssError):
            yield reference.read(scan)
