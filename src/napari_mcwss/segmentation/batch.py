"""Many scans of a study, segmented one after the other."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Progress
from napari_mcwss.segmentation.results import has_result
from napari_mcwss.segmentation.segment import segment_scan
from napari_mcwss.study.study import Study

Tags = Callable[[str], NDArray[np.int8] | None]
"""Gives the tags of a scan that are to count, int8 ``(slices, classes)``; None for none."""


def segment_scans(
    study: Study,
    name: str,
    model: TrainedModel,
    scans: Sequence[str],
    *,
    tags: Tags,
    rules: MaskSettings | None = None,
    again: bool = False,
) -> Generator[ScanProgress | ScanDone, None, list[ScanDone]]:
    """Segment scans and store their results; what is wrong with one does not stop the others.

    Parameters
    ----------
    study : Study
        Of the scans.
    name : str
        Of the model.
    model : TrainedModel
        The model itself.
    scans : sequence of str
        Their names.
    tags : callable
        Gives the tags of a scan that are to count.
    rules : MaskSettings, optional
        How masks are made, but for the tags; the default ones if not given.
    again : bool
        Whether scans that have a result of this model are segmented anew.

    Yields
    ------
    ScanProgress or ScanDone
        What became of each scan, of those that are done already first, and where
        it is among the others; closing the generator cancels, and keeps what is
        done.

    Returns
    -------
    list of ScanDone
        One a scan.

    Raises
    ------
    McwssError
        If there is no such model, or it is for other channels or classes than the study.
    """
    model.info.check(study.channels, study.class_names)
    ended = []
    waiting = [scan for scan in scans if again or not has_result(study, name, scan)]
    for scan in scans:
        if scan not in waiting:
            ended.append(ScanDone(scan, skipped=True))
            yield ended[-1]
    for number, scan in enumerate(waiting, 1):
        yield ScanProgress(scan, number, len(waiting))
        began = time.monotonic()
        problem = ""
        try:
            own = replace(rules or MaskSettings(), tags=tags(scan))
            for step in segment_scan(study, name, model, scan, own):
                if isinstance(step, Progress):
                    yield ScanProgress(scan, number, len(waiting), step.done, step.total)
            study.scan(scan).release()
        except McwssError as error:
            problem = str(error)
        seconds = 0.0 if problem else time.monotonic() - began
        ended.append(ScanDone(scan, seconds, problem=problem))
        yield ended[-1]
    return ended


def add_found(
    study: Study, found: Mapping[str, Sequence[Path]]
) -> tuple[list[str], list[ScanDone]]:
    """Add scans of a folder to a study, as far as they can be read.

    Parameters
    ----------
    study : Study
        To add to.
    found : mapping
        Name of each scan to its files, as of `find_scans`.

    Returns
    -------
    tuple
        Names of the scans of the folder that are in the study now, and what is
        wrong with the others.
    """
    added, problems = [], []
    for scan, files in found.items():
        if scan in study.scan_names and [f.resolve() for f in files] == [
            f.resolve() for f in study.files(scan)
        ]:
            added.append(scan)
            continue
        try:
            study.add_scans({scan: files})
        except McwssError as error:
            problems.append(ScanDone(scan, problem=str(error)))
        else:
            added.append(scan)
    return added, problems
