"""What reading and drawing slices costs a training, beside its network.

An epoch of the preset `local` on generated slices of 240x240 pixels, and one whose
network computes nothing; then the time until the first step of a training of many
scans of 155 slices with two channels, and of a second one, whose slices are kept.

    python benchmarks/pipeline.py
"""

import argparse
import gzip
import tempfile
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import platformdirs
import torch
from ranks import make_study
from torch import Tensor

from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.preset import TaggedBatch
from napari_mcwss.model.presets.local import Local
from napari_mcwss.scans.digest import SETTLED
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, PHANTOM_SPACING
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.data.file_cache import cache_folder
from napari_mcwss.training.data.slices import SliceDataset, gather, load_scan
from napari_mcwss.training.events import Batch
from napari_mcwss.training.loop import train
from napari_mcwss.training.run import Run

SIZE, FLAT = (155, 240, 240), (32, 240, 240)
"""Voxels of the scans that are read, and of the one that an epoch draws from."""


class Nothing(Local):
    """A network that draws as `local` does, and computes nothing."""

    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:  # noqa: ARG002
        """Return a loss of zero."""
        return {"nothing": 0 * next(self.parameters()).sum()}


def epoch(data: SliceDataset, preset: type[Local]) -> float:
    """Return the seconds of a training of one epoch."""
    config = TrainingConfig(preset="local", device="cpu", epochs=1)
    run = Run(preset(len(PHANTOM_CHANNELS), len(PHANTOM_CLASSES), 16), config, torch.device("cpu"))
    begun = time.perf_counter()
    for _ in run.epoch(data, 1):
        pass
    return time.perf_counter() - begun


def copied(study: Study, folder: Path, scans: int) -> Study:
    """Return a study of many scans that are the first one of another, but for one voxel."""
    (name, *_), files = study.scan_names, {f"scan{number:02}": [] for number in range(scans)}
    for path in study.files(name):
        content = gzip.decompress(path.read_bytes())
        middle = len(content) // 2
        start, rest = gzip.compress(content[:middle], 5), gzip.compress(content[middle + 2 :], 5)
        for number, (scan, own) in enumerate(files.items()):
            voxel = gzip.compress(number.to_bytes(2, "little"))
            own.append(folder / scan / path.name)
            own[-1].parent.mkdir(parents=True, exist_ok=True)
            own[-1].write_bytes(start + voxel + rest)
    classes = list(PHANTOM_CLASSES)
    made = Study.create(folder / "study", scans=files, channels=PHANTOM_CHANNELS, classes=classes)
    for scan in files:
        made.tags.update(scan, study.tags.read(name))
    return made


def first_step(study: Study, name: str, kept: Path) -> float:
    """Return the seconds until a training of `local` has done its first step.

    It is stopped when the slices of all scans are kept.
    """
    config = TrainingConfig(preset="local", device="cpu", epochs=1)
    begun = time.perf_counter()
    with closing(train(study, name, config)) as events:
        next(event for event in events if isinstance(event, Batch))
        seconds = time.perf_counter() - begun
        while len(list(kept.glob("[!.]*"))) < len(study.scan_names):
            time.sleep(0.1)
        return seconds


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=50)
    scans = parser.parse_args().scans
    print("| what | seconds |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        flat = make_study(folder / "flat", scans=1, size=FLAT)
        data = gather(
            [load_scan(flat, flat.scan_names[0], InputSpec(PHANTOM_SPACING[1]), usable="tagged")]
        )
        real, nothing = epoch(data, Local), epoch(data, Nothing)
        print(f"| an epoch of {len(data)} slices | {real:.2f} |")
        print(f"| the same, no network | {nothing:.2f} |")
        print(f"- Of an epoch, {nothing / real:.1%} is not the network.")
        many = copied(make_study(folder / "one", scans=1, size=SIZE), folder / "many", scans)
        time.sleep(SETTLED)
        with patch.object(platformdirs, "user_cache_path", lambda *_, **__: folder / "cache"):
            kept = cache_folder("prepared")
            for run in ("first", "second"):
                seconds = first_step(many, run, kept)
                print(f"| {scans} scans, first step of the {run} training | {seconds:.1f} |")
        size = sum(path.stat().st_size for path in kept.iterdir()) / 2**20
        print(f"- The slices that are kept take {size / scans:.0f} MiB a scan.")


if __name__ == "__main__":
    main()
