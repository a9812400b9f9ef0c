"""A journal that was cut short anywhere loses what was being written, and no more."""

import os
import warnings
from pathlib import Path

import numpy as np
from helpers.tag_strategies import edits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_mcwss.tags import editing
from napari_mcwss.tags.changes import changes_between, with_changes
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.journal import Edit
from napari_mcwss.tags.scan_tags import ScanTags, journal_of
from napari_mcwss.tags.table import Tag, TagTable

SLICES, CLASSES = 4, ("TC", "Ödem", "脑 2")
READERS = st.sampled_from(["", "Dr. Müller", '"\n{"folded"'])
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["apply"] * 4 + ["write", "compact"]), edits(SLICES, CLASSES), READERS
    ),
    min_size=1,
    max_size=8,
)
writing = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

# Two that take each other back.
TURNS = [
    lambda table, tag=tag: editing.set_tag(table, 0, "TC", tag)
    for tag in (Tag.PRESENT, Tag.UNKNOWN)
]


def emptied(folder: Path) -> ScanTags:
    """Give a store without tags."""
    journal = journal_of(folder, "a").path
    journal.parent.mkdir(exist_ok=True)
    for path in (folder / "a.csv", journal):
        path.unlink(missing_ok=True)
    return ScanTags(folder, "a", SLICES, ClassNames(CLASSES))


def act(store: ScanTags, kind: str, changes_of, reader: str) -> None:
    edit = Edit((), reader=reader)
    if kind == "compact":
        store.compact()
    elif kind == "write":
        table = store.read()
        store.write(with_changes(table, changes_of(table)), edit)
    else:
        store.apply(changes_of(store.read()), edit)


@settings(writing, max_examples=60)
@given(acts=ACTS, data=st.data())
def test_a_journal_cut_in_its_last_line_loses_at_most_that_line(
    tmp_path: Path, acts: list, data: st.DataObject
):
    store, journal = emptied(tmp_path), journal_of(tmp_path, "a")
    states = [TagTable.empty(SLICES, CLASSES).values.tolist()]
    for kind, edit, reader in acts:
        act(store, kind, edit, reader)
        states.append(store.read().values.tolist())
    content = journal.read()
    if not content:
        return
    start = content[:-1].rfind(b"\n") + 1
    cut = data.draw(st.integers(start, len(content) - 1))
    os.truncate(journal.path, cut)
    # Lines of edits that changed nothing are never written.
    distinct = [state for n, state in enumerate(states) if not n or state != states[n - 1]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = store.read().values.tolist()
        assert found in distinct[-2:]
        # Nothing more is lost to what is written after it.
        next_tags = TagTable(CLASSES, np.array(found, np.int8))
        next_tags.set(1, "TC", Tag.ABSENT if next_tags.get(1, "TC") != Tag.ABSENT else Tag.PRESENT)
        store.apply(changes_between(store.read(), next_tags))
        assert store.read().values.tolist() == next_tags.values.tolist()
        store.compact()
        assert not store.pending
        assert store.read().values.tolist() == next_tags.values.tolist()


@settings(writing, max_examples=60)
@given(acts=ACTS, data=st.data())
def test_damage_anywhere_loses_no_other_line(tmp_path: Path, acts: list, data: st.DataObject):
    store, journal = emptied(tmp_path), journal_of(tmp_path, "a")
    for _, edit, reader in acts:
        act(store, "apply", edit, reader)
    lines = journal.read().splitlines(keepends=True)
    if not lines:
        return
    edits = journal.edits()
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = data.draw(st.sampled_from([b"\0\0\n", b"\xff\n", lines[number][:-3] + b"\n"]))
    journal.path.write_bytes(b"".join(lines))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert journal.edits() == edits[:number] + edits[number + 1 :]
    assert [f"line {number + 1} is not a change" in str(one.message) for one in told] == [True]


@settings(writing, max_examples=60)
@given(acts=ACTS)
def test_folding_changes_no_tag_and_leaves_them_all_in_the_csv_file(tmp_path: Path, acts: list):
    store = emptied(tmp_path)
    for kind, edit, reader in acts:
        act(store, kind, edit, reader)
    before = store.read().values.tolist()
    store.compact()
    assert store.read().values.tolist() == before
    if store.exists:
        table = TagTable.read_csv(tmp_path / "a.csv", SLICES, CLASSES)
        assert table.values.tolist() == before


@writing
@given(
    acts=st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from(["apply", "write", "compact", "spreadsheet", "torn"]),
            st.sampled_from(TURNS) | edits(SLICES, CLASSES),
        ),
        max_size=10,
    )
)
def test_a_store_that_has_read_before_sees_what_any_other_program_does(tmp_path: Path, acts: list):
    stores = emptied(tmp_path), ScanTags(tmp_path, "a", SLICES, ClassNames(CLASSES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for first, kind, edit in acts:
            store = stores[0 if first else 1]
            if kind == "spreadsheet":
                store.compact()
                table = store.read()
                with_changes(table, edit(table)).write_csv(tmp_path / "a.csv")
            elif kind == "torn":
                with journal_of(tmp_path, "a").path.open("ab") as file:
                    file.write(b'{"changes": [[0, "TC", 1, ')
            else:
                act(store, kind, edit, "")
            # The other one has read some steps ago.
            expected = ScanTags(tmp_path, "a", SLICES, ClassNames(CLASSES)).read().values.tolist()
            assert store.read().values.tolist() == expected
