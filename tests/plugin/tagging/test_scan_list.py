"""The counts of tagged slices beside the scans."""

from collections.abc import Iterator

import pytest
from qtpy.QtCore import QThreadPool

from napari_mcwss.plugin.session.scan_order import ScanOrder
from napari_mcwss.plugin.tagging.scan_list import ScanList
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

pytestmark = pytest.mark.gui
PATIENCE = 30_000


@pytest.fixture
def scans(qtbot) -> Iterator[ScanList]:
    scans = ScanList(ScanOrder())
    qtbot.addWidget(scans)
    yield scans
    qtbot.waitUntil(lambda: not scans._counting.running, timeout=PATIENCE)


def test_a_count_that_was_read_before_a_change_is_never_shown(qtbot, scans, phantom_study: Study):
    scans.show_study(phantom_study)
    scans.count_tags()
    # It has read all tags, of which this thread has not heard yet.
    assert QThreadPool.globalInstance().waitForDone(PATIENCE)
    phantom_study.tags.change("phantom02", 12, "ED", Tag.PRESENT)
    shown: set[str] = set()
    scans.itemChanged.connect(lambda item: shown.add(item.text()))
    with qtbot.waitSignal(scans.tables_changed, timeout=PATIENCE):
        scans.show_study(phantom_study)
        scans.count_tags()
    assert shown == {
        "phantom01   (0 of 25 slices tagged)",
        "phantom02   (1 of 25 slices tagged, 1 in part)",
    }


def test_the_next_scan_is_known_before_all_are_counted(scans, phantom_study: Study):
    scans.show_study(phantom_study)
    scans.select("phantom01")
    assert scans.next_with_work() == "phantom02"
