"""Small studies to open in napari."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_mcwss.project import Study
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.tags.importing import tags_from_mask
from napari_mcwss.tags.table import TagTable


@pytest.fixture(scope="session")
def tagged_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``scans`` and ``study``: four small phantoms with all slices tagged."""
    folder = tmp_path_factory.mktemp("tagged")
    write_phantom(folder / "scans", scans=4, size=(9, 41, 36))
    scans = sorted((folder / "scans").iterdir())
    study = Study.create(
        folder / "study",
        scans={scan.name: [scan / f"{name}.nii.gz" for name in PHANTOM_CHANNELS] for scan in scans},
        channels=PHANTOM_CHANNELS,
        classes=list(PHANTOM_CLASSES),
    )
    for scan in scans:
        mask = read_mask(scan / "seg.nii.gz", study.scan(scan.name).geometry)
        values = tags_from_mask(np.asarray(mask), PHANTOM_CLASSES)
        study.save_tags(scan.name, TagTable(study.class_names, values))
    return folder


@pytest.fixture(scope="session")
def trained_folder(tagged_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with a model ``model-1`` that was hardly trained."""
    from napari_mcwss.training.config import TrainingConfig
    from napari_mcwss.training.loop import train

    folder = tmp_path_factory.mktemp("trained") / "copy"
    shutil.copytree(tagged_folder, folder)
    config = TrainingConfig(width=4, epochs=4, device="cpu")
    for _ in train(Study.open(folder / "study"), "model-1", config):
        pass
    return folder


@pytest.fixture
def tagged_study(tagged_folder: Path, tmp_path: Path) -> Study:
    """Four small phantoms with all slices tagged, to be changed at will."""
    shutil.copytree(tagged_folder, tmp_path / "copy")
    return Study.open(tmp_path / "copy" / "study")


@pytest.fixture
def trained_study(trained_folder: Path, tmp_path: Path) -> Study:
    """The same, with a model ``model-1`` that was hardly trained."""
    shutil.copytree(trained_folder, tmp_path / "copy")
    return Study.open(tmp_path / "copy" / "study")
