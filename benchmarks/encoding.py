"""How long the default preset takes to encode a scan, and to fit its heads to tags.

A phantom of 240x240x155 voxels of 1 mm with two channels is encoded by the default
encoder, its features are read again by another store, and heads of two classes are
fitted to the tags of 500 of its slices, on all cores.

    python benchmarks/encoding.py
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from live import run, timed

from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.presets.features import Features
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, phantom_scan
from napari_mcwss.scans.scan import Scan
from napari_mcwss.training.features.feature_set import FeatureSet, ScanFeatures
from napari_mcwss.training.features.fit import fit_heads
from napari_mcwss.training.features.store import FeatureStore

SIZE = (155, 240, 240)


def make_scan() -> tuple[Scan, torch.Tensor]:
    """Return a scan and its tags ``(slices, classes)``."""
    volume, mask, _ = phantom_scan(0, size=SIZE)
    scan = Scan.from_array("scan", PHANTOM_CHANNELS, volume, Geometry(SIZE[::-1], np.eye(4)))
    values = PHANTOM_CLASSES.values()
    tags = np.stack([np.isin(mask, value).any((1, 2)) for value in values], 1)
    return scan, torch.from_numpy(tags.astype(np.int8))


def fit(data: FeatureSet, channels: int) -> None:
    """Fit heads; print a row for all of it, and one for each part."""
    preset = Features(channels, data.tags.shape[1], 16)
    begun = last = time.perf_counter()
    parts: dict[str, float] = {}
    for step in fit_heads(preset, data):
        moment = time.perf_counter()
        part = ", ".join(step.losses) or "gathering pixels"
        parts[part] = parts.get(part, 0.0) + moment - last
        last = moment
    print(f"| fit heads to {len(data)} slices | {time.perf_counter() - begun:.2f} |")
    for part, seconds in parts.items():
        print(f"| of it {part} | {seconds:.2f} |")


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=500, help="to fit heads to")
    count = parser.parse_args().slices
    scan, tags = make_scan()
    print("| what | seconds |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        stores = [FeatureStore(DEFAULT_ENCODER, InputSpec(), folder=Path(folder)) for _ in "ab"]
        timed("load the encoder", lambda: stores[0].strides)
        found = timed(f"encode {SIZE[0]} slices", lambda: run(stores[0].compute(scan)))
        found = timed("read them again", lambda: run(stores[1].compute(scan)))
        levels, foreground = found.features.levels, found.features.foreground
        own = [part.numpy() for part in (*levels, foreground)]
        print(f"- {sum(part.nbytes for part in own) / 2**20:.0f} MiB of features.")
        # Parts of one scan as several: heads are judged on some of them.
        rows = torch.arange(count) % len(found.position)
        parts = [
            ScanFeatures(tuple(level[part] for level in levels), foreground[part])
            for part in rows.chunk(5)
        ]
        data = FeatureSet(parts, tags[found.position[rows]], stores[0].strides)
        fit(data, len(PHANTOM_CHANNELS))


if __name__ == "__main__":
    main()
