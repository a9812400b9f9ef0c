"""Build the documentation: ``sphinx-build -W -c docs . SITE``, or ``tox run -e docs``.

The source folder is that of the repository, so that pages link to examples and to figures
of benchmarks by the same paths here and in a browser of the repository.
"""

import subprocess
import sys
from pathlib import Path

from napari_mcwss import __version__

HERE = Path(__file__).parent

project = "napari-mcwss"
author = "The napari-mcwss developers"
copyright = "The napari-mcwss developers, BSD-3-Clause"  # noqa: A001, the name is Sphinx's
release = version = __version__

root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "benchmarks/*.md",
    "examples/*.ipynb",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
]
exclude_patterns = [".*", "build", "dist", "jupyter_execute", "src", "tests", "**/figures"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

smartquotes_action = "q"  # quotes, but two dashes of an option stay two

autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # numpydoc's sections have the types
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "napari-mcwss"
html_extra_path = ["_top"]  # the page at the top, which leads to that of docs/
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}

# What the program says of its commands.
subprocess.run(
    (
        *(sys.executable, "-m", "typer", "napari_mcwss.cli.app", "utils", "docs"),
        *("--name", "napari-mcwss", "--title", "Commands"),
        *("--output", str(HERE / "commands.md")),
    ),
    check=True,
    capture_output=True,
)
