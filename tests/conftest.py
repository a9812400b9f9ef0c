"""What many tests begin with."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_mcwss.project import Study
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two phantom scans, stored in different orders, with their truth; not to be changed."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, scans=2)
    return folder


@pytest.fixture
def phantom_study(phantom_folder: Path, tmp_path: Path) -> Study:
    """A fresh study of the phantom scans, without tags."""
    return Study.create(
        tmp_path / "study",
        scans=find_scans(phantom_folder, PHANTOM_CHANNELS),
        channels=PHANTOM_CHANNELS,
        classes=list(PHANTOM_CLASSES),
    )


@pytest.fixture(scope="session")
def data_folder() -> Callable[[str], Path]:
    """Give a folder of real scans, or skip the test where it is missing."""

    def find(name: str) -> Path:
        root = os.environ.get("MCWSS_DATA")
        if not root:
            pytest.skip("MCWSS_DATA does not name the folder of real scans")
        folder = Path(root) / name
        if not folder.is_dir():
            pytest.skip(f"there is no folder {name} in MCWSS_DATA")
        return folder

    return find
