"""Damaged files of every kind are read or refused in one line: the short form of `fuzz.py`."""

import logging

import pytest
from helpers.file_kinds import Kind, file_kinds
from hypothesis import HealthCheck, Phase, given, settings

from napari_mcwss.scans.formats.registry import FORMATS

EXAMPLES = 12
"""Inputs of each kind, the same in every run."""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> dict[str, Kind]:
    pytest.importorskip("pydicom", reason="pydicom is not installed")
    # Libraries tell of damage in their logs.
    logging.disable(logging.CRITICAL)
    yield file_kinds(tmp_path_factory.mktemp("kinds") / "files")
    logging.disable(logging.NOTSET)


def test_every_format_has_a_sample(kinds):
    for kind in FORMATS:
        assert any(name.endswith(kind.suffixes or ".dcm") for name in kinds), kind.name


def test_what_is_whole_is_read(kinds):
    for name, kind in kinds.items():
        kind.readers[0]()
        assert not kind.fault(kind.content), name


def test_damage_is_refused_in_one_line(kinds):
    faults = {name: found for name, kind in kinds.items() if (found := faults_of(kind))}
    assert not faults


def faults_of(kind: Kind) -> list[str]:
    found = []

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(kind.damaged())
    def try_one(content: bytes) -> None:
        if fault := kind.fault(content):
            found.append(fault)

    try_one()
    return found
