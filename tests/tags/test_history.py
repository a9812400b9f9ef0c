"""Steps are taken back and done again, over scans and restarts, exactly."""

import itertools
import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.study_index import Index

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags import editing
from napari_mcwss.tags.changes import Change, with_changes
from napari_mcwss.tags.scan_tags import ScanTags, journal_of
from napari_mcwss.tags.store import TagStore
from napari_mcwss.tags.table import Tag, TagTable

CLASSES = ("TC", "ED", "NC")
SCANS = {"a": 12, "b": 7, "c": 20}


def opened(folder: Path) -> TagStore:
    return TagStore(Index(folder, SCANS, CLASSES))


@pytest.fixture
def book(tmp_path) -> TagStore:
    return opened(tmp_path)


def state(book: TagStore) -> dict[str, list[list[int]]]:
    return {scan: book.read(scan).values.tolist() for scan in SCANS}


def changed(tables: dict[str, TagTable], editing) -> dict[str, TagTable]:
    return {scan: with_changes(table, editing(table)) for scan, table in tables.items()}


def act_at_random(book: TagStore, rng: np.random.Generator) -> None:
    scan = str(rng.choice(list(SCANS)))
    table, where = book.read(scan), int(rng.integers(SCANS[scan]))
    name = str(rng.choice(CLASSES))
    match rng.integers(9):
        case 0:
            book.change(scan, where, name, Tag(int(rng.integers(-1, 2))))
        case 1:
            book.apply(scan, editing.set_range(table, name, where, SCANS[scan] // 2))
        case 2:
            book.apply(scan, editing.set_all_absent(table, where))
        case 3:
            book.apply(scan, editing.clear(table, where))
        case 4:
            book.apply(scan, editing.copy_previous(table, where))
        case 5:
            tables = {scan: book.read(scan) for scan in SCANS}
            book.write(changed(tables, lambda t: editing.set_rest_absent(t, 0)))
        case 6:
            book.compact(scan)
        case 7:
            book.apply(scan, editing.set_absent_everywhere(table, name))
        case _:
            book.apply(scan, editing.set_tag(table, where, name, table.get(where, name).next))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_500_mixed_steps_are_undone_and_redone_exactly_also_across_restarts(tmp_path, seed):
    rng = np.random.default_rng(seed)
    book = opened(tmp_path)
    start = state(book)
    for _ in range(900):  # of which some change nothing
        act_at_random(book, rng)
        if rng.random() < 0.02:
            book = opened(tmp_path)
    end = state(book)
    assert end != start
    undone = 0
    while book.undo() is not None:
        undone += 1
        if rng.random() < 0.02:
            book = opened(tmp_path)
    assert undone >= 500
    assert state(book) == start
    book = opened(tmp_path)
    while book.redo() is not None:
        undone -= 1
        if rng.random() < 0.02:
            book = opened(tmp_path)
    assert undone == 0
    assert state(book) == end


@pytest.mark.parametrize("seed", range(5))
def test_any_mix_of_acts_undo_and_redo_follows_a_plain_list_of_states(tmp_path, seed):
    rng, book = np.random.default_rng(seed), opened(tmp_path)
    states, place = [state(book)], 0
    for _ in range(150):
        match rng.integers(5):
            case 0:
                assert (book.undo() is None) == (place == 0)
                place = max(0, place - 1)
            case 1:
                assert (book.redo() is None) == (place == len(states) - 1)
                place = min(len(states) - 1, place + 1)
            case 2:
                book = opened(tmp_path)
            case _:
                act_at_random(book, rng)
                if state(book) != states[place]:
                    place += 1
                    states[place:] = [state(book)]
        assert state(book) == states[place]
        there = (book.to_undo is not None, book.to_redo is not None)
        assert there == (place > 0, place < len(states) - 1)


@pytest.mark.parametrize("step", [0, -1], ids=["stands still", "runs back"])
def test_steps_are_told_apart_and_kept_in_order_where_the_clock_is_wrong(
    tmp_path, monkeypatch, step
):
    times = itertools.count(10**18, step)
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    book = opened(tmp_path)
    book.change("a", 0, "TC", Tag.PRESENT)
    book.change("a", 0, "TC", Tag.ABSENT)
    opened(tmp_path).change("b", 0, "TC", Tag.PRESENT)
    book = opened(tmp_path)
    for scan in ("b", "a", "a"):
        assert list(book.undo().changes) == [scan]
    assert book.undo() is None
    assert all((book.read(scan).values == -1).all() for scan in SCANS)


def test_changes_of_older_tags_leave_all_others_alone_and_are_undone_to_what_was_on_disk(
    tmp_path, book
):
    older = book.read("a")
    book.change("a", 0, "TC", Tag.ABSENT)
    book.change("a", 3, "ED", Tag.PRESENT)
    changes = editing.set_tag(older, 0, "TC", Tag.PRESENT)
    book.apply("a", changes)
    book.apply("a", changes)
    edits = journal_of(tmp_path / "tags", "a").edits()
    assert [edit.changes for edit in edits[2:]] == [(Change(0, "TC", Tag.PRESENT, Tag.ABSENT),)]
    assert book.read("a").get(3, "ED") == Tag.PRESENT
    book.undo()
    assert book.read("a").get(0, "TC") == Tag.ABSENT


def test_a_new_step_ends_what_could_be_redone(book):
    book.change("a", 0, "TC", Tag.PRESENT)
    book.undo()
    book.change("b", 0, "TC", Tag.PRESENT)
    assert book.redo() is None
    assert book.read("a").get(0, "TC") == Tag.UNKNOWN


def test_a_step_over_several_scans_is_one(book):
    tables = {scan: book.read(scan) for scan in SCANS}
    book.write(changed(tables, lambda t: editing.set_absent_everywhere(t, "TC")))
    step = book.undo()
    assert set(step.changes) == set(SCANS)
    assert not any((book.read(scan).values != -1).any() for scan in SCANS)
    assert book.to_undo is None


def test_undo_leaves_alone_what_another_changed_since(tmp_path, book):
    book.apply("a", editing.set_absent_everywhere(book.read("a"), "TC"))
    book.compact("a")
    table = TagTable.read_csv(tmp_path / "tags" / "a.csv", SCANS["a"], CLASSES)
    table.set(3, "TC", Tag.PRESENT)
    table.write_csv(tmp_path / "tags" / "a.csv")
    book.undo()
    column = book.read("a").values[:, 0]
    assert column[3] == Tag.PRESENT
    assert (np.delete(column, 3) == Tag.UNKNOWN).all()


def test_steps_know_who_and_an_undo_is_on_record(tmp_path, book):
    book.reader = "A"
    book.change("a", 0, "TC", Tag.PRESENT)
    book.reader = "B"
    book.undo()
    first, second = journal_of(tmp_path / "tags", "a").edits()
    assert (first.reader, second.reader) == ("A", "B")
    assert second.undoes == first.step < second.step


def test_a_step_that_cannot_be_written_did_not_happen(tmp_path, book, monkeypatch):
    book.change("a", 0, "TC", Tag.PRESENT)

    def full(*_: object) -> None:
        raise McwssError("the disk is full")

    monkeypatch.setattr("napari_mcwss.tags.journal.append_line", full)
    for act in (lambda: book.change("a", 1, "TC", Tag.PRESENT), book.undo):
        with pytest.raises(McwssError, match="full"):
            act()
    monkeypatch.undo()
    for found in (book, opened(tmp_path)):
        assert found.read("a").values[:2, 0].tolist() == [1, -1]
        assert found.to_undo is not None
        assert found.to_redo is None


def test_journals_from_before_there_were_steps_count_and_cannot_be_undone(tmp_path, book):
    journal = tmp_path / "tags" / ".journal" / "a.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text('{"changes": [[2, "TC", 1, -1]]}\n')
    assert book.read("a").get(2, "TC") == Tag.PRESENT
    assert book.undo() is None


def test_a_copied_study_has_its_own_history(tmp_path, book):
    book.change("a", 0, "TC", Tag.PRESENT)
    shutil.copytree(tmp_path / "tags", tmp_path / "copy" / "tags")
    opened(tmp_path / "copy").undo()
    assert book.read("a").get(0, "TC") == Tag.PRESENT
    assert book.to_undo is not None


def test_another_thread_waits_with_its_change_until_a_step_is_taken_back(book, monkeypatch):
    tables = {scan: TagTable.empty(slices, CLASSES) for scan, slices in SCANS.items()}
    for table in tables.values():
        table.values[:] = Tag.PRESENT
    book.write(tables)
    # Done again, it is in the journals alone.
    book.undo()
    book.redo()
    at_work, go_on = threading.Event(), threading.Event()
    order: list[str] = []
    append, compact = ScanTags.append, ScanTags.compact

    def slow_append(store, edit):
        at_work.set()
        assert go_on.wait(30)
        append(store, edit)
        order.append(f"undone {store.scan}")

    def watched_fold(store):
        order.append(f"compacted {store.scan}")
        compact(store)

    monkeypatch.setattr(ScanTags, "append", slow_append)
    monkeypatch.setattr(ScanTags, "compact", watched_fold)
    undoing = threading.Thread(target=book.undo)
    undoing.start()
    assert at_work.wait(30)
    compacting = threading.Thread(target=book.compact, args=["a"])
    compacting.start()
    compacting.join(0.2)
    assert compacting.is_alive(), "it would write what is being written"
    go_on.set()
    undoing.join(30)
    compacting.join(30)
    assert order == ["undone a", "undone b", "undone c", "compacted a"]
    assert (book.read("a").values == Tag.UNKNOWN).all()


def test_a_step_whose_changes_are_damaged_is_passed_over(tmp_path, book):
    book.change("a", 0, "TC", Tag.PRESENT)
    book.change("b", 1, "ED", Tag.PRESENT)
    journal = journal_of(tmp_path / "tags", "b").path
    journal.write_text(journal.read_text().replace('"ED", 1', '"ED", "?"'))
    book = opened(tmp_path)
    with pytest.warns(UserWarning, match=r"b\.jsonl', line 1 is not a change of a tag"):
        step = book.undo()
    assert set(step.changes) == {"a"}
    assert book.to_undo is None


@pytest.mark.parametrize("reader", ["A", 'Dr ], "step": 1'])
def test_steps_are_known_whatever_the_order_of_their_fields(tmp_path, book, reader):
    book.reader = reader
    book.change("a", 0, "TC", Tag.PRESENT)
    book.change("a", 0, "TC", Tag.ABSENT)
    journal = journal_of(tmp_path / "tags", "a").path
    first, second = map(json.loads, journal.read_text().splitlines())
    turned = dict(reversed(first.items()))
    journal.write_text("".join(json.dumps(line) + "\n" for line in (turned, second)))
    book = opened(tmp_path)
    assert [book.undo().number, book.undo().number] == [second["step"], first["step"]]
    assert book.read("a").get(0, "TC") == Tag.UNKNOWN
