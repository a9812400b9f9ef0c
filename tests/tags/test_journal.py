"""The journal gives back every edit that was noted, and only whole ones."""

import json
from datetime import datetime

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.changes import Change, changes_between
from napari_mcwss.tags.journal import Edit, Journal
from napari_mcwss.tags.table import Tag, TagTable

CLASSES = ("TC", "ED")


def change(slice_index, class_name, tag, previous=Tag.UNKNOWN):
    return Change(slice_index, class_name, tag, previous)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / ".journal" / "a.jsonl")


def replayed(journal):
    table = TagTable.empty(3, CLASSES)
    journal.replay(table, journal.read())
    return table.values.tolist()


def test_nothing_pending(journal):
    assert not journal.pending
    assert replayed(journal) == [[-1, -1]] * 3
    assert journal.edits() == []


def test_deeds_are_done_again_in_order(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    journal.append(Edit((change(0, "TC", Tag.ABSENT, Tag.PRESENT), change(2, "ED", Tag.PRESENT))))
    assert journal.pending
    assert replayed(journal) == [[0, -1], [-1, -1], [-1, 1]]


def test_what_the_csv_file_holds_is_not_done_again(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    journal.mark_compacted(len(journal.read()))
    assert not journal.pending
    assert replayed(journal) == [[-1, -1]] * 3
    journal.append(Edit((change(2, "ED", Tag.PRESENT),)))
    assert journal.pending
    assert replayed(journal) == [[-1, -1], [-1, -1], [-1, 1]]


def test_a_mark_counts_for_what_the_csv_file_had_read(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    size = len(journal.read())
    journal.append(Edit((change(2, "ED", Tag.PRESENT),)))
    journal.mark_compacted(size)
    assert '"size"' in journal.path.read_text()
    assert journal.pending
    assert replayed(journal) == [[-1, -1], [-1, -1], [-1, 1]]
    assert len(journal.edits()) == 2
    journal.mark_compacted(len(journal.read()))
    assert not journal.pending
    assert journal.path.read_text().count('"size"') == 1


def test_an_old_mark_counts_for_all_above_it(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    with journal.path.open("a") as file:
        file.write('{"folded": "2026-03-01T09:30:00.000+00:00"}\n')
    assert not journal.pending
    journal.append(Edit((change(2, "ED", Tag.PRESENT),)))
    assert replayed(journal) == [[-1, -1], [-1, -1], [-1, 1]]


def test_a_mark_that_was_cut_short_counts(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    with journal.path.open("a") as file:
        file.write('{"folded": "20')
    assert not journal.pending
    journal.append(Edit((change(2, "ED", Tag.PRESENT),)))
    assert replayed(journal) == [[-1, -1], [-1, -1], [-1, 1]]


def test_lines_hold_the_way_back_and_who_and_when(journal):
    before = datetime.now().astimezone().replace(microsecond=0)
    journal.append(Edit((change(1, "ED", Tag.ABSENT, Tag.PRESENT),), reader="Dr. Müller"))
    line = json.loads(journal.path.read_text())
    assert line["changes"] == [[1, "ED", 0, 1]]
    assert line["reader"] == "Dr. Müller"
    assert before <= datetime.fromisoformat(line["time"]) <= datetime.now().astimezone()


def test_all_deeds_are_remembered_after_folding(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),), reader="A"))
    journal.mark_compacted(len(journal.read()))
    journal.append(Edit((change(0, "TC", Tag.ABSENT, Tag.PRESENT),)))
    first, second = journal.edits()
    assert (first.changes, first.reader) == ((change(0, "TC", Tag.PRESENT),), "A")
    assert (second.changes[0].previous, second.reader) == (Tag.PRESENT, "")
    assert first.time <= second.time


def test_a_journal_without_names_and_times_is_read(journal):
    journal.path.parent.mkdir()
    journal.path.write_text('{"changes": [[1, "ED", 0, 1]]}\n')
    assert replayed(journal) == [[-1, -1], [-1, 0], [-1, -1]]
    assert journal.edits() == [Edit((change(1, "ED", Tag.ABSENT, Tag.PRESENT),))]


def test_a_deed_is_taken_back(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    before = journal.read()
    size = journal.append(Edit((change(1, "TC", Tag.PRESENT),)))
    journal.truncate(journal.read(), size)
    assert journal.read() == before


@pytest.mark.parametrize(
    "line",
    [
        '{"changes": [[1, "TC", 1, ',
        '{"changes": [[1, "TC", 1, -1], [9, "TC", 1, -1]]}',
        '{"changes": [[1, "XX", 1, -1]]}',
        '{"changes": [[1, "TC", 7, -1]]}',
        '{"changes": [[1, "TC"]]}',
        '{"changes": [[1.0, "TC", 1, -1]]}',
        "\0\0\0\0",
        '{"something": 1}',
        '{"changes": [[1, "TC", 1, -1]], "step": Infinity}',
        '{"changes": [[1, "TC", 1, -1]], "step": 1e400}',
        '{"changes": [[1, "TC", 1, -1]], "step": NaN}',
        '{"changes": [[1, "TC", 1, -1]], "undoes": 9999999999999999999999}',
        '{"changes": [[1, "TC", 1, -1]], "step": "1"}',
        pytest.param(f'{{"changes": [[1, "TC", 1, -1]], "step": {"9" * 5000}}}', id="digits"),
        pytest.param(f'{{"changes": [[{"9" * 5000}, "TC", 1, -1]]}}', id="digits of a slice"),
        pytest.param("[" * 100_000, id="nested"),
        pytest.param('{"changes": ' * 100_000, id="nested objects"),
        '{"changes": [[true, "TC", 1, -1]]}',
        '{"changes": [[1, "TC", [1], -1]]}',
        "[]",
        "\udcff",
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_a_line_that_is_no_deed_is_passed_over_as_a_whole(journal, line, last):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    with journal.path.open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape"))
    if not last:
        journal.append(Edit((change(2, "ED", Tag.PRESENT),)))
    with pytest.warns(UserWarning, match=r"a\.jsonl', line 2 is not a change"):
        values = replayed(journal)
    assert values == [[1, -1], [-1, -1], [-1, -1 if last else 1]]


def test_a_damaged_line_does_not_change_the_order_of_undo(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),), step=1))
    with journal.path.open("a") as file:
        file.write(f'{{"changes": [[1, "TC", 1, -1]], "step": {"9" * 5000}}}\n')
        file.write('{"changes": [[1, "TC", 1, -1]], "step": Infinity}\n')
        file.write("[" * 100_000 + "\n")
    journal.append(Edit((change(2, "ED", Tag.PRESENT),), step=2))
    with pytest.warns(UserWarning, match="is not a change"):
        assert [edit.step for edit in journal.edits()] == [1, 2]


def test_damage_is_left_out_of_the_deeds(journal):
    journal.append(Edit((change(0, "TC", Tag.PRESENT),)))
    journal.mark_compacted(len(journal.read()))
    with journal.path.open("a") as file:
        file.write('{"changes": [[1, "TC", 1, ')
    with pytest.warns(UserWarning, match=r"a\.jsonl', line 3 is not a change"):
        assert len(journal.edits()) == 1


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
