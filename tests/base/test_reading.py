"""Whatever fails while a file is read becomes one line, and nothing too large is allocated."""

import os
from pathlib import Path

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import (
    BoundedFile,
    readable,
    refuse_more_than_held,
    refuse_more_than_memory,
)


@pytest.mark.parametrize(
    "error",
    [
        KeyError(6),
        TypeError("Missing\ndimensions"),
        IndexError(),
        RecursionError("too deep"),
        OverflowError("too large"),
        SyntaxError("bad header"),
        AssertionError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ValueError("\n  \n"),
    ],
)
def test_any_error_becomes_one_line_with_the_file_and_the_reason(error):
    damaged = pytest.raises(McwssError, match=r"^'scan/t1\.nii' is damaged or not")
    with damaged as told, readable(Path("scan/t1.nii")):
        raise error
    assert "\n" not in str(told.value)
    assert "()" not in str(told.value)


def test_what_is_already_told_stays_as_it_is():
    with pytest.raises(McwssError, match="mine"), readable(Path("a")):
        raise McwssError("mine")


def test_a_key_that_interrupts_is_no_fault_of_the_file():
    with pytest.raises(KeyboardInterrupt), readable(Path("a")):
        raise KeyboardInterrupt


def test_signs_of_the_file_that_steer_a_terminal_are_not_printed():
    with pytest.raises(McwssError) as told, readable(Path("a")):
        raise ValueError("magic \x1b[2J\u202e")
    assert str(told.value).isprintable()


def test_memory_that_runs_out_is_named():
    with pytest.raises(McwssError, match="'a' does not fit into memory"), readable(Path("a")):
        raise MemoryError


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_in_place_of_a_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "t1.nii")
    with pytest.raises(McwssError, match="pipe or a device"), readable(tmp_path / "t1.nii"):
        (tmp_path / "t1.nii").read_bytes()


def test_what_a_file_or_memory_cannot_hold_is_refused_with_both_sizes():
    refuse_more_than_held(Path("a"), 256, 256)
    with pytest.raises(McwssError, match=r"29\.1 TiB of voxels, and it holds 256 bytes"):
        refuse_more_than_held(Path("a"), 32 * 10**12, 256)
    refuse_more_than_memory(Path("a"), 256)
    with pytest.raises(McwssError, match=r"needs 16384\.0 EiB of memory, of which .* are free"):
        refuse_more_than_memory(Path("a"), 2**74)


def test_no_more_is_asked_for_than_a_file_has(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    with BoundedFile(path) as file:
        assert file.read(2) == b"ab"
        # Python itself takes memory for as many bytes as are asked for.
        assert file.read(2**62) == b"cdef"
        assert file.read() == b""
        file.seek(1)
        assert file.read(None) == b"bcdef"
