"""Results of older versions, whose stored CAMs do not give the stored mask."""

from collections.abc import Sequence

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import names_text
from napari_mcwss.model.checkpoint import ModelInfo
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.results import (
    has_exact_cams,
    load_mask,
    load_result,
    stored_settings,
)
from napari_mcwss.segmentation.segment import mask_of
from napari_mcwss.study.study import Study


def differs_from_cams(study: Study, model: str, info: ModelInfo, scan: str) -> bool:
    """Tell whether an older version has stored a mask that the CAMs beside it do not give.

    Parameters
    ----------
    study : Study
        Of the scan.
    model, info
        Name and description of the model.
    scan : str
        Name of a segmented scan.

    Returns
    -------
    bool
        False, too, if nothing can be said: settings are not known, or a file is damaged.
    """
    record = stored_settings(study, model, scan)
    if has_exact_cams(study, model, scan) or not record:
        return False
    try:
        settings = MaskSettings.of_record(record, study.tags.read(scan).values, study.class_names)
        stored, prediction = load_mask(study, model, scan), load_result(study, model, scan)
    except McwssError:
        return False
    if prediction is None:
        return False
    return not np.array_equal(mask_of(study, info, prediction, settings), stored)


def older_text(scans: Sequence[str]) -> str:
    """Say what is wrong with scans of which `differs_from_cams` is true, and what to do.

    Examples
    --------
    >>> older_text(["a"])  # doctest: +ELLIPSIS
    'a was segmented by an older version, which ... of these CAMs differ...: segment it again'
    """
    were, them = ("was", "it") if len(scans) == 1 else ("were", "them")
    return (
        f"{names_text(scans)} {were} segmented by an older version, which rounded CAMs when it "
        "stored them; masks made of these CAMs differ from the mask that was stored with them: "
        f"segment {them} again"
    )
