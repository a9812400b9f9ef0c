"""How much faster two processes train than one, with the same batches, on a generated study.

Gives slices a second by the clock, as the training tells at its end, and the
processor time a slice of all processes together, which other programs on the
machine hardly touch: what two take beyond one is what they say to each other,
and wait. Loading is left out, as the difference of a long and a short run.

    python benchmarks/ranks.py --epochs 3
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.phantom import (
    PHANTOM_CHANNELS,
    PHANTOM_CLASSES,
    PHANTOM_SIZE,
    write_phantom,
)
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.study.study import Study
from napari_mcwss.tags.importing import tags_from_mask


def make_study(folder: Path, scans: int = 2, size: tuple[int, int, int] = PHANTOM_SIZE) -> Study:
    """Make a tagged study of phantoms, of so many voxels in z, y, x."""
    write_phantom(folder / "scans", scans=scans, size=size)
    study = Study.create(
        folder / "study",
        scans=find_scans(folder / "scans", PHANTOM_CHANNELS),
        channels=PHANTOM_CHANNELS,
        classes=list(PHANTOM_CLASSES),
    )
    for name in study.scan_names:
        mask = read_mask(folder / "scans" / name / "seg.nii.gz", study.scan(name).geometry)
        study.tags.update(name, tags_from_mask(mask, PHANTOM_CLASSES))
    return study


def trained(study: Study, ranks: int, epochs: int, width: int) -> tuple[float, float, int]:
    """Train; give slices a second, processor seconds, and slices an epoch."""
    command = [sys.executable, "-m"]
    if ranks > 1:
        command += ["torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m"]
    command += ["napari_mcwss", "train", str(study.folder), "--model", f"m{ranks}-{epochs}"]
    command += [f"--epochs={epochs}", f"--width={width}", "--preset=local"]
    command += ["--device=cpu", "--events=-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    speeds = [event["slices_per_second"] for event in events if event["event"] == "batch"]
    slices = next(event["slices"] for event in events if event["event"] == "started")
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return speeds[-1], taken, slices


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=3, help="of the long run; the short has one")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--side", type=int, default=160, help="pixels of a slice's side")
    options = parser.parse_args()
    print("| processes of one thread | slices per second | processor time per slice | load |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        study = make_study(Path(temporary), size=(16, options.side, options.side))
        speeds = []
        for ranks in options.ranks:
            _, short, slices = trained(study, ranks, 1, options.width)
            speed, long, _ = trained(study, ranks, options.epochs, options.width)
            each = 1000 * (long - short) / (slices * (options.epochs - 1))
            load = os.getloadavg()[0]
            print(f"| {ranks} | {speed:.1f} | {each:.0f} ms | {load:.1f} |", flush=True)
            speeds.append(speed)
        ratio = speeds[-1] / speeds[0]
        print(
            f"- {options.ranks[-1]} processes are {ratio:.2f} times as fast as {options.ranks[0]}."
        )


if __name__ == "__main__":
    main()
