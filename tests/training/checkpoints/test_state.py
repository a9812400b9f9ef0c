"""A state is read whole, or refused in one line."""

import random

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.training.checkpoints.state import TrainingState, read_state, write_state


def test_bytes_that_changed_are_told_or_do_no_harm(tmp_path):
    path = tmp_path / "resume.pt"
    state = TrainingState("key", {"width": 2}, ("a",), ("b",), (), 4)
    write_state(path, state)
    content, chance, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            assert read_state(path) == state
        except McwssError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\0" * 1000])
def test_what_is_no_state_is_refused(tmp_path, content):
    path = tmp_path / "resume.pt"
    path.write_bytes(content)
    with pytest.raises(McwssError, match="cannot be read as the state of a training"):
        read_state(path)
