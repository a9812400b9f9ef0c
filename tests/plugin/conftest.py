"""A small study to open in napari."""

from pathlib import Path

import numpy as np
import pytest

from napari_mcwss.project import Study
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.tags.importing import tags_from_mask
from napari_mcwss.tags.table import TagTable


@pytest.fixture
def tagged_study(tmp_path: Path) -> Study:
    """Four small phantoms with all slices tagged."""
    scans = tmp_path / "scans"
    write_phantom(scans, scans=4, size=(9, 41, 36))
    folders = sorted(scans.iterdir())
    study = Study.create(
        tmp_path / "study",
        scans={f.name: [f / f"{channel}.nii.gz" for channel in PHANTOM_CHANNELS] for f in folders},
        channels=PHANTOM_CHANNELS,
        classes=list(PHANTOM_CLASSES),
    )
    for folder in folders:
        mask = read_mask(folder / "seg.nii.gz", study.scan(folder.name).geometry)
        values = tags_from_mask(np.asarray(mask), PHANTOM_CLASSES)
        study.save_tags(folder.name, TagTable(study.class_names, values))
    return study
