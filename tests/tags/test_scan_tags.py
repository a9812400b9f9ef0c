"""Tags survive whatever stops the program."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_mcwss.base import files
from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags import journal as history
from napari_mcwss.tags import table as table_module
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.journal import Edit, Journal
from napari_mcwss.tags.scan_tags import NO_STEP, ScanTags
from napari_mcwss.tags.table import Tag, TagTable

CLASSES = ("TC", "ED")


@pytest.fixture
def store(tmp_path):
    return ScanTags(tmp_path, "a", 3, ClassNames(CLASSES))


def change(store, slice_index, class_name, tag, edit=NO_STEP):
    return store.apply([Change(slice_index, class_name, tag, Tag.UNKNOWN)], edit)


def reread(folder):
    return ScanTags(folder, "a", 3, ClassNames(CLASSES)).read().values.tolist()


def content(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_keystrokes_are_on_the_disk_at_once(store, tmp_path):
    change(store, 0, "TC", Tag.PRESENT)
    change(store, 0, "TC", Tag.ABSENT)
    change(store, 2, "ED", Tag.PRESENT)
    assert reread(tmp_path) == [[0, -1], [-1, -1], [-1, 1]]
    assert not (tmp_path / "a.csv").exists()


def test_the_same_tag_again_is_no_deed(store, tmp_path):
    change(store, 0, "TC", Tag.UNKNOWN)
    assert content(tmp_path) == {}


def test_folding_moves_the_journal_into_the_csv_file(store, tmp_path):
    change(store, 1, "ED", Tag.PRESENT)
    store.compact()
    assert (tmp_path / "a.csv").read_text() == "slice,TC,ED\n0,,\n1,,1\n2,,\n"
    assert reread(tmp_path) == [[-1, -1], [-1, 1], [-1, -1]]


def test_the_csv_file_counts_once_it_holds_all(store, tmp_path):
    change(store, 1, "ED", Tag.PRESENT)
    store.compact()
    (tmp_path / "a.csv").write_text("slice,TC,ED\n0,,\n1,,0\n2,,\n")
    assert reread(tmp_path) == [[-1, -1], [-1, 0], [-1, -1]]


def test_the_journal_knows_who_changed_what(store, tmp_path):
    change(store, 1, "ED", Tag.PRESENT, Edit((), reader="A"))
    table = store.read()
    table.set(0, "TC", Tag.ABSENT)
    table.set(2, "TC", Tag.ABSENT)
    store.write(table, Edit((), reader="B"))
    edits = Journal(tmp_path / ".journal" / "a.jsonl").edits()
    assert [(edit.reader, len(edit.changes)) for edit in edits] == [("A", 1), ("B", 2)]


def test_reading_beside_a_program_that_folds_sees_all_tags(store, tmp_path, monkeypatch):
    change(store, 1, "ED", Tag.PRESENT)
    really_read = Journal.read
    others = [store.compact]

    def read_then_fold(journal):
        found = really_read(journal)
        if others:
            others.pop()()
            (tmp_path / "a.csv").write_text("slice,TC,ED\n0,,\n1,,0\n2,,\n")
        return found

    monkeypatch.setattr(Journal, "read", read_then_fold)
    assert reread(tmp_path) == [[-1, -1], [-1, 0], [-1, -1]]


def test_folding_nothing_writes_nothing(store, tmp_path):
    store.compact()
    assert content(tmp_path) == {}


@pytest.mark.parametrize("slice_index", [-1, 3])
def test_no_such_slice_is_noted(store, tmp_path, slice_index):
    with pytest.raises(McwssError, match="does not exist"):
        change(store, slice_index, "TC", Tag.PRESENT)
    assert content(tmp_path) == {}


KEYSTROKES = """
import sys, time
from pathlib import Path
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.scan_tags import ScanTags
from napari_mcwss.tags.table import Tag
store = ScanTags(Path(sys.argv[1]), "a", 3, ClassNames(("TC", "ED")))
store.apply([Change(0, "TC", Tag.PRESENT, Tag.UNKNOWN)])
store.compact()
store.apply([Change(1, "TC", Tag.ABSENT, Tag.UNKNOWN)])
store.apply([Change(2, "ED", Tag.PRESENT, Tag.UNKNOWN)])
print("done", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_tags_survive_kill_9(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", KEYSTROKES, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert reread(tmp_path) == [[1, -1], [0, -1], [-1, 1]]


@pytest.mark.parametrize("act", ["compact", "write"])
def test_what_another_program_tags_while_the_csv_file_is_written_counts(
    store, tmp_path, monkeypatch, act
):
    change(store, 0, "TC", Tag.PRESENT)
    really_write = TagTable.write_csv

    def write(table, path):
        other = ScanTags(tmp_path, "a", 3, ClassNames(CLASSES))
        other.apply([Change(2, "ED", Tag.PRESENT, Tag.UNKNOWN)])
        really_write(table, path)

    monkeypatch.setattr(TagTable, "write_csv", write)
    if act == "compact":
        store.compact()
    else:
        new = store.read()
        new.set(1, "TC", Tag.ABSENT)
        store.write(new)
    assert reread(tmp_path) == [[1, -1], [0 if act == "write" else -1, -1], [-1, 1]]


@pytest.mark.parametrize("step", ["before the csv file", "before the journal knows"])
def test_a_kill_while_saving_leaves_old_or_new_tags(store, tmp_path, monkeypatch, step):
    change(store, 0, "TC", Tag.PRESENT)
    change(store, 1, "TC", Tag.PRESENT)
    new = TagTable.empty(3, CLASSES)
    new.set(0, "TC", Tag.ABSENT)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "before the csv file":
            patch.setattr(table_module, "replacing", killed)
        else:
            patch.setattr(Journal, "mark_compacted", killed)
        with pytest.raises(KeyboardInterrupt):
            store.write(new)
    assert reread(tmp_path) == new.values.tolist()


class TestFailure:
    @pytest.fixture
    def before(self, store, tmp_path):
        change(store, 0, "TC", Tag.PRESENT)
        store.compact()
        change(store, 1, "TC", Tag.PRESENT)
        return content(tmp_path)

    def check(self, store, tmp_path, before, message):
        with pytest.raises(McwssError, match=message):
            change(store, 2, "TC", Tag.PRESENT)
        with pytest.raises(McwssError, match=message):
            store.compact()
        with pytest.raises(McwssError, match=message):
            store.write(TagTable.empty(3, CLASSES))
        assert content(tmp_path) == before
        assert reread(tmp_path) == [[1, -1], [1, -1], [-1, -1]]

    def test_a_csv_file_that_cannot_be_written_takes_the_deed_back(
        self, store, tmp_path, before, monkeypatch
    ):
        def full(path):
            raise McwssError(os.strerror(errno.ENOSPC))

        monkeypatch.setattr(table_module, "replacing", full)
        with pytest.raises(McwssError, match="No space left"):
            store.write(TagTable.empty(3, CLASSES))
        assert content(tmp_path) == before
        monkeypatch.undo()
        store.write(TagTable.empty(3, CLASSES))
        assert reread(tmp_path) == [[-1, -1]] * 3

    def test_a_journal_that_fills_the_disk_once_all_is_saved_says_so(
        self, store, tmp_path, before, monkeypatch
    ):
        def full(path, line):
            raise McwssError(os.strerror(errno.ENOSPC))

        monkeypatch.setattr(history, "append_line", full)
        with pytest.raises(McwssError, match="the tags are saved"):
            store.compact()
        assert reread(tmp_path) == [[1, -1], [1, -1], [-1, -1]]

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
    def test_full_disk_loses_nothing(self, store, tmp_path, before, monkeypatch, code):
        def fail(descriptor):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fail)
        self.check(store, tmp_path, before, os.strerror(code))

    def test_read_only_folder_loses_nothing(self, store, tmp_path, before, monkeypatch):
        # By modes alone this could not be tested as root, who may write everywhere.
        really_open = Path.open

        def refuse(path, mode="r", *args, **kwargs):
            if set(mode) & set("wa+"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return really_open(path, mode, *args, **kwargs)

        really_open_descriptor = os.open

        def refuse_descriptor(path, flags, *args, **kwargs):
            if flags & (os.O_WRONLY | os.O_RDWR):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return really_open_descriptor(path, flags, *args, **kwargs)

        monkeypatch.setattr(files.Path, "open", refuse)
        monkeypatch.setattr(os, "open", refuse_descriptor)
        self.check(store, tmp_path, before, "Permission denied")

    def test_damaged_csv_file_is_never_overwritten(self, store, tmp_path, before):
        (tmp_path / "a.csv").write_text("slice,TC,ED\n0,maybe,1\n")
        damaged = content(tmp_path)
        for act in (
            store.read,
            store.compact,
            lambda: change(store, 0, "TC", Tag.ABSENT),
            lambda: store.write(TagTable.empty(3, CLASSES)),
        ):
            with pytest.raises(McwssError, match=r"a\.csv"):
                act()
        assert content(tmp_path) == damaged


def test_tags_that_are_read_belong_to_the_reader(store):
    change(store, 0, "TC", Tag.PRESENT)
    store.read().set(0, "TC", Tag.ABSENT)
    assert store.read().get(0, "TC") is Tag.PRESENT


def test_only_new_lines_of_a_journal_are_read_again(store, tmp_path, monkeypatch):
    change(store, 0, "TC", Tag.PRESENT)
    store.read()
    change(ScanTags(tmp_path, "a", 3, ClassNames(CLASSES)), 1, "ED", Tag.ABSENT)
    parse, read = history.parse_json, []
    monkeypatch.setattr(history, "parse_json", lambda line: read.append(line) or parse(line))
    assert store.read().values.tolist() == [[1, -1], [-1, 0], [-1, -1]]
    assert len(read) == 1


def test_a_line_that_was_read_while_it_was_written_counts_once_it_is_whole(store, tmp_path):
    change(store, 0, "TC", Tag.PRESENT)
    line = b'{"changes": [[1, "ED", 0, -1]]}\n'
    with (tmp_path / ".journal" / "a.jsonl").open("ab", buffering=0) as file:
        file.write(line[:15])
        with pytest.warns(UserWarning, match="is not a change"):
            assert store.read().values.tolist() == [[1, -1], [-1, -1], [-1, -1]]
        file.write(line[15:])
    assert store.read().values.tolist() == [[1, -1], [-1, 0], [-1, -1]]


def test_a_csv_file_that_is_edited_to_what_it_was_counts(store, tmp_path):
    TagTable.empty(3, CLASSES).write_csv(tmp_path / "a.csv")
    change(store, 0, "TC", Tag.PRESENT)
    store.read()
    ScanTags(tmp_path, "a", 3, ClassNames(CLASSES)).compact()
    TagTable.empty(3, CLASSES).write_csv(tmp_path / "a.csv")
    assert store.read().values.tolist() == [[-1, -1]] * 3


def test_tags_that_another_thread_changes_while_they_are_read_are_remembered(store, monkeypatch):
    from_csv = TagTable.from_csv

    def change_meanwhile(*arguments: object) -> TagTable:
        monkeypatch.setattr(TagTable, "from_csv", from_csv)
        store.apply([Change(2, "TC", Tag.PRESENT, Tag.UNKNOWN)])
        return from_csv(*arguments)

    store.apply([Change(1, "TC", Tag.PRESENT, Tag.UNKNOWN)])
    store.compact()
    monkeypatch.setattr(TagTable, "from_csv", change_meanwhile)
    store.read()
    assert store.remembered.get(2, "TC") == Tag.PRESENT
