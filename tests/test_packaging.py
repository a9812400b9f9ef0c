"""What describes the package to others says what the package itself says."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "recipes" / "napari-mcwss" / "recipe.yaml"

RENAMED = {"torch": "pytorch"}
"""Packages that have another name at conda-forge."""


@pytest.mark.skipif(not RECIPE.is_file(), reason="tests are run without the recipe")
def test_the_recipe_for_conda_needs_what_the_package_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {}
    for text in project["dependencies"]:
        requirement = Requirement(text)
        name = RENAMED.get(requirement.name, requirement.name.lower())
        needed[name] = requirement.specifier
    recipe = yaml.safe_load(RECIPE.read_text("utf-8"))
    python, *others = recipe["requirements"]["run"]
    run = map(Requirement, others)
    assert {one.name: one.specifier for one in run} == needed
    assert python.startswith("python >=")
    assert f">={recipe['context']['python_min']}" == project["requires-python"]


def test_readme_leads_to_the_sources_wherever_it_is_shown(monkeypatch):
    monkeypatch.setenv("PROJECT_REPOSITORY", "someone/napari-mcwss")
    monkeypatch.setenv("PROJECT_COMMIT", "abc")
    metadata = _described()
    text = metadata["readme"]["text"]
    addresses = re.findall(r"\]\(([^)]*)\)", text) + re.findall(r'(?:src|href)="([^"]*)"', text)
    assert [one for one in addresses if not one.startswith("https://")] == []
    files = "https://raw.githubusercontent.com/someone/napari-mcwss/abc/"
    pictures = re.findall(rf'<img [^>]*src="{files}([^"]*)"', text)
    assert pictures
    home = metadata["urls"]["Source"]
    pages = re.findall(rf"\({home}/blob/abc/([^)]*)\)", text)
    assert "docs/first_minutes.md" in pages
    for path in (*pictures, *pages):
        assert (ROOT / path.partition("#")[0]).is_file()


def test_pictures_lead_to_the_sources_in_either_form(tmp_path, monkeypatch):
    monkeypatch.setenv("PROJECT_REPOSITORY", "someone/napari-mcwss")
    monkeypatch.setenv("PROJECT_COMMIT", "abc")
    elsewhere = '<img src="https://example.org/badge.svg">'
    (tmp_path / "README.md").write_text(
        f'![One](docs/one.png)\n<img width="9" src="docs/two.png" alt="Two">\n{elsewhere}\n'
    )
    files = "https://raw.githubusercontent.com/someone/napari-mcwss/abc/docs"
    assert _described(tmp_path)["readme"]["text"] == (
        f'![One]({files}/one.png)\n<img width="9" src="{files}/two.png" alt="Two">\n{elsewhere}\n'
    )


def test_readme_stays_as_it_is_where_nobody_says_where_the_sources_are(monkeypatch):
    monkeypatch.delenv("PROJECT_REPOSITORY", raising=False)
    metadata = _described()
    assert metadata["readme"]["text"] == (ROOT / "README.md").read_text("utf-8")
    assert "urls" not in metadata


def _described(root=ROOT):
    """Return what the build says of the project in root beside pyproject.toml."""
    pytest.importorskip("hatchling")
    script = ROOT / "hatch_build.py"
    if not script.is_file():
        pytest.skip("tests are run without the sources")
    spec = importlib.util.spec_from_file_location("hatch_build", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    metadata = {}
    module.Addresses(str(root), {}).update(metadata)
    return metadata
