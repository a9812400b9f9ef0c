"""Masks and CAMs as a derivative of the Brain Imaging Data Structure (BIDS)."""

import csv
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_mcwss.base.files import replacing
from napari_mcwss.base.version import __version__
from napari_mcwss.export.cases import (
    ExportCase,
    each_case,
    new_folder,
    plain_names,
    refuse_taken,
    voxels_of,
)
from napari_mcwss.export.kind import ExportKind, ExportOutcome, PlannedFiles
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.writing import write_volume
from napari_mcwss.study.study import Study

VERSION = "1.10.0"
"""Version of the standard."""

_SPACE, _MM = 7, 2
"""Bits of ``xyzt_units`` in a NIfTI header: the mask of the unit of space, and mm."""


def export_bids(
    study: Study, model: str, names: Sequence[str], out: Path
) -> Generator[ExportOutcome, None, None]:
    """Write masks (``dseg``) and CAMs (``probseg``) to a folder that appears once complete.

    Its ``participants.tsv`` lists which participant is which scan. For parameters see
    `ExportKind`.
    """
    participants = plain_names(names)
    labels = plain_names(study.class_names)
    segmentation = plain_names([model])[model]
    with new_folder(out) as folder:

        def write(case: ExportCase) -> None:
            participant = participants[case.scan.name]
            stem = f"sub-{participant}_space-orig_seg-{segmentation}"
            anat = folder / f"sub-{participant}" / "anat"
            geometry = _with_unit(case.scan.geometry)
            anat.mkdir(parents=True)
            mask = anat / f"{stem}_dseg.nii.gz"
            write_volume(mask, case.mask, geometry, dtype=np.uint8)
            for label, cam in zip(labels.values(), case.cams, strict=True):
                path = anat / f"{stem}_label-{label}_probseg.nii.gz"
                write_volume(path, cam, geometry, dtype=np.uint8, scale=1 / 255)

        done = yield from each_case(study, model, names, write)
        _write_json(
            folder / "dataset_description.json",
            {
                "Name": f"Segmentations of model {model}",
                "BIDSVersion": VERSION,
                "DatasetType": "derivative",
                "GeneratedBy": [{"Name": "napari-mcwss", "Version": __version__}],
            },
        )
        with replacing(folder / "README") as path:
            path.write_text(
                f"Masks (dseg) and class activation maps (probseg) of model {model}, made by "
                "napari-mcwss from slice tags.\nThey lie on the voxels of the scans that they were "
                "made from.\nThis is research software: not for diagnosis or treatment.\n",
                encoding="utf-8",
            )
        # Sidecars at the top apply to the files of all participants.
        common = {"Manual": False, "SpatialReference": "orig"}
        about = f"Mask of model {model}, learnt from slice tags: each voxel has at most one class"
        _write_json(folder / "dseg.json", {"Description": about, **common})
        for name, label in labels.items():
            about = f"Class activation map of {name}, 0 to 1, learnt from slice tags"
            _write_json(folder / f"label-{label}_probseg.json", {"Description": about, **common})
        _write_table(
            folder / "dseg.tsv",
            [("index", "name", "abbreviation", "color"), (0, "background", "BG", "#000000")]
            + [
                (index, spec.name, labels[spec.name], spec.colour)
                for index, spec in enumerate(study.classes, 1)
            ],
        )
        _write_table(
            folder / "participants.tsv",
            [("participant_id", "scan"), *((f"sub-{participants[n]}", n) for n in done)],
        )
        column = {"Description": "Name of the scan in the study that it comes from"}
        _write_json(
            folder / "participants.json",
            {"Description": "Which participant is which scan", "scan": column},
        )


def plan_bids(study: Study, _: str, names: Sequence[str], out: Path) -> list[PlannedFiles]:
    """List what `export_bids` is going to write."""
    refuse_taken(out)
    voxels, classes = voxels_of(study, names), len(study.class_names)
    anat = "sub-<scan>/anat/sub-<scan>_..."
    return [
        PlannedFiles(f"{anat}_dseg.nii.gz", len(names), voxels),
        PlannedFiles(f"{anat}_probseg.nii.gz", classes * len(names), classes * voxels),
        PlannedFiles("label-<class>_probseg.json", classes),
        PlannedFiles("descriptions (JSON, TSV, README)", 6),
    ]


def _with_unit(geometry: Geometry) -> Geometry:
    """Name mm as the unit of a file that names none, which is read as mm."""
    placement = geometry.placement
    if placement is None or placement.fields["xyzt_units"] & _SPACE:
        return geometry
    fields = {**placement.fields, "xyzt_units": placement.fields["xyzt_units"] | _MM}
    return replace(geometry, placement=replace(placement, fields=fields))


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    with replacing(file) as path:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_table(file: Path, rows: Sequence[Sequence[object]]) -> None:
    with replacing(file) as path, path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened, delimiter="\t", lineterminator="\n").writerows(rows)


BIDS = ExportKind(
    "bids",
    "BIDS derivative",
    "Write masks and CAMs as a BIDS derivative.",
    export_bids,
    plan_bids,
    "derivatives",
)
