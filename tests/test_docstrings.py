"""The examples in docstrings run, and give what they say."""

import doctest
import importlib
import pkgutil
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

import napari_mcwss


def with_examples() -> list[str]:
    """Return the modules whose source holds an example; none of them is imported."""
    found = pkgutil.walk_packages(napari_mcwss.__path__, "napari_mcwss.")
    names = ["napari_mcwss", *(info.name for info in found)]
    origins = {name: spec.origin for name in names if (spec := find_spec(name)) and spec.origin}
    return [name for name, path in origins.items() if ">>>" in Path(path).read_text("utf-8")]


@pytest.mark.parametrize("name", with_examples())
def test_examples_give_what_they_say(name, request, tmp_path, monkeypatch):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for number, example in enumerate(doctest.DocTestFinder().find(module, name)):
        folder = tmp_path / str(number)
        if any(name in str(example.docstring) for name in ("glioma", "my-study")):
            shutil.copytree(request.getfixturevalue("example_folder"), folder)
        else:
            folder.mkdir()
        monkeypatch.chdir(folder)
        runner.run(example)
    assert runner.tries
    assert not runner.failures
