"""What describes the package to others says what the package itself says."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "recipes" / "napari-mcwss" / "recipe.yaml"

RENAMED = {"torch": "pytorch"}
"""Packages that have another name at conda-forge."""

pytestmark = pytest.mark.skipif(not RECIPE.is_file(), reason="tests are run without the recipe")


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
