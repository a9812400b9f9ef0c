"""Many scans of a study, segmented one after the other."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Progress
from napari_mcwss.segmentation.results import has_exact_cams, has_result, stored_settings
from napari_mcwss.segmentation.segment import remake_mask, segment_scan
from napari_mcwss.study.models import check_model
from napari_mcwss.study.study import Study

Tags = Callable[[str], NDArray[np.int8] | None]
"""Returns the tags of a scan that are used, int8 ``(slices, classes)``; None for none."""


def segment_scans(
    study: Study,
    name: str,
    model: TrainedModel,
    scans: Sequence[str],
    *,
    tags: Tags,
    settings: MaskSettings | None = None,
    again: bool = False,
    remake: bool = False,
) -> Generator[ScanProgress | ScanDone, None, list[ScanDone]]:
    """Segment scans and store their results; an error in one scan does not stop the others.

    Parameters
    ----------
    study : Study
        The study with the scans.
    name : str
        Name of the model.
    model : TrainedModel
        The model.
    scans : sequence of str
        Names of the scans.
    tags : callable
        Returns the tags of a scan that are used.
    settings : MaskSettings, optional
        How masks are made, without tags; by default `MaskSettings()`.
    again : bool
        Also segment scans that have a result of this model.
    remake : bool
        Make masks of these scans anew where they were made by other settings: of their stored
        CAMs, or by the network if an older version has stored the CAMs.

    Yields
    ------
    ScanProgress or ScanDone
        The end of each scan that has a result, then progress and end of each other scan.
        Closing the generator cancels, and keeps what is done.

    Returns
    -------
    list of ScanDone
        One for each scan.

    Raises
    ------
    McwssError
        If the model does not exist, or has other channels or classes than the study.
    """
    check_model(study, model.info)
    chosen = settings or MaskSettings()
    ended, waiting = [], []
    for scan in scans:
        end = None
        if not again and has_result(study, name, scan):
            end = _end_of_segmented(study, name, model.info, scan, chosen, tags, remake)
        if end is None:
            waiting.append(scan)
        else:
            ended.append(end)
            yield end
    for number, scan in enumerate(waiting, 1):
        yield ScanProgress(scan, number, len(waiting))
        began = time.monotonic()
        problem = ""
        try:
            own = replace(chosen, tags=tags(scan))
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


def _end_of_segmented(
    study: Study,
    name: str,
    info: ModelInfo,
    scan: str,
    settings: MaskSettings,
    tags: Tags,
    remake: bool,
) -> ScanDone | None:
    """Return the end of a scan that has a result; None if only the network can make its mask."""
    try:
        own = replace(settings, tags=tags(scan))
        if stored_settings(study, name, scan) == own.record():
            return ScanDone(scan, skipped=True)
        if not remake:
            return ScanDone(scan, skipped=True, other_settings=True)
        if not has_exact_cams(study, name, scan):
            return None
        remake_mask(study, name, info, scan, own)
        study.scan(scan).release()
    except McwssError as error:
        return ScanDone(scan, problem=str(error))
    return ScanDone(scan, skipped=True, remade=True)


def add_found(
    study: Study, found: Mapping[str, Sequence[Path]]
) -> tuple[list[str], list[ScanDone]]:
    """Add the scans of a folder to a study, without those that cannot be read.

    Parameters
    ----------
    study : Study
        The study to add to.
    found : mapping of str to sequence of Path
        Files of each scan by its name, as `find_scans` returns them.

    Returns
    -------
    added : list of str
        Names of the scans that are in the study now.
    problems : list of ScanDone
        What is wrong with the others.
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
