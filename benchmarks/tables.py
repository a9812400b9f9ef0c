"""Run benchmarks, and write what they print into README.md, beside the code that they timed.

    MCWSS_DATA=... python benchmarks/tables.py                  # all whose code has changed since
    MCWSS_DATA=... python benchmarks/tables.py speed planes     # these

Run it on an idle machine, one that has Xvfb or a screen. The comment above a table names the commit
and has a digest of the modules that were timed, without their comments and docstrings. A test
computes the digest anew: it fails while a table is older than its code.
"""

import argparse
import ast
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import napari_mcwss

PACKAGE = Path(napari_mcwss.__file__).parent
HERE = Path(__file__).parent
PAGE = HERE / "README.md"

PREDICTION = ("model/[a-z]*.py", "model/presets/*.py", "segmentation/prediction/[!m]*.py")


@dataclass(frozen=True)
class Benchmark:
    """A script, its options, and the modules that it times: paths in the package, or patterns."""

    script: str
    code: tuple[str, ...]
    options: tuple[str, ...] = ()
    window: bool = True


BENCHMARKS = {
    "speed": Benchmark(
        "speed.py",
        (*PREDICTION, "segmentation/segment.py", "scans/reading.py", "scans/writing.py"),
        ("--widths", "16", "--slices", "4"),
        window=False,
    ),
    "tag strip": Benchmark("tag_strip.py", ("plugin/tagging/strip/*.py",)),
    "tagging": Benchmark(
        "tagging.py",
        ("plugin/tagging/dock.py", "plugin/tagging/scan_list.py", "plugin/tagging/strip/*.py"),
        ("--repeats", "100"),
    ),
    "planes": Benchmark("planes.py", ("plugin/planes/*.py",), ("--repeats", "40")),
    "sliders": Benchmark(
        "mask_sliders.py",
        ("plugin/results/mask_making.py", "segmentation/masks/*.py"),
        ("--repeats", "20"),
    ),
    "share": Benchmark(
        "slow_share.py", ("plugin/session/*.py", "plugin/tagging/dock.py", "plugin/worklist/*.py")
    ),
    "startup": Benchmark(
        "startup.py",
        ("__init__.py", "plugin/launch.py", "plugin/session/session.py", "plugin/*/dock.py"),
        ("--repeats", "3"),
    ),
    "pipeline": Benchmark(
        "pipeline.py",
        ("training/data/*.py", "scans/digest.py", "scans/reading.py", "model/inputs.py"),
        window=False,
    ),
    "growth": Benchmark(
        "growth.py",
        (*PREDICTION, "segmentation/segment.py", "scans/reading.py", "scans/writing.py"),
        window=False,
    ),
    "many scans": Benchmark(
        "many_scans.py",
        (
            "base/files.py",
            "study/study.py",
            "study/described.py",
            "study/description.py",
            "tags/store.py",
            "tags/scan_tags.py",
            "tags/journal.py",
            "segmentation/batch.py",
            "segmentation/results.py",
        ),
        window=False,
    ),
    "encoding": Benchmark(
        "encoding.py",
        (
            "model/heads.py",
            "model/encoders/*.py",
            "model/presets/features.py",
            "training/features/feature_set.py",
            "training/features/store.py",
            "training/features/fit.py",
            "training/features/steps.py",
        ),
        window=False,
    ),
    "pictures": Benchmark(
        "pictures.py",
        ("training/stages.py", "training/features/*.py", "model/presets/*.py"),
        window=False,
    ),
    "processes": Benchmark(
        "ranks.py", ("training/distributed/*.py", "model/presets/local*.py"), window=False
    ),
    "live maps": Benchmark(
        "live.py",
        (
            "model/heads.py",
            "training/features/feature_set.py",
            "training/features/live.py",
            "training/features/steps.py",
        ),
        window=False,
    ),
}

_TABLE = re.compile(
    r"<!-- (?P<name>[a-z ]+): commit \S+, code (?P<digest>\S+) -->\n"
    r".*?<!-- end of (?P=name) -->",
    re.DOTALL,
)


def digests(page: str) -> dict[str, str]:
    """Return the digest of the code that each table of a page was measured with, by name."""
    return {found["name"]: found["digest"] for found in _TABLE.finditer(page)}


def code_digest(code: Sequence[str], package: Path = PACKAGE) -> str:
    """Return a digest of modules that their comments, docstrings and layout do not change."""
    digest = hashlib.sha256()
    for pattern in code:
        paths = sorted(package.glob(pattern))
        if not paths:
            raise ValueError(f"{pattern} matches no module of {package}")
        for path in paths:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    node.body = [part for part in node.body if not _is_text(part)]
            digest.update(f"{path.relative_to(package).as_posix()}\n{_dump(tree)}\n".encode())
    return digest.hexdigest()[:12]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _dump(node: object) -> str:
    """Write a tree as all versions of Python do: `ast.dump` names empty fields of its own."""
    if isinstance(node, ast.AST):
        fields = [_dump(value) for _, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({', '.join(fields)})"
    return ", ".join(map(_dump, node)) if isinstance(node, list) else repr(node)


def measure(benchmark: Benchmark) -> str:
    """Run a benchmark; return the table and the list that it prints, below their conditions."""
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    command = [sys.executable, str(HERE / benchmark.script), *benchmark.options]
    if benchmark.window:
        helper = HERE.parent / "tests" / "helpers" / "run_with_display.py"
        command = [sys.executable, str(helper), *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    # Beside these, libraries may print warnings.
    lines = [line for line in done.stdout.splitlines() if line.startswith(("|", "- "))]
    kinds = [[line for line in lines if line.startswith(start)] for start in ("|", "- ")]
    parts = [f"*{os.cpu_count()} cores{load}, commit {commit()}*", *map("\n".join, kinds)]
    return "\n\n".join(filter(None, parts))


def _import_path() -> list[str]:
    return [str(PACKAGE.parent), str(HERE.parent / "tests")]


@cache
def commit() -> str:
    """Return the commit, ``-dirty`` if the package differs from it before the first table."""

    def git(*words: str) -> str:
        command = ["git", *words]
        return subprocess.run(
            command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--", str(PACKAGE))
    return git("rev-parse", "--short=7", "HEAD") + ("-dirty" if changed else "")


def put(page: str, name: str, code: Sequence[str], text: str) -> str:
    """Return a page with a table in place of the one before."""
    begin = f"<!-- {name}: commit {commit()}, code {code_digest(code)} -->"
    end = f"<!-- end of {name} -->"
    place = re.compile(rf"<!-- {name}(:[^>]*)? -->\n.*?{end}", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page has no place for {name!r}: expected its comments")
    return place.sub(lambda _: f"{begin}\n{text}\n{end}", page, count=1)


def old(page: str) -> list[str]:
    """Return the tables that were measured with other code, or not at all."""
    found = digests(page)
    return [name for name, item in BENCHMARKS.items() if found.get(name) != code_digest(item.code)]


def main() -> None:
    """Measure, and write each table as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="TABLE", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or old(PAGE.read_text(encoding="utf-8"))
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"unknown tables {', '.join(sorted(unknown))}")
    for name in names:
        text = measure(BENCHMARKS[name])
        print(f"{name}\n{text}\n", flush=True)
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(put(page, name, BENCHMARKS[name].code, text), encoding="utf-8")


if __name__ == "__main__":
    main()
