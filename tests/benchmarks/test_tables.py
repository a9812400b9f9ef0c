"""Tables of benchmarks are measured with the code that they describe."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))
tables = importlib.import_module("tables")


@pytest.mark.parametrize("name", tables.BENCHMARKS)
def test_no_table_is_older_than_the_code_that_it_times(name: str):
    page = tables.PAGE.read_text(encoding="utf-8")
    assert name not in tables.old(page), (
        f"the table {name!r} was measured with other code: run `python benchmarks/tables.py` on an "
        "idle machine"
    )


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "filter.py"
    path.parent.mkdir()
    path.write_text('"""Smooth."""\n\ndef smooth(x):\n    """Halve."""\n    return x / 2\n')
    return path


def test_words_about_code_do_not_make_its_table_old(module: Path, tmp_path: Path):
    before = tables.code_digest(["model/*.py"], tmp_path)
    module.write_text('"""Blur."""\n\n\ndef smooth(x):\n    # By two.\n    return x / 2\n')
    assert tables.code_digest(["model/*.py"], tmp_path) == before


def test_other_code_makes_its_table_old(module: Path, tmp_path: Path):
    before = tables.code_digest(["model/*.py"], tmp_path)
    module.write_text(module.read_text().replace("x / 2", "x / 3"))
    assert tables.code_digest(["model/*.py"], tmp_path) != before


def test_code_that_is_gone_is_told(tmp_path: Path):
    with pytest.raises(ValueError, match=r"model/\*\.py matches no module"):
        tables.code_digest(["model/*.py"], tmp_path)


def test_a_table_is_written_over_the_one_in_the_page(monkeypatch):
    monkeypatch.setattr(tables, "commit", lambda: "abc1234")
    page = "# Speed\n\n<!-- speed -->\n<!-- end of speed -->\n\nFast.\n"
    code = ("model/maps.py",)
    for figure in ("2 s", "1 s"):
        page = tables.put(page, "speed", code, f"| {figure} |")
    assert tables.digests(page) == {"speed": tables.code_digest(code)}
    assert "2 s" not in page
    assert page.endswith("| 1 s |\n<!-- end of speed -->\n\nFast.\n")
