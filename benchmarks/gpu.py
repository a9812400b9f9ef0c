"""Every path that a GPU takes, once, and how fast each preset is there.

Trains on three gliomas and segments a fourth, with each preset and width, and in the published
style: one slice at a time with a reference slice, both branches, float32. Then it runs once what
else a device does: stopping and resuming, smaller steps when memory runs out, the second stages,
the choice between presets, live heads, a process of its own. A path that fails is written down
and makes the command fail at its end; it takes less than ten minutes.

    MCWSS_DATA=... python benchmarks/gpu.py --out benchmarks/gpu.md
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accuracy_cohorts import COHORTS, make_bench
from accuracy_methods import finish
from accuracy_rows import made

from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.model.devices import choose_device, describe_device
from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.presets.published import fused_maps
from napari_mcwss.model.presets.registry import first_stages, tried
from napari_mcwss.segmentation.segment import segment_scan
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import training_config
from napari_mcwss.training.events import Advice, Batch, Epoch, Event, Finished, Started
from napari_mcwss.training.features.live import FIRST_STEPS, fit_live, live_data, live_maps
from napari_mcwss.training.features.store import FeatureStore
from napari_mcwss.training.loop import resume, train
from napari_mcwss.training.memory import free_memory
from napari_mcwss.training.process.event_json import from_line

MIB = 2**20
COLUMNS = (
    "preset, width",
    "training (s)",
    "slices per second",
    "peak (MiB)",
    "a scan, first and again (s)",
    "left (MiB)",
)
WIDTHS = (16, 64)
EPOCHS = 3


@dataclass(frozen=True)
class Bench:
    """A tagged study, the device, and how much of each path is run."""

    study: Study
    device: torch.device
    training: Sequence[str]
    tested: str
    epochs: int

    def events(self, name: str, **settings: object) -> list[Event]:
        """Train to the end."""
        config = training_config(**{"device": str(self.device), "epochs": self.epochs} | settings)
        return list(train(self.study, name, config, scans=self.training))

    def segment(self, name: str) -> float:
        """Segment the tested scan, from its files to the written mask; seconds."""
        self.study.scan(self.tested).release()
        begun = time.perf_counter()
        model = load_model(self.study.model_folder(name), device=str(self.device))
        finish(segment_scan(self.study, name, model, self.tested))
        return time.perf_counter() - begun


def memory_left(device: torch.device) -> float:
    """Return the MiB that tensors still take once nothing needs them."""
    free_memory()
    return torch.cuda.memory_allocated(device) / MIB if device.type == "cuda" else 0.0


def preset_row(bench: Bench, preset: str, width: int) -> str:
    """Train and segment with a preset; its row of the table."""
    if bench.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(bench.device)
    name = f"{preset}-{width}"
    events = bench.events(name, preset=preset, width=width)
    speeds = [e.slices_per_second for e in events if isinstance(e, Batch) and e.slices_per_second]
    peaks = [e.peak_memory for e in events if isinstance(e, Epoch) and e.peak_memory]
    (finished,) = (e for e in events if isinstance(e, Finished))
    first, again = bench.segment(name), bench.segment(name)
    cells = (
        f"`{preset}`, {width}",
        f"{finished.seconds:.1f}",
        f"{statistics.median(speeds):.0f}" if speeds else "-",
        f"{max(peaks) / MIB:.0f}" if peaks else "-",
        f"{first:.2f}, {again:.2f}",
        f"{memory_left(bench.device):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def published_style(bench: Bench, width: int, slices: int = 40) -> float:
    """Predict slices as the published scripts do, with a trained network; slices per second."""
    model = load_model(bench.study.model_folder(f"published-{width}"), device=str(bench.device))
    network = model.preset.network
    pair = torch.randn(2, len(bench.study.channels), 240, 240)
    with torch.no_grad():
        for counted in (False, True):  # the first time takes longer
            begun = time.perf_counter()
            for _ in range(slices if counted else 2):
                features = network.encode(pair.to(bench.device))
                fused_maps(*network.single_heads(features))[0].cpu()
                fused_maps(*network.decompose(features))
    return slices / (time.perf_counter() - begun)


def stopped_and_resumed(bench: Bench) -> None:
    """Stop in the first epoch and go on to the end."""
    config = training_config(preset="local", epochs=2, device=str(bench.device))
    events = train(bench.study, "resumed", config, scans=bench.training)
    next(event for event in events if isinstance(event, Batch))
    events.close()
    last = list(resume(bench.study, "resumed"))[-1]
    assert isinstance(last, Finished)
    assert last.epochs == 2


def smaller_steps(bench: Bench) -> None:
    """Run out of memory, and go on with fewer slices per step."""
    if bench.device.type != "cuda":
        return
    total = torch.cuda.get_device_properties(bench.device).total_memory
    free_memory()
    torch.cuda.set_per_process_memory_fraction(700 * MIB / total, bench.device)
    try:
        events = bench.events("halved", preset="published", width=64, epochs=1)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, bench.device)
    assert any(isinstance(e, Advice) and "memory ran out" in e.text for e in events)


def second_stage(bench: Bench, *, volumetric: bool) -> None:
    """Train a U-Net on the masks of a first stage."""
    name = f"refined-{volumetric}"
    settings = {"preset": "local", "pixel": 2, "epochs": 1, "refine": True}
    bench.events(name, **settings, volumetric=volumetric)
    bench.segment(name)


def choice(bench: Bench) -> None:
    """Choose between presets by held-back tags."""
    bench.events("chosen", preset="auto")
    assert read_info(bench.study.model_folder("chosen")).choice
    bench.segment("chosen")


def live_heads(bench: Bench) -> None:
    """Encode a scan, fit live heads, and make a map."""
    store = FeatureStore(DEFAULT_ENCODER, InputSpec(), folder=bench.study.folder / "features")
    features = finish(store.compute(bench.study.scan(bench.tested)))
    tags = bench.study.tags.read(bench.tested).values
    data = live_data([features], [tags], store.strides)
    live_maps(finish(fit_live(data, None, FIRST_STEPS)), features, 0, store.strides)


def own_process(bench: Bench) -> None:
    """Train in a program of its own, and read its events."""
    command = [sys.executable, "-m", "napari_mcwss", "train", str(bench.study.folder)]
    command += ["--model", "process", "--preset", "local", "--epochs", "1", "--events", "-"]
    command += ["--device", str(bench.device), "--scans", ",".join(bench.training)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (started,) = (e for e in map(from_line, out.splitlines()) if isinstance(e, Started))
    assert started.device == str(bench.device)


PATHS: dict[str, Callable[[Bench], None]] = {
    "stopped and resumed": stopped_and_resumed,
    "smaller steps when memory runs out": smaller_steps,
    "second stage": partial(second_stage, volumetric=False),
    "second stage in 3-D": partial(second_stage, volumetric=True),
    "choice between presets": choice,
    "live heads": live_heads,
    "a process of its own": own_process,
}
"""What else runs on a device."""


def report(bench: Bench, widths: Sequence[int]) -> tuple[list[str], list[str]]:
    """Run all; the lines of the page, and the paths that failed."""
    lines, failed = [], []
    lines += [
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
    ]
    trained = [name for name in first_stages() if tried(name) == (name,)]
    for preset in trained:
        # The width is that of networks; heads on features have none.
        for width in widths if preset != "features" else widths[:1]:
            lines.append(preset_row(bench, preset, width))
            print(lines[-1], flush=True)
    for width in widths:
        speed = published_style(bench, width)
        lines.append(f"\nPublished style, width {width}: {speed:.0f} slices of 240x240 per second.")
    lines += ["\n| path | seconds |", "| --- | --- |"]
    for name, path in PATHS.items():
        begun = time.perf_counter()
        try:
            path(bench)
            told = f"{time.perf_counter() - begun:.1f}"
        except Exception as error:  # one path that fails hides no other
            told = f"failed: {type(error).__name__}: {error}".splitlines()[0]
            failed.append(name)
        lines.append(f"| {name} | {told} |")
        print(lines[-1], flush=True)
    return lines, failed


def main() -> None:
    """Run all and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, help="page to write; printed if not given")
    parser.add_argument("--quick", action="store_true", help="small generated scans, to try it")
    options = parser.parse_args()
    device = choose_device(options.device)
    with tempfile.TemporaryDirectory() as folder:
        made_bench = make_bench(COHORTS["phantom" if options.quick else "glioma"], Path(folder))
        names = made_bench.study.scan_names
        epochs = 1 if options.quick else EPOCHS
        bench = Bench(made_bench.study, device, names[:3], names[3], epochs)
        widths = (2, 4) if options.quick else WIDTHS
        lines, failed = report(bench, widths)
    head = f"# On a GPU\n\n{describe_device(device)}, torch {torch.__version__}; {made()}.\n"
    page = "\n".join([head, *lines, ""])
    if options.out:
        options.out.write_text(page, encoding="utf-8")
    else:
        print(page)
    if failed:
        parser.error(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
