"""The front door: what the page of Python shows works, and importing it is quick."""

import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.example_study import write_scans

import napari_mcwss as mcwss

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def block_of_page(**replaced: str) -> str:
    """Return the Python that the page shows, with quicker settings and another slice."""
    block = PAGE.read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    for old, new in replaced.items():
        assert old in block
        block = block.replace(old, new)
    return block


def run_block(block: str, folder: Path) -> dict:
    """Run the Python of the page on the scans ``glioma`` of a folder; return its names."""
    names = {"volume": np.zeros((2, 3, 40, 40))}
    exec(compile(block, PAGE.name, "exec"), names)
    study, result = names["study"], names["result"]
    scan = study.scan("pat0002")

    assert study.model_names() == ["first", "second"]
    assert study.model("first").info.scans == ("pat0001", "pat0005", "pat0006")
    assert study.tags["pat0001"][0, "TC"] is mcwss.ABSENT
    assert result.mask.dtype == np.uint8
    assert result.mask.shape == result.cams["TC"].shape == scan.geometry.shape
    assert 0 <= result.cams["ED"].min() <= result.cams["ED"].max() <= 1
    voxel = np.prod(scan.geometry.spacing) / 1000
    assert result.volumes_ml["ED"] == pytest.approx((result.mask == 2).sum() * voxel)
    stored = nib.load(study.result_folder("first", "pat0002") / "mask.nii.gz")
    expected = result.remask(threshold=0.4, steps="small=0.5,holes")
    found = scan.geometry.to_canonical(np.asarray(stored.dataobj))
    assert np.array_equal(found, expected.mask)
    assert set(names["scores"].scans["pat0002"]) == {"TC", "ED"}
    assert len(list((folder / "Dataset501_Glioma" / "labelsTr").iterdir())) == 1
    assert np.asarray(names["found"]).shape == (3, 40, 40)
    return names


def test_what_the_page_of_python_shows_works_on_phantoms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scans(tmp_path / "glioma")
    quick = {"epochs=20": "epochs=1, width=2, device='cpu'", "[60,": "[4,"}
    run_block(block_of_page(**quick), tmp_path)


@pytest.mark.data
@pytest.mark.slow
def test_what_the_page_of_python_shows_works_on_gliomas(data_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "glioma").symlink_to(data_folder("glioma"))
    quick = {"epochs=20": "epochs=1, width=4, pixel=4, device='cpu'"}
    names = run_block(block_of_page(**quick), tmp_path)
    assert names["scores"].mean("ED").reference_ml > 10


def test_names_are_given_when_they_are_asked_for():
    code = (
        "import sys, napari_mcwss as mcwss\n"
        "assert set(mcwss.__all__) == set(dir(mcwss))\n"
        "for name in mcwss.__all__: getattr(mcwss, name)\n"
        "heavy = {'torch', 'monai', 'napari', 'qtpy', 'nibabel', 'scipy', 'skimage', 'pandas'}\n"
        "found = heavy & {name.partition('.')[0] for name in sys.modules}\n"
        "if found: sys.exit(f'imports {found}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'Studdy'"):
        _ = mcwss.Studdy
