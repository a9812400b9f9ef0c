"""One program changes tags at a time; nothing that has ended stands in the way."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.lock import TagLock, TagsLockedError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tags.lock"


def left_behind(path, **changes):
    """Write the lock of somebody else; return its content."""
    now = datetime.now().astimezone().isoformat()
    holder = {"process": os.getpid(), "host": socket.gethostname(), "time": now, "key": "a"}
    path.write_text(json.dumps(holder | changes))
    return path.read_bytes()


def test_the_file_says_who_holds_it_and_goes_away(path):
    with TagLock(path) as lock:
        assert lock.held
        content = json.loads(path.read_text())
        assert content["process"] == os.getpid()
        assert {"host", "time"} <= content.keys()
    assert not lock.held
    assert not path.exists()


def test_it_can_be_taken_again_by_who_has_it(path):
    lock = TagLock(path)
    with lock:
        with lock:
            pass
        assert path.exists()
    assert not path.exists()


def test_it_is_given_back_after_an_error(path):
    with pytest.raises(RuntimeError), TagLock(path):
        raise RuntimeError
    assert not path.exists()


def test_a_second_window_of_this_program_is_refused(path):
    with TagLock(path):
        second = TagLock(path)
        with pytest.raises(TagsLockedError, match=f"only be read: process {os.getpid()} on "):
            second.acquire()
        assert not second.held
        assert str(os.getpid()) in str(second.other)
    assert second.other is None
    with second:
        assert second.held


HOLD = """
import sys
from pathlib import Path
from napari_mcwss.tags.lock import TagLock
TagLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_running_program_is_named_and_a_killed_one_taken_over_from(path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(TagsLockedError, match=f"process {other.pid} on ") as told:
            TagLock(path).acquire()
        assert "\n" not in str(told.value)
        other.kill()
        deadline = time.monotonic() + 10
        # It is not waited for, so on POSIX it stays as a zombie.
        while TagLock(path).other is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        with TagLock(path) as lock:
            assert lock.held
            assert json.loads(path.read_text())["process"] == os.getpid()
    assert list(path.parent.iterdir()) == []


def test_a_number_of_a_process_that_is_used_again_does_not_count(path):
    left_behind(path, time="2001-01-01T12:00:00+00:00")
    assert psutil.Process().is_running()
    with TagLock(path) as lock:
        assert lock.held


def test_a_program_on_another_computer_is_named_and_never_taken_over_from(path):
    content = left_behind(path, host="ward-2", process=7, time="2001-01-01T12:00:00+00:00")
    for _ in range(2):
        with pytest.raises(TagsLockedError, match=r"process 7 on ward-2, since 2001.*remove '.*'"):
            TagLock(path).acquire()
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", ["", '{"process": 1', "[]", '{"process": 0, "host": "", "ti'])
def test_a_lock_without_content_counts_while_it_is_young(path, content):
    path.write_text(content)
    with pytest.raises(TagsLockedError, match="has just started"):
        TagLock(path).acquire()
    os.utime(path, (time.time() - 60, time.time() - 60))
    with TagLock(path) as lock:
        assert lock.held


@pytest.mark.parametrize("years", [-50, 50])
def test_a_lock_without_content_of_another_time_is_taken_over(path, years):
    path.touch()
    then = time.time() + years * 365 * 86_400
    os.utime(path, (then, then))
    with TagLock(path) as lock:
        assert lock.held


def test_a_lock_from_the_future_counts_while_its_process_runs(path):
    started = psutil.Process().create_time()
    left_behind(path, started=started, time="9999-12-31T23:59:59-12:00")
    with pytest.raises(TagsLockedError, match=f"process {os.getpid()} on .*since 9999"):
        TagLock(path).acquire()
    left_behind(path, started=started - 20, time="9999-12-31T23:59:59-12:00")
    with TagLock(path) as lock:
        assert lock.held


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")
def test_a_link_to_nothing_in_the_place_of_the_lock_is_refused(path):
    path.symlink_to("nothing")
    with pytest.raises(TagsLockedError, match="has just started"):
        TagLock(path).acquire()


def test_a_lock_of_another_container_is_taken_over_only_if_its_guard_is_free(path):
    """Of one host name and one process number, which two containers may share."""
    started = psutil.Process().create_time()
    left_behind(path, system="another", started=started)
    guard = FileLock(path.with_name("tags.lock.guard"))
    with guard:
        assert TagLock(path).other is not None
        with pytest.raises(TagsLockedError, match=f"process {os.getpid()} on .*remove '.*'"):
            TagLock(path).acquire()
    assert TagLock(path).other is None
    with TagLock(path) as lock:
        assert lock.held


def test_a_lock_of_another_container_stays_where_there_are_no_guards(path, monkeypatch):
    def refuse(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr(FileLock, "acquire", refuse)
    content = left_behind(path, system="another", process=2**31 - 2)
    assert TagLock(path).other is not None
    with pytest.raises(TagsLockedError, match=r"process 2147483646 on .*remove '.*'"):
        TagLock(path).acquire()
    assert path.read_bytes() == content


def test_a_lock_that_was_removed_is_noticed_and_taken_anew(path):
    with TagLock(path) as lock:
        lock.verify()
        path.unlink()
        with pytest.raises(TagsLockedError):
            lock.verify()
        with lock:
            lock.verify()
        assert path.exists()
        with pytest.raises(TagsLockedError):
            TagLock(path).acquire()
    assert list(path.parent.iterdir()) == []


def test_a_lock_that_another_has_taken_is_noticed(path):
    with TagLock(path) as lock:
        content = left_behind(path, host="ward-2")
        with pytest.raises(TagsLockedError, match="on ward-2"):
            lock.verify()
        with pytest.raises(TagsLockedError, match="on ward-2"), lock:
            pass
    assert path.read_bytes() == content


def test_of_two_that_find_a_lock_left_behind_only_one_gets_it(path, monkeypatch):
    left_behind(path, time="2001-01-01T12:00:00+00:00")
    quicker, slower = TagLock(path), TagLock(path)
    really_unlink = Path.unlink

    def unlink_while_another_tries(file, *args, **kwargs):
        monkeypatch.undo()
        with pytest.raises(TagsLockedError):
            slower.acquire()
        return really_unlink(file, *args, **kwargs)

    monkeypatch.setattr(Path, "unlink", unlink_while_another_tries)
    quicker.acquire()
    assert (quicker.held, slower.held) == (True, False)
    quicker.release()
    assert list(path.parent.iterdir()) == []


def test_a_takeover_that_was_killed_is_no_obstacle(path):
    left_behind(path, time="2001-01-01T12:00:00+00:00")
    path.with_name("tags.lock.guard").touch()
    with TagLock(path) as lock:
        assert lock.held
    assert list(path.parent.iterdir()) == []


def test_a_holder_whose_number_means_nothing_here_keeps_its_lock(path):
    """Processes of two containers with one host name do not see each other."""
    held = TagLock(path)
    with held:
        content = json.loads(path.read_text()) | {"process": 2**31 - 2}
        path.write_text(json.dumps(content))
        second = TagLock(path)
        assert second.other is not None
        with pytest.raises(TagsLockedError, match="process 2147483646"):
            second.acquire()
    assert list(path.parent.iterdir()) == []


def test_a_process_that_got_the_number_of_a_killed_one_is_not_its_holder(path):
    started = psutil.Process().create_time()
    left_behind(path, started=started)
    with pytest.raises(TagsLockedError):
        TagLock(path).acquire()
    left_behind(path, started=started - 20)
    assert TagLock(path).other is None
    with TagLock(path) as lock:
        assert lock.held


def test_a_lock_of_an_older_version_counts_while_its_process_runs(path):
    content = left_behind(path)
    for _ in range(2):
        with pytest.raises(TagsLockedError, match=f"process {os.getpid()} on "):
            TagLock(path).acquire()
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]
    left_behind(path, process=2**31 - 2)
    with TagLock(path) as lock:
        assert lock.held


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError]
)
def test_without_locks_of_the_operating_system_the_file_decides(path, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with TagLock(path) as lock:
        assert lock.held
        with pytest.raises(TagsLockedError, match=f"process {os.getpid()} on "):
            TagLock(path).acquire()
    left_behind(path, time="2001-01-01T12:00:00+00:00")
    with TagLock(path) as lock:
        assert lock.held
    assert list(path.parent.iterdir()) == []


def test_a_lock_that_another_has_now_is_left_alone(path):
    first = TagLock(path)
    first.acquire()
    path.unlink()
    content = left_behind(path, host="ward-2")
    first.release()
    assert path.read_bytes() == content


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_takes_no_file_is_told(path, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "open", refuse)
    lock = TagLock(path)
    with pytest.raises(McwssError, match=f"cannot write.*{os.strerror(code)}"):
        lock.acquire()
    assert not lock.held


FULL = """
import resource, signal, sys
from pathlib import Path
from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.lock import TagLock
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    TagLock(Path(sys.argv[1])).acquire()
except McwssError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_leaves_no_lock_behind(path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout
    assert not path.exists()
