"""A data set for nnU-Net v2, which ignores doubtful pixels in training."""

import csv
import json
import re
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.export.cases import (
    ExportCase,
    each_case,
    new_folder,
    plain_names,
    refuse_taken,
    voxels_of,
)
from napari_mcwss.export.kind import ExportKind, ExportOutcome, PlannedFiles
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.segmentation.masks.exclusive import THRESHOLD
from napari_mcwss.study.study import Study

DOUBT = 0.2
"""A pixel is undecided if its CAM value is closer to the threshold than this."""

SURE = 0.8
"""A slice surely holds the class from this score on, and surely not up to ``1 - SURE``."""


def doubtful_pixels(case: ExportCase, tags: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Find the pixels that a network should not learn from.

    The chance that a slice holds a class is its tag if known (present 1, absent 0), else its
    score. A pixel is doubtful if

    - the mask gives it a class with a chance of at most ``1 - SURE``, or
    - for a class with a higher chance, the CAM is closer to the threshold than `DOUBT`, or
    - for such a class, the CAM is above that range, but the chance is below `SURE` or the mask
      is background.

    Tags are ``(z, classes)``: 1 present, 0 absent, -1 unknown.
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
    """Write a data set for nnU-Net v2 to a folder that appears once complete.

    Its ``scans.csv`` lists which case is which scan. For parameters see `ExportKind`.

    Raises
    ------
    McwssError
        If the folder exists or is not named as ``Dataset501_Glioma``, or a class is called
        ``background`` or ``ignore``.
    """
    _check(study, out)
    cases = plain_names(names)
    ignore = len(study.class_names) + 1
    sheared: list[str] = []
    with new_folder(out) as folder:

        def write(case: ExportCase) -> None:
            name, geometry = cases[case.scan.name], case.scan.geometry
            if geometry.is_sheared:
                sheared.append(name)
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
        if sheared:
            # The reader that nnU-Net takes by default refuses them.
            description["overwrite_image_reader_writer"] = "NibabelIOWithReorient"
        with replacing(folder / "dataset.json") as path:
            path.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        with (
            replacing(folder / "scans.csv") as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["case", "scan"])
            writer.writerows((cases[name], name) for name in done)


def plan_nnunet(study: Study, _: str, names: Sequence[str], out: Path) -> list[PlannedFiles]:
    """List what `export_nnunet` is going to write."""
    _check(study, out)
    refuse_taken(out)
    voxels, channels = voxels_of(study, names), len(study.channels)
    images = 4 * channels * voxels
    return [
        PlannedFiles("imagesTr/<case>_<channel>.nii.gz", channels * len(names), images),
        PlannedFiles("labelsTr/<case>.nii.gz", len(names), voxels),
        PlannedFiles("dataset.json, scans.csv", 2),
    ]


def _check(study: Study, out: Path) -> None:
    """Refuse names that nnU-Net does not take."""
    if not re.fullmatch(r"Dataset\d{3}_[A-Za-z0-9_-]+", out.name):
        raise McwssError(
            f"nnU-Net finds no data set in a folder {out.name!r}: expected Dataset, three digits, "
            "an underscore and a name, such as Dataset501_Glioma"
        )
    reserved = {"background", "ignore"} & set(study.class_names)
    if reserved:
        raise McwssError(
            f"nnU-Net keeps the name {reserved.pop()!r} for itself: rename the class of this name"
        )


def _propose(folder: Path) -> str:
    """Name a data set after the folder of a study, with a number that no other one beside it has.

    nnU-Net finds data sets by their numbers, and refuses two of the same.
    """
    (name,) = plain_names([folder.name]).values()
    taken = {path.name[len("Dataset") :][:3] for path in folder.parent.glob("Dataset*")}
    number = next((n for n in range(501, 999) if str(n) not in taken), 999)
    return f"Dataset{number}_{name}"


NNUNET = ExportKind(
    "nnunet",
    "nnU-Net data set",
    "Write a data set for nnU-Net v2, in which doubtful pixels are to be ignored.",
    export_nnunet,
    plan_nnunet,
    "Dataset501_Glioma",
    propose=_propose,
)
