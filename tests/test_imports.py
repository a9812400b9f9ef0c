"""The data layer is light: a plugin's start must not wait for what it does not use."""

import subprocess
import sys

LIGHT = (
    "napari_mcwss",
    "napari_mcwss.api",
    "napari_mcwss.study.description",
    "napari_mcwss.study.tag_exchange",
    "napari_mcwss.base.files",
    "napari_mcwss.model.encoders.registry",
    "napari_mcwss.model.presets.registry",
    "napari_mcwss.study.study",
    "napari_mcwss.scans.finding",
    "napari_mcwss.scans.phantom",
    "napari_mcwss.scans.reading",
    "napari_mcwss.scans.writing",
    "napari_mcwss.tags.agreement",
    "napari_mcwss.tags.journal",
    "napari_mcwss.tags.importing",
    "napari_mcwss.tags.lock",
    "napari_mcwss.tags.spreadsheets",
    "napari_mcwss.tags.scan_tags",
    "napari_mcwss.tags.table",
    "napari_mcwss.training.config",
    "napari_mcwss.training.process.launcher",
)
HEAVY = {"torch", "monai", "napari", "qtpy", "PyQt6", "nibabel", "scipy", "skimage", "PIL"}


def test_no_module_imports_anything_heavy():
    code = (
        "import importlib, sys\n"
        f"for module in {LIGHT}:\n"
        "    importlib.import_module(module)\n"
        f"    found = {HEAVY} & {{name.partition('.')[0] for name in sys.modules}}\n"
        "    if found: sys.exit(f'{module} imports {found}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not done.stderr
    assert done.returncode == 0
