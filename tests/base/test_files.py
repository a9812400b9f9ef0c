"""Writing files loses nothing, whatever happens."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_mcwss.base import files
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import append_line, remove_leftovers, replacing

DISK_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def fail_to_flush(descriptor: int) -> None:
    raise DISK_FULL


def write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)


class TestReplacing:
    def test_makes_no_folder_but_that_of_the_file_unless_it_is_asked_to(self, tmp_path):
        with pytest.raises(McwssError, match="No such file or directory"):
            write(tmp_path / "a" / "b" / "file.txt", "new")
        assert names_in(tmp_path) == []
        write(tmp_path / "a" / "file.txt", "new")
        assert names_in(tmp_path) == ["a"]

    def test_writes_into_folders_that_it_makes(self, tmp_path):
        path = tmp_path / "a" / "b" / "file.txt"
        with replacing(path, parents=True) as temporary:
            temporary.write_text("new")
            assert not path.exists()
            assert temporary.parent == path.parent
            assert temporary.name.endswith("file.txt")
        assert path.read_text() == "new"
        assert names_in(path.parent) == ["file.txt"]

    @pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt()])
    def test_keeps_the_old_file_when_the_writer_fails(self, tmp_path, error):
        path = tmp_path / "file.txt"
        path.write_text("old")

        def fail():
            with replacing(path) as temporary:
                temporary.write_text("half of the n")
                raise error

        with pytest.raises(type(error)):
            fail()
        assert path.read_text() == "old"
        assert names_in(tmp_path) == ["file.txt"]

    def test_full_disk_is_told_in_one_line(self, tmp_path, monkeypatch):
        path = tmp_path / "file.txt"
        path.write_text("old")
        monkeypatch.setattr(os, "fsync", fail_to_flush)
        with pytest.raises(McwssError, match=r"No space left.*nothing was changed") as told:
            write(path, "new")
        assert "\n" not in str(told.value)
        assert path.read_text() == "old"
        assert names_in(tmp_path) == ["file.txt"]

    @pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
    def test_a_really_full_device_is_told(self, tmp_path):
        with pytest.raises(McwssError, match="No space left"), replacing(tmp_path / "file"):
            Path("/dev/full").write_text("too much")
        assert names_in(tmp_path) == []

    def test_a_file_where_a_folder_should_be_is_told(self, tmp_path):
        (tmp_path / "models").write_text("not a folder")
        with pytest.raises(McwssError, match="cannot write"):
            write(tmp_path / "models" / "file", "new")

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes and links")
    def test_keeps_mode_and_link(self, tmp_path):
        target, link = tmp_path / "target.txt", tmp_path / "link.txt"
        target.write_text("old")
        target.chmod(0o640)
        link.symlink_to(target)
        write(link, "new")
        assert link.is_symlink()
        assert target.read_text() == "new"
        assert stat.S_IMODE(target.stat().st_mode) == 0o640


class TestAppendLine:
    def test_adds_lines(self, tmp_path):
        path = tmp_path / "new" / "journal"
        append_line(path, "one")
        append_line(path, "zwölf")
        assert path.read_text("utf-8") == "one\nzwölf\n"

    def test_leaves_a_torn_line_alone(self, tmp_path):
        path = tmp_path / "journal"
        path.write_bytes(b"one\ntw")
        append_line(path, "three")
        assert path.read_bytes() == b"one\ntw\nthree\n"

    def test_full_disk_leaves_the_file_as_it_was(self, tmp_path, monkeypatch):
        path = tmp_path / "journal"
        append_line(path, "one")
        monkeypatch.setattr(os, "fsync", fail_to_flush)
        with pytest.raises(McwssError, match="No space left"):
            append_line(path, "two")
        assert path.read_bytes() == b"one\n"

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
    def test_a_line_that_fits_only_in_part_is_taken_back(self, tmp_path):
        path = tmp_path / "journal"
        code = (
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from napari_mcwss.base.errors import McwssError\n"
            "from napari_mcwss.base.files import append_line\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "append_line(Path(sys.argv[1]), 'one')\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
            "try:\n"
            "    append_line(Path(sys.argv[1]), 'a line that is longer')\n"
            "except McwssError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
        )
        assert "cannot write" in done.stdout
        assert path.read_bytes() == b"one\n"


class TestLeftovers:
    def make(self, folder, name, days):
        path = folder / name
        path.write_text("half")
        os.utime(path, times=(time.time() - days * 86_400,) * 2)
        return path

    def test_only_temporary_files_of_yesterday_are_removed(self, tmp_path):
        old = [
            self.make(tmp_path, ".0a1b2c3d-mask.nii.gz", 2),
            self.make(tmp_path, ".tmpA9_xyz", 2),  # of safetensors
        ]
        kept = [
            self.make(tmp_path, ".tmpA9_xyw", 0.5),
            self.make(tmp_path, ".tmp-of-mine", 9),
            self.make(tmp_path, ".0a1b2c3e-mask.nii.gz", 0.5),
            self.make(tmp_path, ".notes-of-mine", 9),
            self.make(tmp_path, "0a1b2c3d-mask.nii.gz", 9),
            # The clock was set back since.
            self.make(tmp_path, ".0a1b2c3f-mask.nii.gz", -9),
        ]
        remove_leftovers(tmp_path)
        assert not any(path.exists() for path in old)
        assert all(path.exists() for path in kept)

    def test_the_next_write_into_a_folder_removes_them(self, tmp_path):
        old = self.make(tmp_path, ".0a1b2c3d-mask.nii.gz", 2)
        write(tmp_path / "file", "new")
        assert not old.exists()

    def test_a_folder_of_many_files_is_not_looked_through_at_each_write(
        self, tmp_path, monkeypatch
    ):
        looked = []
        monkeypatch.setattr(files, "remove_leftovers", looked.append)
        for number in range(3):
            write(tmp_path / f"file{number}", "new")
        assert looked == [tmp_path]

    def test_a_folder_that_is_gone_or_not_readable_is_no_error(self, tmp_path):
        remove_leftovers(tmp_path / "gone")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
class TestLinksOut:
    @pytest.fixture
    def link(self, tmp_path):
        (tmp_path / "mine").write_text("secret")
        (tmp_path / "study").mkdir()
        (tmp_path / "study" / "file").symlink_to(tmp_path / "mine")
        return tmp_path / "study" / "file"

    def test_nothing_is_written_through_them(self, link):
        for act in (lambda: write(link, "new"), lambda: append_line(link, "new")):
            with pytest.raises(McwssError, match=r"is a link to '.*mine', outside"):
                act()
        assert link.read_text() == "secret"

    def test_a_file_that_the_user_names_may_be_one(self, link):
        with replacing(link, parents=True) as temporary:
            temporary.write_text("new")
        assert link.is_symlink()
        assert link.read_text() == "new"


def test_a_new_folder_is_flushed_with_what_it_holds(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr("napari_mcwss.base.files._flush_folder", flushed.append)
    append_line(tmp_path / "journal" / "a", "one")
    append_line(tmp_path / "journal" / "a", "two")
    assert flushed == [tmp_path, tmp_path / "journal"]
    with replacing(tmp_path / "results" / "b") as temporary:
        temporary.write_text("new")
    assert flushed[2:] == [tmp_path, tmp_path / "results"]
