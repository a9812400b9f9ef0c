"""Damage files of all kinds for hours, and record what is not refused as it should be.

Run it as ``python tests/fuzz.py RECORD --minutes 60``. It ends with the number of inputs, and
writes each that fails into the folder RECORD. `tests/test_fuzz.py` is the short form.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parent))

from helpers.file_kinds import Kind, file_kinds

AT_ONCE = 20
"""Inputs of one kind before the next kind has its turn."""

MOST_MEMORY = 2 * 2**30
"""Bytes that a reader may allocate."""


def try_kind(kind: Kind, number: int, faults: dict[str, bytes]) -> int:
    """Try some inputs of one kind; return their number, and collect those that fail."""
    tried = 0

    @seed(number)
    @settings(
        max_examples=AT_ONCE,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(kind.damaged())
    def try_one(content: bytes) -> None:
        nonlocal tried
        tried += 1
        if fault := kind.fault(content):
            faults.setdefault(fault[:120], content)

    try_one()
    return tried


def main() -> None:
    """Take turns between kinds until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="where the random numbers begin")
    given_ = parser.parse_args()
    given_.record.mkdir(parents=True, exist_ok=True)
    tried: Counter[str] = Counter()
    found: set[tuple[str, str]] = set()
    with tempfile.TemporaryDirectory() as folder:
        kinds = file_kinds(Path(folder) / "files")
        used = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, -1))
        number, end = given_.seed, time.monotonic() + 60 * given_.minutes
        while time.monotonic() < end:
            number += 1
            for name, kind in kinds.items():
                faults: dict[str, bytes] = {}
                tried[name] += try_kind(kind, number, faults)
                for fault, content in faults.items():
                    if (name, fault) not in found:
                        found.add((name, fault))
                        (given_.record / f"{len(found)}-{name.replace('/', '-')}").write_bytes(
                            content
                        )
                        print(f"{name}: {fault!r}", flush=True)
            text = "\n".join(f"{name}\t{count}" for name, count in tried.items())
            (given_.record / "tried.tsv").write_text(f"{text}\nall\t{tried.total()}\n")
    print(f"{tried.total()} inputs of {len(kinds)} kinds, {len(found)} faults")


if __name__ == "__main__":
    main()
