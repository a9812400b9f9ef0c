"""What holds for all tables of tags, and for all that is done to them."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from helpers.tag_strategies import edits, tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags import editing
from napari_mcwss.tags.changes import changes_between, with_changes
from napari_mcwss.tags.table import Tag, TagTable

# A file of the same name is written again for every example.
writing = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@writing
@given(table=tables())
def test_any_table_comes_back_from_its_csv_file(tmp_path: Path, table: TagTable):
    path = tmp_path / "a.csv"
    table.write_csv(path)
    found = TagTable.read_csv(path, len(table.values), table.classes)
    assert found.values.tolist() == table.values.tolist()


@writing
@given(table=tables(), data=st.data())
def test_any_table_comes_back_from_a_spreadsheet_that_has_sorted_and_quoted_it(
    tmp_path: Path, table: TagTable, data: st.DataObject
):
    path = tmp_path / "a.csv"
    table.write_csv(path)
    header, *rows = csv.reader(io.StringIO(path.read_text("utf-8")))
    order = [0, *data.draw(st.permutations(range(1, len(header))))]
    text = io.StringIO()
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    ending = data.draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text, quoting=quoting, lineterminator=ending)
    writer.writerows([row[n] for n in order] for row in [header, *data.draw(st.permutations(rows))])
    path.write_bytes(text.getvalue().encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig"]))))
    found = TagTable.read_csv(path, len(rows), table.classes)
    assert found.values.tolist() == table.values.tolist()


@writing
@given(
    table=tables(slices=4, classes=("TC", "ED")),
    row=st.integers(0, 3),
    column=st.integers(0, 2),
    cell=st.sampled_from(["", "0", "00", "1", "01", "\u0661", "2", "-1", "1.0", "x", "TC", "'"]),
)
def test_a_csv_file_with_another_cell_is_other_tags_or_refused(
    tmp_path: Path, table: TagTable, row: int, column: int, cell: str
):
    path = tmp_path / "a.csv"
    table.write_csv(path)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    rows[row + 1][column] = cell
    path.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    expected = table.copy()
    try:
        found = TagTable.read_csv(path, 4, table.classes)
    except McwssError:
        return
    # What is accepted names every slice once, so no tag of another slice has moved or gone.
    if column:
        expected.values[row, column - 1] = {"": -1, "0": 0, "1": 1, "1.0": 1}[cell]
    assert found.values.tolist() == expected.values.tolist()


@given(table=tables(), data=st.data())
def test_an_edit_lists_each_tag_that_changes_once_and_leaves_the_table(
    table: TagTable, data: st.DataObject
):
    before = table.values.copy()
    changes = data.draw(edits(len(before), table.classes))(table)
    changed = with_changes(table, changes)
    assert np.array_equal(table.values, before)
    assert changes == changes_between(table, changed)
    assert changed.classes == table.classes
    assert (changed.values.shape, changed.values.dtype) == (before.shape, np.int8)
    assert np.isin(changed.values, list(Tag)).all()


@given(table=tables(), data=st.data())
def test_an_edit_of_a_class_leaves_all_others_alone(table: TagTable, data: st.DataObject):
    slices, name = len(table.values), data.draw(st.sampled_from(table.classes))
    first, last = data.draw(st.lists(st.integers(0, slices - 1), min_size=2, max_size=2))
    others = [column for column in range(len(table.classes)) if table.classes[column] != name]
    for changed in (
        editing.set_tag(table, first, name, Tag.PRESENT),
        editing.set_range(table, name, first, last),
        editing.set_present(table, name, first, last),
        editing.set_absent_everywhere(table, name),
    ):
        values = with_changes(table, changed).values
        assert np.array_equal(values[:, others], table.values[:, others])


@given(table=tables(), data=st.data())
def test_the_changes_between_two_tables_lead_from_one_to_the_other_and_back(
    table: TagTable, data: st.DataObject
):
    other = data.draw(tables(len(table.values), table.classes))
    changes = changes_between(table, other)
    there = with_changes(table, changes)
    back = with_changes(other, [change.reversed for change in changes])
    assert np.array_equal(there.values, other.values)
    assert np.array_equal(back.values, table.values)
    assert len(changes) == (table.values != other.values).sum()


@given(table=tables(), data=st.data())
def test_counts_and_updates_agree(table: TagTable, data: st.DataObject):
    other = data.draw(tables(len(table.values), table.classes))
    updated = table.copy()
    updated.update(other)
    for name in table.classes:
        assert sum(table.count(name).values()) == len(table.values)
    known = other.values != Tag.UNKNOWN
    assert np.array_equal(updated.values[known], other.values[known])
    assert np.array_equal(updated.values[~known], table.values[~known])
    twice = updated.copy()
    twice.update(other)
    assert np.array_equal(twice.values, updated.values)


@given(table=tables(), data=st.data())
def test_confirming_goes_through_all_open_slices_and_no_other(table: TagTable, data: st.DataObject):
    wanted = set(np.flatnonzero((table.values == Tag.UNKNOWN).any(1)).tolist())
    place = data.draw(st.integers(0, len(table.values) - 1))
    seen = set()
    for _ in wanted:
        place = editing.next_untagged(table, place)
        seen.add(place)
    assert seen == wanted
    if not wanted:
        assert editing.next_untagged(table, place) is None


@given(table=tables(), beyond=st.integers(0, 5), below=st.integers(-5, -1))
def test_slices_that_are_not_there_are_refused_by_all_edits_of_a_class(
    table: TagTable, beyond: int, below: int
):
    name, last = table.classes[0], len(table.values)
    for index in (last + beyond, below):
        for edit in (
            lambda index=index: editing.set_tag(table, index, name, Tag.PRESENT),
            lambda index=index: editing.set_range(table, name, 0, index),
            lambda index=index: editing.set_present(table, name, 0, index),
        ):
            with pytest.raises(McwssError):
                edit()
