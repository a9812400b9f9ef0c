"""How much memory a training takes, beside what `train --dry-run` says: gliomas, on the CPU.

    MCWSS_DATA=... python benchmarks/memory.py --pixel 2 1

Each row is a process of its own, since what one training took stays counted.
Linux alone tells and takes back the highest memory that a process had.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from accuracy_cohorts import COHORTS, make_bench
from accuracy_methods import finish

from napari_mcwss.model.presets.registry import first_stages
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.estimate import estimate
from napari_mcwss.training.events import Batch
from napari_mcwss.training.loop import train

STEPS = 12
"""Steps after which no further one takes more."""


def memory_now(kind: str) -> int:
    """Return MiB of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(kind))) // 1024


def measure(preset: str, pixel: float) -> str:
    """Estimate, then train for some steps: a row of the table."""
    config = TrainingConfig(preset=preset, pixel=pixel, device="cpu", epochs=1)
    with tempfile.TemporaryDirectory() as folder:
        study = make_bench(COHORTS["glioma"], Path(folder)).study
        before = memory_now("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        with closing(train(study, "model", config)) as events:
            batches = (event for event in events if isinstance(event, Batch))
            for _ in range(STEPS):
                next(batches)
        taken = memory_now("VmHWM") - before
        said = finish(estimate(study, config))
    parts = [part // 2**20 for part in (said.slice_memory, said.step_memory)]
    return f"| `{preset}` | {pixel:g} mm | {parts[0]} | {parts[1]} | {sum(parts)} | {taken} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    presets = list(first_stages())
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixel", type=float, nargs="+", default=[2.0])
    parser.add_argument("--preset", choices=presets, nargs="+", default=presets)
    parser.add_argument("--row", action="store_true", help="measure in this process")
    options = parser.parse_args(arguments)
    if options.row:
        print(measure(options.preset[0], options.pixel[0]))
        return
    print("| preset | pixels | slices, MiB | step | together | taken |")
    print("| --- | --- | --- | --- | --- | --- |")
    for preset in options.preset:
        for pixel in options.pixel:
            row = ["--row", "--preset", preset, "--pixel", f"{pixel:g}"]
            subprocess.run([sys.executable, __file__, *row], check=True)


if __name__ == "__main__":
    main()
