"""How long the window waits for files of a study on a share, and for a worklist of 500 scans.

Each operation on a file of the study takes 30 ms longer, as over a network. The pauses are those of
the main thread between two returns to the event loop: while a study with four models is opened,
another scan is shown, and a slice is tagged. The worklist is that of a study on a local disk.

    PYTHONPATH=tests python tests/helpers/run_with_display.py python benchmarks/slow_share.py
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
from helpers.many_classes import MODEL, make_study
from helpers.slow_share import SlowShare
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.tags.changes import changes_between
from napari_mcwss.tags.table import Tag

REST = 3.0
"""Seconds in which what was begun comes to its end."""


def run(act: Callable[[], object], until: Callable[[], bool]) -> None:
    """Do something in the event loop, and wait until it is done."""
    QTimer.singleShot(0, act)
    end = None
    while end is None or time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
        if end is None and until():
            end = time.monotonic() + REST


def main(folder: Path) -> None:
    """Measure and print."""
    study = make_study(folder, 2)
    for number in (2, 3, 4):
        copy = study.model_folder(f"model-{number}")
        shutil.copytree(study.model_folder(MODEL), copy)
    tagging, *_ = add_docks(napari.Viewer())
    session, (first, second, _) = tagging.session, study.scan_names
    print("| step | longest pause |\n| --- | --- |")
    with SlowShare(folder) as share:

        def measure(what: str, act: Callable[[], object], until: Callable[[], bool]) -> None:
            share.pauses.clear()
            run(act, until)
            longest = max((pause.seconds for pause in share.pauses), default=0)
            print(f"| {what} | {longest:.2f} s |", flush=True)

        def tag() -> None:
            after = session.table.copy()
            after.values[1] = Tag.PRESENT
            session.change_tags(changes_between(session.table, after))

        done = lambda: len(tagging.scans.tables) == 3  # noqa: E731
        measure(
            "open the study",
            lambda: tagging.open_study(study.folder),
            lambda: session.scan == first and done(),
        )
        measure("show another scan", lambda: tagging._read(second), lambda: session.scan == second)
        measure("tag a slice, until the tag is on the disk", tag, lambda: True)
        measure(
            "show another scan after tags",
            lambda: tagging._read(first),
            lambda: session.scan == first,
        )
    many(folder, tagging)


def many(folder: Path, tagging: object) -> None:
    """Open the worklist of 500 scans."""
    described = json.loads((folder / "chest-study" / "mcwss.json").read_text())
    file = folder / "many" / "mcwss.json"
    file.parent.mkdir()
    files = described["scans"][0]["files"]
    described["scans"] = [{"name": f"scan{n:03}", "files": files} for n in range(500)]
    file.write_text(json.dumps(described))
    session = tagging.session
    run(
        lambda: tagging.open_study(file.parent),
        lambda: session.study is not None and len(session.study.scan_names) == 500,
    )
    began, used = time.monotonic(), time.thread_time()
    tagging.worklist_button.click()
    QApplication.processEvents()
    took = time.monotonic() - began, time.thread_time() - used
    print(f"- Worklist of 500 scans: {took[0]:.2f} s, {took[1]:.2f} s of computing.", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
        sys.stdout.flush()
        shutil.rmtree(temporary, ignore_errors=True)
        os._exit(0)
