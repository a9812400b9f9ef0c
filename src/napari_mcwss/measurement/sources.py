"""Where the masks to be measured come from: a model, a reader, files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.class_masks import class_masks
from napari_mcwss.measurement.references import ReferenceMasks
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.labels import Label
from napari_mcwss.segmentation.corrected import CORRECTED, is_corrected, read_corrected
from napari_mcwss.study.study import Study


@dataclass(frozen=True, eq=False)
class MaskSource:
    """Masks of scans under one name.

    Attributes
    ----------
    read : callable
        Returns a scan's masks, bool ``(classes, z, y, x)``, or raises an error
        that says what is missing.
    trained_on : tuple of str
        Scans that the maker of the masks was trained on.
    predicted : bool
        Whether a model has made the masks.
    unknown : tuple of str
        Classes that the model was not trained on.
    """

    name: str
    has: Callable[[str], bool]
    read: Callable[[str], NDArray[np.bool_]]
    trained_on: tuple[str, ...] = ()
    predicted: bool = False
    unknown: tuple[str, ...] = ()

    @classmethod
    def of_model(cls, study: Study, model: str) -> "MaskSource":
        """Take the stored masks of a model."""
        # These load torch, which takes seconds: masks of layers and files need none.
        from napari_mcwss.model.checkpoint import read_info
        from napari_mcwss.segmentation.results import has_result, load_mask
        from napari_mcwss.segmentation.study_classes import unknown_classes
        from napari_mcwss.study.models import check_model

        info = read_info(study.model_folder(model))
        check_model(study, info)
        return cls(
            model,
            lambda scan: has_result(study, model, scan),
            lambda scan: class_masks(load_mask(study, model, scan), study.class_names),
            info.scans,
            predicted=True,
            unknown=unknown_classes(study, info.classes),
        )

    @classmethod
    def of_corrected(
        cls, study: Study, unsaved: Mapping[str, NDArray[np.uint8]] | None = None
    ) -> "MaskSource":
        """Take the masks that were corrected by hand, called right or not.

        Labels in `unsaved` are newer than those on disk.
        """
        newer = unsaved or {}

        def read(scan: str) -> NDArray[np.bool_]:
            if scan in newer:
                return class_masks(newer[scan], study.class_names)
            mask = read_corrected(study, scan)
            if mask is None:
                raise McwssError(f"scan {scan} has no corrected mask: correct its mask first")
            return class_masks(mask.labels, study.class_names)

        return cls(CORRECTED, lambda scan: scan in newer or is_corrected(study, scan), read)

    @classmethod
    def of_files(
        cls, study: Study, masks: str, values: Mapping[str, Sequence[Label]] | None = None
    ) -> "MaskSource":
        """Take masks in files, found as in `find_masks` and named after their folder.

        Parameters
        ----------
        values : mapping, optional
            Class name to its values in the masks, or names; by default the name of the class, or
            1 for the first class, 2 for the second, and so on.

        Raises
        ------
        McwssError
            If no scan has a mask there.
        """
        given = values or {name: (k, name) for k, name in enumerate(study.class_names, 1)}
        files = find_masks(masks, {s: study.files(s)[0] for s in study.scan_names}, partial=True)
        return cls(Path(masks).name, files.__contains__, ReferenceMasks(study, masks, given).read)
