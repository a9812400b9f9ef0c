"""Several masks of several scans, measured side by side."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.baselines import LocationPrior
from napari_mcwss.measurement.measure import Measurement, class_masks, measure
from napari_mcwss.measurement.sizes import Size, size_of
from napari_mcwss.measurement.tables import BASELINES
from napari_mcwss.scans.finding import find_masks
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.corrected import CORRECTED, is_corrected, read_corrected
from napari_mcwss.study.study import Study


@dataclass(frozen=True, eq=False)
class Source:
    """Where masks come from: a model, a reader, or a layer.

    Attributes
    ----------
    name : str
        As it is called in tables.
    has : callable
        Tells whether it has a mask of a scan.
    read : callable
        Gives a scan's masks, bool ``(classes, z, y, x)``.
    learnt : tuple of str
        Scans that it was trained on.
    """

    name: str
    has: Callable[[str], bool]
    read: Callable[[str], NDArray[np.bool_]]
    learnt: tuple[str, ...] = ()

    @classmethod
    def of_model(cls, study: Study, model: str) -> "Source":
        """Take the masks that a model has made and that are stored.

        Raises
        ------
        McwssError
            If there is no such model, or it is for other classes.
        """
        # They load torch, which takes seconds: masks of layers and files need none.
        from napari_mcwss.model.checkpoint import read_info
        from napari_mcwss.segmentation.results import has_result, load_mask

        info = read_info(study.model_folder(model))
        info.check(study.channels, study.class_names)
        return cls(
            model,
            lambda scan: has_result(study, model, scan),
            lambda scan: of_labels(load_mask(study, model, scan), len(study.classes)),
            info.scans,
        )

    @classmethod
    def of_corrected(
        cls, study: Study, unsaved: Mapping[str, NDArray[np.uint8]] | None = None
    ) -> "Source":
        """Take the masks that were corrected by hand, called right or not.

        Parameters
        ----------
        study : Study
            Of the scans.
        unsaved : mapping, optional
            Scan to labels that are newer than those on the disk.
        """
        newer = unsaved or {}

        def read(scan: str) -> NDArray[np.bool_]:
            if scan in newer:
                return of_labels(newer[scan], len(study.classes))
            mask = read_corrected(study, scan)
            if mask is None:
                raise McwssError(f"scan {scan} has no corrected mask")
            return of_labels(mask.labels, len(study.classes))

        return cls(CORRECTED, lambda scan: scan in newer or is_corrected(study, scan), read)

    @classmethod
    def of_files(
        cls, study: Study, masks: str, mapping: Mapping[str, Sequence[int]] | None, name: str
    ) -> "Source":
        """Take masks of files.

        Parameters
        ----------
        study : Study
            Of the scans.
        masks : str
            A folder of masks, or the masks' name beside the scans, as in `find_masks`.
        mapping : mapping, optional
            Class name to its values in the masks; by default class k has k + 1,
            as this program writes them.
        name : str
            As it is called in tables.

        Raises
        ------
        McwssError
            If no scan has a mask there.
        """
        given = mapping or {c: (label,) for label, c in enumerate(study.class_names, 1)}
        files = find_masks(masks, {s: study.files(s)[0] for s in study.scan_names}, partial=True)

        def read(scan: str) -> NDArray[np.bool_]:
            raw = read_mask(files[scan], study.scan(scan).geometry)
            return class_masks(raw, given, study.class_names)

        return cls(name, lambda scan: scan in files, read)


def of_labels(labels: NDArray[np.integer], classes: int) -> NDArray[np.bool_]:
    """Split a label image, 0 background, k + 1 class k, into ``(classes, z, y, x)``."""
    return np.stack([labels == label for label in range(1, classes + 1)])


@dataclass(frozen=True)
class Row:
    """One class of one mask of one scan.

    Attributes
    ----------
    scan, mask, class_name : str
        Names; that of the mask is its source's, or that of a baseline.
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


@dataclass(frozen=True)
class Surveyed:
    """One scan is done.

    Attributes
    ----------
    scan : str
        Its name.
    rows : tuple of Row
        What was found.
    problem : str
        Why there is nothing, or not all; empty if there is.
    """

    scan: str
    rows: tuple[Row, ...] = ()
    problem: str = ""


def survey(
    study: Study,
    scans: Sequence[str],
    sources: Sequence[Source],
    reference: Source | None = None,
) -> Generator[Surveyed, None, None]:
    """Measure masks, and against reference masks if there are any, beside two baselines.

    The baselines are the empty mask and the location prior, made from the
    reference masks of scans that a source was trained on, or of all other ones,
    as far as they are not measured themselves.

    Parameters
    ----------
    study : Study
        Of the scans.
    scans : sequence of str
        To measure; of those without a mask only the problem is told.
    sources : sequence of Source
        Side by side.
    reference : Source, optional
        What is right.

    Yields
    ------
    Surveyed
        After every scan; what is wrong with one does not stop the others.
    """
    prior = None if reference is None else _prior(study, scans, sources, reference)
    for scan in scans:
        try:
            rows = tuple(_rows(study, scan, sources, reference, prior))
        except McwssError as error:
            yield Surveyed(scan, problem=str(error))
            continue
        problem = "" if rows else f"it has no mask of {' or '.join(s.name for s in sources)}"
        if rows and reference is not None and not reference.has(scan):
            problem = f"it has no mask of {reference.name} to be compared with"
        yield Surveyed(scan, rows, problem)


def _rows(
    study: Study,
    scan: str,
    sources: Sequence[Source],
    reference: Source | None,
    prior: LocationPrior | None,
) -> Generator[Row, None, None]:
    spacing = study.scan(scan).geometry.spacing
    there = [source for source in sources if source.has(scan)]
    if not there:
        return
    right = reference.read(scan) if reference is not None and reference.has(scan) else None
    for source in there:
        masks = source.read(scan)
        if right is not None and masks.shape != right.shape:
            raise McwssError(
                f"the mask of {source.name} has shape {masks.shape[1:]}, the reference "
                f"{right.shape[1:]}: compare masks of the scan's own voxels"
            )
        for index, name in enumerate(study.class_names):
            agreement = None if right is None else measure(masks[index], right[index], spacing)
            yield Row(scan, source.name, name, size_of(masks[index], spacing), agreement)
    if right is None:
        return
    trivial = {"empty": np.zeros(right.shape, bool)}
    if prior is not None:
        trivial["location_prior"] = of_labels(prior.mask(right.shape[1:]), len(right))
    for baseline, masks in trivial.items():
        for index, name in enumerate(study.class_names):
            agreement = measure(masks[index], right[index], spacing)
            yield Row(scan, BASELINES[baseline], name, None, agreement)


def _prior(
    study: Study, scans: Sequence[str], sources: Sequence[Source], reference: Source
) -> LocationPrior | None:
    learnt = {scan for source in sources for scan in source.learnt}
    others = [scan for scan in study.scan_names if scan not in scans and reference.has(scan)]
    used = [scan for scan in others if scan in learnt] or others
    try:
        return LocationPrior(_readable(reference, used))
    except ValueError:  # of no mask at all
        return None


def _readable(reference: Source, scans: Sequence[str]) -> Iterator[NDArray[np.bool_]]:
    for scan in scans:
        with suppress(McwssError):
            yield reference.read(scan)
