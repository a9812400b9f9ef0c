"""The study of the examples."""

import shutil

import pytest

import napari_mcwss as mcwss


@pytest.fixture
def study(example_folder, tmp_path) -> mcwss.Study:
    """Open a copy of it, to be changed at will."""
    shutil.copytree(example_folder, tmp_path / "copy")
    return mcwss.Study.open(tmp_path / "copy" / "my-study")
