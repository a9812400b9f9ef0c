"""The data layer is light: a plugin's start must not wait for what it does not use."""

import subprocess
import sys

import pytest

LIGHT = (
    "napari_mcwss",
    "napari_mcwss.description",
    "napari_mcwss.exchange",
    "napari_mcwss.files",
    "napari_mcwss.project",
    "napari_mcwss.scans.finding",
    "napari_mcwss.scans.phantom",
    "napari_mcwss.scans.reading",
    "napari_mcwss.scans.writing",
    "napari_mcwss.tags.agreement",
    "napari_mcwss.tags.history",
    "napari_mcwss.tags.importing",
    "napari_mcwss.tags.lock",
    "napari_mcwss.tags.spreadsheets",
    "napari_mcwss.tags.store",
    "napari_mcwss.tags.table",
    "napari_mcwss.training.processes",
)
HEAVY = {"torch", "monai", "napari", "qtpy", "PyQt6", "nibabel", "scipy", "skimage", "PIL"}


@pytest.mark.parametrize("module", LIGHT)
def test_module_imports_nothing_heavy(module):
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
