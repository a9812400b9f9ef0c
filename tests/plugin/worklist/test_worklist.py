"""The worklist says what is done in each scan, and shows a scan that is chosen."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.docks import opened
from helpers.questions import LEFT
from helpers.watchdog import Watchdog
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.worklist.table import (
    CORRECTED,
    DISAGREEMENT,
    FIRST_CLASS,
    NAME,
    SCAN,
    SEGMENTED,
    TAGGED,
)
from napari_mcwss.plugin.worklist.window import Worklist
from napari_mcwss.segmentation.corrected import CorrectedMask, save_corrected
from napari_mcwss.segmentation.masks.steps import parse_steps
from napari_mcwss.study.study import Study
from napari_mcwss.tags.changes import changes_between
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 60_000


def show(qtbot, dock) -> Worklist:
    """Open the worklist by its button, and wait until all is read."""
    qtbot.mouseClick(dock.worklist_button, LEFT)
    made = dock.worklist_button.worklist
    with qtbot.waitExposed(made, timeout=PATIENCE):
        pass
    return made


def wait_for_all(qtbot, worklist: Worklist) -> None:
    def read() -> bool:
        facts = worklist.work.facts
        names = worklist.session.order.names
        return len(facts) == len(names) and not worklist.reading.running

    qtbot.waitUntil(read, timeout=PATIENCE)


@pytest.fixture
def worklist(qtbot, tagging_dock, segmented: Study) -> Iterator[Worklist]:
    """Four scans: the first three segmented, the second corrected, the fourth with few tags."""
    _, second, third, last = segmented.scan_names
    labels = np.ones(segmented.scan(second).geometry.shape, np.uint8)
    save_corrected(segmented, second, CorrectedMask(labels, right=True))
    tags = segmented.tags[last]
    tags[0, "TC"], tags[0, "ED"] = Tag.UNKNOWN, Tag.UNKNOWN
    tags = segmented.tags[third]
    tags[0, "TC"] = Tag.PRESENT
    opened(qtbot, tagging_dock, segmented)
    made = show(qtbot, tagging_dock)
    wait_for_all(qtbot, made)
    yield made
    made.close()
    WorkerBase.await_workers(PATIENCE)


def column(worklist: Worklist, number: int) -> list[str]:
    order = worklist.order
    return [order.index(row, number).data() for row in range(order.rowCount())]


def head(qtbot, worklist: Worklist, number: int) -> None:
    """Click a heading."""
    header = worklist.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(number) + 10, 8)
    qtbot.mouseClick(header.viewport(), LEFT, pos=place)


def test_it_says_what_is_done(worklist):
    assert column(worklist, TAGGED) == ["9 of 9", "9 of 9", "9 of 9", "8 of 9"]
    assert column(worklist, SEGMENTED) == ["yes", "yes", "yes", "no"]
    assert column(worklist, CORRECTED) == ["no", "right", "no", "no"]
    assert column(worklist, DISAGREEMENT) == ["0", "0", "1", ""]
    # 9 x 41 x 36 voxels of 12 mm3.
    assert column(worklist, FIRST_CLASS)[1] == "159.4"
    assert column(worklist, FIRST_CLASS)[3] == ""


def test_a_heading_sorts_and_what_is_unknown_comes_last(qtbot, worklist):
    largest = worklist.session.order.names[1]
    last = worklist.session.order.names[3]
    head(qtbot, worklist, FIRST_CLASS)
    first_way = column(worklist, SCAN)
    head(qtbot, worklist, FIRST_CLASS)
    other_way = column(worklist, SCAN)
    assert first_way[3] == other_way[3] == last
    assert {first_way[0], other_way[0]} >= {largest}
    assert first_way[:3] == other_way[2::-1]


def test_filters_show_what_is_left(qtbot, worklist):
    names = worklist.session.order.names
    expected = {
        "not tagged in full": [names[3]],
        "not segmented": [names[3]],
        "not corrected": [names[0], names[2], names[3]],
        "tags and model disagree": [names[2]],
        "all scans": list(names),
    }
    for text, shown in expected.items():
        worklist.filter.setCurrentText(text)
        assert column(worklist, SCAN) == shown
    worklist.text.setFocus()
    qtbot.keyClicks(worklist.text, names[2][-2:])
    assert column(worklist, SCAN) == [names[2]]


def test_a_double_click_shows_the_scan(qtbot, tagging_dock, worklist):
    index = worklist.order.index(2, SCAN)
    place = worklist.table.visualRect(index).center()
    with qtbot.waitSignal(tagging_dock.settled, timeout=PATIENCE):
        qtbot.mouseClick(worklist.table.viewport(), LEFT, pos=place)
        qtbot.mouseDClick(worklist.table.viewport(), LEFT, pos=place)
    assert tagging_dock.session.scan == index.data(NAME)


def test_a_tag_is_counted_at_once(qtbot, tagging_dock, worklist, segmented):
    session = tagging_dock.session
    before = segmented.tags.read(session.scan)
    after = before.copy()
    after.values[2] = Tag.UNKNOWN
    session.change_tags(changes_between(before, after))
    qtbot.waitUntil(lambda: column(worklist, TAGGED)[0] == "8 of 9", timeout=PATIENCE)


def test_a_mask_that_is_stored_anew_is_measured_again(qtbot, tagging_dock, worklist, segmented):
    results = ResultsDock(tagging_dock.viewer)
    tagging_dock.viewer.window.add_dock_widget(results, name="Results")
    qtbot.waitUntil(lambda: results.state.mask is not None, timeout=PATIENCE)
    before = column(worklist, FIRST_CLASS)
    results.state.change(steps=parse_steps("small=5"))
    # All of it is smaller.
    qtbot.waitUntil(
        lambda: not results.state.shown_mask.any() and results.stored_mask.savable,
        timeout=PATIENCE,
    )
    qtbot.mouseClick(results.stored_mask.save_button, LEFT)
    qtbot.waitUntil(lambda: column(worklist, FIRST_CLASS) != before, timeout=PATIENCE)
    assert column(worklist, FIRST_CLASS)[0] == "0.0"
    assert column(worklist, FIRST_CLASS)[1:] == before[1:]


def test_pictures_are_drawn_on_demand_in_sight_first(qtbot, worklist):
    index = worklist.order.index(0, SCAN)
    assert index.data(Qt.ItemDataRole.DecorationRole) is None
    qtbot.mouseClick(worklist.pictures, LEFT, pos=QPoint(8, worklist.pictures.height() // 2))
    assert worklist.pictures.isChecked()

    def drawn() -> bool:
        return worklist.order.index(0, SCAN).data(Qt.ItemDataRole.DecorationRole) is not None

    qtbot.waitUntil(drawn, timeout=PATIENCE)
    picture = worklist.order.index(0, SCAN).data(Qt.ItemDataRole.DecorationRole)
    assert 0 < picture.width() <= 60
    assert worklist.session.study.scan(worklist.session.scan)._volume is not None, "on screen"


def test_scans_of_one_patient_have_a_curve(qtbot, tagging_dock, segmented: Study):
    renamed = ("anna_2021-03-04", "anna_2021-09-01", "anna_2022-01-01", "bert")
    path = segmented.folder / "mcwss.json"
    text = path.read_text()
    for old, new in zip(segmented.scan_names, renamed, strict=True):
        text = text.replace(f'"name": "{old}"', f'"name": "{new}"')
        for folder in ("tags", "results/model-1"):
            for found in (segmented.folder / folder).glob(f"{old}*"):
                found.rename(found.with_name(found.name.replace(old, new)))
    path.write_text(text)
    opened(qtbot, tagging_dock, Study.open(segmented.folder))
    worklist = show(qtbot, tagging_dock)
    wait_for_all(qtbot, worklist)
    place = worklist.table.visualRect(worklist.order.index(0, SCAN)).center()
    qtbot.mouseClick(worklist.table.viewport(), LEFT, pos=place)
    qtbot.waitUntil(worklist.curve.isVisible, timeout=PATIENCE)
    xs, ys = worklist.curve.lines["ED"].getData()
    assert xs.tolist() == [0.0, 181.0, 303.0]
    shown = [float(text) for text in column(worklist, FIRST_CLASS + 1)[:3]]
    assert ys == pytest.approx(shown, abs=0.05)
    place = worklist.table.visualRect(worklist.order.index(3, SCAN)).center()
    qtbot.mouseClick(worklist.table.viewport(), LEFT, pos=place)
    assert not worklist.curve.isVisible()
    tagging_dock.order_boxes.blind.setChecked(True)
    assert not worklist._patients, "names are hidden, and so is who is who"
    worklist.close()


@pytest.fixture
def long_study(phantom_folder: Path, phantom_study: Study) -> Study:
    """500 scans of one phantom's files, which nobody has tagged."""
    path = phantom_study.folder / "mcwss.json"
    described = json.loads(path.read_text())
    files = described["scans"][0]["files"]
    described["scans"] = [{"name": f"scan{n:03}", "files": files} for n in range(500)]
    path.write_text(json.dumps(described))
    return Study.open(phantom_study.folder)


def test_500_scans_open_and_scroll_without_a_freeze(qtbot, tagging_dock, long_study):
    tagging_dock.open_study(long_study.folder)
    qtbot.waitUntil(lambda: tagging_dock.session.scan is not None, timeout=PATIENCE)
    with Watchdog() as dog:
        worklist = show(qtbot, tagging_dock)
        QApplication.processEvents()
        assert worklist.order.rowCount() == 500
        qtbot.waitUntil(lambda: "scan000" in worklist.work.facts, timeout=PATIENCE)
        bar = worklist.table.verticalScrollBar()
        bar.setValue(bar.maximum())
        qtbot.waitUntil(lambda: "scan499" in worklist.work.facts, timeout=PATIENCE)
    assert not dog.long
    worklist.close()
    qtbot.waitUntil(lambda: not worklist.reading.running, timeout=PATIENCE)
