"""What a list of work says of a scan: tags, results and volumes, read from the study's files."""

from dataclasses import dataclass, replace

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.sizes import volumes_of
from napari_mcwss.segmentation.corrected import is_corrected, read_corrected
from napari_mcwss.segmentation.masks.exclusive import GATE
from napari_mcwss.segmentation.results import has_result, load_mask, load_scores
from napari_mcwss.study.study import Study
from napari_mcwss.tags.agreement import contradictions


@dataclass(frozen=True)
class ScanFacts:
    """What is known of a scan.

    Attributes
    ----------
    scan : str
    slices, tagged : int
        All slices, and those with a tag of any class.
    segmented : bool
        Whether the model has segmented it.
    corrected, right : bool
        Whether it has a corrected mask, and whether that is confirmed.
    disagreement : int or None
        Slices whose tags the scores of the model contradict; None if it has not segmented them.
    volumes : tuple of float or None
        Of each class of the corrected mask, or else of the model's, in mL; in pixels of a single
        picture. None if there is no mask.
    problem : str
        Why something could not be read; empty if all could.
    """

    scan: str
    slices: int = 0
    tagged: int = 0
    segmented: bool = False
    corrected: bool = False
    right: bool = False
    disagreement: int | None = None
    volumes: tuple[float, ...] | None = None
    problem: str = ""


def scan_facts(study: Study, model: str, scan: str) -> ScanFacts:
    """Read what is known of a scan without its mask, in some milliseconds.

    Parameters
    ----------
    study : Study
    model : str
        Name of the model whose results count; empty for none.
    scan : str
        Name of the scan.
    """
    facts = ScanFacts(scan)
    try:
        table = study.tags.read(scan)
        facts = replace(facts, slices=len(table.values), tagged=int(table.tagged.sum()))
        facts = replace(facts, corrected=is_corrected(study, scan))
        if model and has_result(study, model, scan):
            facts = replace(facts, segmented=True)
            scores = load_scores(study, model, scan)
            if scores.shape == table.values.shape:
                different = int(contradictions(table, scores, GATE).any(1).sum())
                facts = replace(facts, disagreement=different)
    except McwssError as error:
        return replace(facts, problem=str(error))
    return facts


def with_volumes(study: Study, model: str, facts: ScanFacts) -> ScanFacts:
    """Add the volumes to `scan_facts`, which takes as long as to read the mask."""
    try:
        return _with_volumes(study, model, facts)
    except McwssError as error:
        return replace(facts, problem=str(error))


def _with_volumes(study: Study, model: str, facts: ScanFacts) -> ScanFacts:
    mask = None
    if facts.corrected and (corrected := read_corrected(study, facts.scan)) is not None:
        facts, mask = replace(facts, right=corrected.right), corrected.labels
    elif facts.segmented:
        mask = load_mask(study, model, facts.scan).astype(np.uint8)
    if mask is None:
        return facts
    classes = len(study.class_names)
    if len(mask) == 1:
        counts = np.bincount(mask.ravel(), minlength=classes + 1)[1 : classes + 1]
        return replace(facts, volumes=tuple(map(float, counts)))
    spacing = study.scan(facts.scan).geometry.spacing
    return replace(facts, volumes=volumes_of(mask, classes, spacing))
