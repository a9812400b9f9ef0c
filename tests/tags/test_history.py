"""The journal gives back every deed that was noted, and only whole ones."""

import json

import pytest

from napari_mcwss.errors import McwssError
from napari_mcwss.tags.history import Change, Journal, changes_between
from napari_mcwss.tags.table import Tag, TagTable

CLASSES = ("TC", "ED")


def change(slice_index, class_name, tag, previous=Tag.UNKNOWN):
    return Change(slice_index, class_name, tag, previous)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / ".journal" / "a.jsonl")


def replayed(journal):
    table = TagTable.empty(3, CLASSES)
    journal.replay(table)
    return table.values.tolist()


def test_nothing_pending(journal):
    assert not journal.pending
    assert replayed(journal) == [[-1, -1]] * 3
    journal.clear()


def test_deeds_are_done_again_in_order(journal):
    journal.append([change(0, "TC", Tag.PRESENT)])
    journal.append([change(0, "TC", Tag.ABSENT, Tag.PRESENT), change(2, "ED", Tag.PRESENT)])
    assert journal.pending
    assert replayed(journal) == [[0, -1], [-1, -1], [-1, 1]]
    journal.clear()
    assert not journal.pending


def test_lines_hold_the_way_back(journal):
    journal.append([change(1, "ED", Tag.ABSENT, Tag.PRESENT)])
    line = json.loads(journal.path.read_text())
    assert line == {"changes": [[1, "ED", 0, 1]]}


@pytest.mark.parametrize(
    "line",
    [
        '{"changes": [[1, "TC", 1, ',
        '{"changes": [[1, "TC", 1, -1], [9, "TC", 1, -1]]}',
        '{"changes": [[1, "XX", 1, -1]]}',
        '{"changes": [[1, "TC", 7, -1]]}',
        '{"changes": [[1, "TC"]]}',
        '{"something": 1}',
        "[]",
        "\udcff",
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_a_line_that_is_no_deed_is_passed_over_as_a_whole(journal, line, last):
    journal.append([change(0, "TC", Tag.PRESENT)])
    with journal.path.open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape"))
    if not last:
        journal.append([change(2, "ED", Tag.PRESENT)])
    with pytest.warns(UserWarning, match=r"a\.jsonl', line 2 is no change"):
        values = replayed(journal)
    assert values == [[1, -1], [-1, -1], [-1, -1 if last else 1]]


def test_unreadable_journal_is_told(journal):
    journal.path.mkdir(parents=True)
    with pytest.raises(McwssError, match="cannot read"):
        replayed(journal)


def test_changes_between_tables():
    old, new = TagTable.empty(3, CLASSES), TagTable.empty(3, CLASSES)
    old.set(0, "TC", Tag.PRESENT)
    new.set(2, "ED", Tag.ABSENT)
    assert changes_between(old, new) == [
        change(0, "TC", Tag.UNKNOWN, Tag.PRESENT),
        change(2, "ED", Tag.ABSENT),
    ]
