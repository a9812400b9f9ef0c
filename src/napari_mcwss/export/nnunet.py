"""A data set for nnU-Net v2, in which doubtful pixels are left out of the training."""

import csv
import json
import re
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.export.cases import ExportCase, ExportOutcome, each_case, new_folder, plain_names
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.masks.exclusive import THRESHOLD
from napari_mcwss.study.study import Study

DOUBT = 0.2
"""A CAM value nearer to the threshold than this leaves a pixel open."""

SURE = 0.8
"""From this score on a slice surely holds the class; up to ``1 - SURE`` it surely does not."""


def doubtful_pixels(case: ExportCase, tags: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Tell on which pixels a mask should not be learnt from.

    A slice's chance to hold a class is its tag where that is known (present 1,
    absent 0), else its score. A pixel is doubtful if

    - the mask gives it a class whose chance is at most ``1 - SURE``; or, for any
      class of a higher chance,
    - the CAM differs from the threshold by less than `DOUBT`; or
    - the CAM is above that range, and the chance is below `SURE` or the mask
      gives it no class.

    Parameters
    ----------
    case : ExportCase
        The scan's results.
    tags : NDArray of int8, shape (z, K)
        1 present, 0 absent, -1 unknown.

    Returns
    -------
    NDArray of bool, shape (z, y, x)
    """
    chances = np.where(tags == -1, case.scores, tags).T[:, :, None, None]
    doubtful = np.zeros(case.mask.shape, bool)
    for label, (cam, chance) in enumerate(zip(case.cams, chances, strict=True), 1):
        possible = chance > 1 - SURE
        undecided = np.abs(cam - THRESHOLD) < DOUBT
        unsure = (cam > THRESHOLD) & ((chance < SURE) | (case.mask == 0))
        doubtful |= (possible & (undecided | unsure)) | (~possible & (case.mask == label))
    return doubtful


def export_nnunet(
    study: Study, model: str, names: Sequence[str], out: Path
) -> Generator[ExportOutcome, None, None]:
    """Write a data set for nnU-Net v2; it appears when it is whole.

    ``scans.csv`` in it tells which case is which scan.

    Parameters
    ----------
    study : Study
        Of the scans.
    model : str
        Whose masks are the labels.
    names : sequence of str
        Of the scans.
    out : Path
        Folder to make, named as nnU-Net wants it: ``Dataset501_Glioma``.

    Yields
    ------
    ExportOutcome
        After every scan.

    Raises
    ------
    McwssError
        If the folder is of another name or there already, or a class is called ``ignore``.
    """
    if not re.fullmatch(r"Dataset\d{3}_[A-Za-z0-9_-]+", out.name):
        raise McwssError(
            f"nnU-Net finds no data set in a folder {out.name!r}: name it as Dataset501_Glioma"
        )
    reserved = {"background", "ignore"} & set(study.class_names)
    if reserved:
        raise McwssError(
            f"nnU-Net keeps the name {reserved.pop()!r} for itself: rename the class of this name"
        )
    cases = plain_names(names)
    ignore = len(study.class_names) + 1
    with new_folder(out) as folder:

        def write(case: ExportCase) -> None:
            name, geometry = cases[case.scan.name], case.scan.geometry
            labels = case.mask.copy()
            if not case.right:
                labels[doubtful_pixels(case, study.tags.read(case.scan.name).values)] = ignore
            for number, channel in enumerate(case.scan.volume()):
                path = folder / "imagesTr" / f"{name}_{number:04}.nii.gz"
                write_volume(path, channel, geometry, dtype=np.float32)
            write_volume(folder / "labelsTr" / f"{name}.nii.gz", labels, geometry, dtype=np.uint8)

        done = yield from each_case(study, model, names, write)
        labels = {"background": 0, **{n: k for k, n in enumerate(study.class_names, 1)}}
        description = {
            "channel_names": {str(n): channel for n, channel in enumerate(study.channels)},
            "labels": {**labels, "ignore": ignore},
            "numTraining": len(done),
            "file_ending": ".nii.gz",
        }
        with replacing(folder / "dataset.json") as path:
            path.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        with (
            replacing(folder / "scans.csv") as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["case", "scan"])
            writer.writerows((cases[name], name) for name in done)
