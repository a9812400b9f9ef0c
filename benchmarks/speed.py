"""How fast this project is, as ratios to the published method in the same run.

Compares, on one real scan of four channels (240x240x155):

- from files on disk to the written mask: this project's presets ``local``, the
  default, and ``mcwss`` against the preset ``published`` run as its scripts do
  it (files opened anew for every slice, one slice at a time with a reference
  slice, both branches with their affinities, float32);
- one training step of each, same width and batch: the published one on
  240x240 slices, ours on the crop that holds foreground, and on the whole slice;
- the peak memory of each.

Every figure comes from a process of its own. Weights are random, from a fixed
seed: they decide whether borders are followed, which takes seconds. The
published prediction is timed on some slices, spread over the scan, and scaled
up to all: each costs the same.

    MCWSS_DATA=... python benchmarks/speed.py
"""

import argparse
import multiprocessing
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from napari_mcwss.model.checkpoint import ModelInfo, save_model
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.inputs import prepare
from napari_mcwss.model.preset import Preset, TaggedBatch
from napari_mcwss.model.presets.local import Local
from napari_mcwss.model.presets.published import fused_maps
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.study.study import Study

CHANNELS = ("t1", "t1ce", "t2", "flair")
CLASSES = ("TC", "ED")
SLICES = 155
DEFAULT_WIDTH, PUBLISHED_WIDTH = 16, 64
BATCH = 4

Figures = tuple[float, float]
"""Seconds, and the peak memory of the process in MiB."""


def make_study(folder: Path, data: Path, width: int) -> Study:
    """Make a study of the scan with an untrained model of each preset that is timed."""
    study = Study.create(
        folder, scans=find_scans(data / "glioma4", CHANNELS), channels=CHANNELS, classes=CLASSES
    )
    torch.manual_seed(0)
    for name in ("published", "local", "mcwss"):
        info = ModelInfo(
            preset=name,
            classes=CLASSES,
            channels=CHANNELS,
            width=width,
            precedence=((False, True), (False, False)),
            scans=study.scan_names,
            epochs=0,
        )
        network = PRESETS[name].preset_class(len(CHANNELS), len(CLASSES), width)
        network.learn_relations([1, -1])  # the core inside the oedema, as tags tell
        if isinstance(network, Local):
            network.contrasted.fill_(True)
        study.make_folder(study.folder / "models")
        study.make_folder(study.model_folder(name))
        save_model(study.model_folder(name), network, info)
    return study


def our_prediction(folder: Path, preset: str) -> float:
    """Segment as ``napari-mcwss segment`` does; seconds."""
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.segmentation.segment import segment_scan

    start = time.perf_counter()
    study = Study.open(folder)
    model = load_model(study.model_folder(preset), device="cpu")
    for _ in segment_scan(study, preset, model, study.scan_names[0]):
        pass
    return time.perf_counter() - start


def published_prediction(folder: Path, timed: int) -> float:
    """Segment as the published scripts do, on `timed` slices; seconds scaled to all slices."""
    from napari_mcwss.model.checkpoint import load_model
    from napari_mcwss.scans.writing import write_volume

    study = Study.open(folder)
    name = study.scan_names[0]
    preset = load_model(study.model_folder("published"), device="cpu").preset
    mask = np.zeros((SLICES, 240, 240), np.uint8)

    def read_slice(z: int) -> torch.Tensor:
        channels = [nib.load(path).get_fdata()[..., z] for path in study.files(name)]
        return torch.from_numpy(np.stack(channels)).float()[None]

    start = time.perf_counter()
    chosen = np.linspace(0, SLICES - 1, timed).astype(int)
    with torch.no_grad():
        for z in chosen:
            pair = torch.cat([read_slice(int(z)), read_slice(SLICES // 2)])
            features = preset.network.encode(pair)
            single = fused_maps(*preset.network.single_heads(features))
            fused_maps(*preset.network.decompose(features))
            present = single[0, :, 1].numpy()
            mask[z] = np.where(present.max(0) > 0.5, present.argmax(0) + 1, 0)
    slices = time.perf_counter() - start
    start = time.perf_counter()
    folder = study.result_folder("published", name)
    study.make_folder(folder)
    write_volume(folder / "mask.nii.gz", mask, study.scan(name).geometry, dtype=np.uint8)
    return slices * SLICES / timed + time.perf_counter() - start


def training_step(folder: Path, name: str, width: int, crop: bool) -> float:
    """Time a training step; the median of three after one to warm up, in seconds."""
    study = Study.open(folder)
    scan = study.scan(study.scan_names[0])
    if crop:
        inputs = prepare(scan.volume(), scan.geometry.spacing)
        images, foreground = inputs.images.float(), inputs.foreground
    else:
        images = torch.from_numpy(scan.volume().transpose(1, 0, 2, 3).copy())
        foreground = (images != 0).any(1, keepdim=True)
    chosen = torch.arange(60, 60 + BATCH)
    batch = TaggedBatch(
        images[chosen].contiguous(memory_format=torch.channels_last),
        foreground[chosen],
        torch.ones(BATCH, len(CLASSES), dtype=torch.int8),
        torch.full((len(CLASSES),), 0.5),
    )
    del images, foreground
    scan.release()
    preset: Preset = PRESETS[name].preset_class(len(CHANNELS), len(CLASSES), width).train()
    optimiser = torch.optim.AdamW(preset.parameters())
    times = []
    for _ in range(4):
        start = time.perf_counter()
        optimiser.zero_grad()
        with nullcontext() if name == "published" else autocast(torch.device("cpu"), preset):
            losses = preset.losses(batch)
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def measured(function: Callable[..., float], *arguments: object) -> Figures:
    """Call a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_with_memory, function, *arguments).result()


def _with_memory(function: Callable[..., float], *arguments: object) -> Figures:
    seconds = function(*arguments)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rows_of(data: Path, width: int, repeats: int, timed: int) -> tuple[list[str], Figures, Figures]:
    """Measure one width; rows of the table, and the predictions of `published` and `local`."""

    def median(*work: object) -> Figures:
        figures = [measured(*work) for _ in range(repeats)]
        seconds, memory = zip(*figures, strict=True)
        return statistics.median(seconds), statistics.median(memory)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "study"
        make_study(folder, data, width)
        published = median(published_prediction, folder, timed)
        step = median(training_step, folder, "published", width, False)
        rows, predictions = [], {}
        for preset in ("local", "mcwss"):
            ours = predictions[preset] = median(our_prediction, folder, preset)
            rows.append(row(width, f"`{preset}`, files to written mask", published, ours))
            for where, crop in (("the crop", True), ("240x240", False)):
                ours = median(training_step, folder, preset, width, crop)
                what = f"`{preset}`, training step of {BATCH} slices, ours on {where}"
                rows.append(row(width, what, step, ours))
    return rows, published, predictions["local"]


def row(width: object, what: str, theirs: Figures, ours: Figures) -> str:
    """Return a row of the table."""
    return (
        f"| {width} | {what} | {theirs[0]:.2f} s | {ours[0]:.2f} s | "
        f"**{theirs[0] / ours[0]:.1f}x** | {theirs[1]:.0f} MiB | {ours[1]:.0f} MiB |"
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--repeats", type=int, default=1, help="medians over so many runs")
    parser.add_argument("--slices", type=int, default=8, help="slices of the published run")
    options = parser.parse_args()
    if "MCWSS_DATA" not in os.environ:
        parser.error("MCWSS_DATA does not name the folder of real scans")
    data = Path(os.environ["MCWSS_DATA"])
    print(
        f"- {platform.machine()}, torch {torch.__version__}, medians of {options.repeats}; the "
        f"published run was timed on {options.slices} slices.\n\n"
        "| width | what | published | this project | ratio | published peak | our peak |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    predictions = {}
    for width in options.widths:
        rows, *predictions[width] = rows_of(data, width, options.repeats, options.slices)
        print("\n".join(rows), flush=True)
    ours, theirs = min(options.widths), max(options.widths)
    if (ours, theirs) == (DEFAULT_WIDTH, PUBLISHED_WIDTH):
        what = "`local` at the default width, `published` at its own: files to written mask"
        print(row(f"{ours}, {theirs}", what, predictions[theirs][0], predictions[ours][1]))


if __name__ == "__main__":
    main()
