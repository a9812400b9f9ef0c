"""The documentation builds, and says what the program says."""

import subprocess
import sys
from pathlib import Path

import pytest

from napari_mcwss.cli.app import ORDER

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(
    not (ROOT / "docs" / "conf.py").is_file(), reason="tests are run without the documentation"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = (sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q")
    done = subprocess.run(
        (*build, "-c", ROOT / "docs", ROOT, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    # Warnings are errors; programs below, such as Jupyter's kernel, have warnings of their own.
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_pages_have_no_broken_links_and_every_page_is_in_a_menu(site):
    page = (site / "docs" / "index.html").read_text("utf-8")
    for name in (ROOT / "docs").glob("*.md"):
        assert name.stem == "index" or f"{name.stem}.html" in page


@pytest.mark.slow
def test_every_command_is_on_the_page_of_commands(site):
    page = (site / "docs" / "commands.html").read_text("utf-8")
    assert [name for name in ORDER if f"napari-mcwss {name}" not in page] == []


@pytest.mark.slow
def test_the_page_of_python_has_what_the_front_door_offers(site):
    import napari_mcwss

    page = (site / "docs" / "python.html").read_text("utf-8")
    constants = {"ABSENT", "PRESENT", "UNKNOWN", "__version__", "events"}
    names = [name for name in napari_mcwss.__all__ if name not in constants]
    assert [name for name in names if f'id="napari_mcwss.{name}"' not in page] == []


@pytest.mark.slow
def test_the_notebook_ran_and_shows_its_figures(site):
    page = (site / "examples" / "first_study.html").read_text("utf-8")
    assert page.count('<img alt="../_images/') == 2
    assert "Dice" in page
