"""How a study grows with its scans: index, tags, and segmentation with a network that is none.

All scans are the same file of 4x8x8 voxels, so that what is left is what a scan costs
beside its voxels. Files are written to memory where the system has a folder for
that. Steps are told in milliseconds a scan, which stay the same if all grows linearly;
the last column is the ratio of the largest study to the one before. Results are made
of some of the scans, the same number in each study.

    python benchmarks/many_scans.py
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import nibabel as nib
import numpy as np

from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel, load_model, save_model
from napari_mcwss.model.presets.local import Local
from napari_mcwss.scans.scan import Scan
from napari_mcwss.segmentation import segment
from napari_mcwss.segmentation.batch import segment_scans
from napari_mcwss.segmentation.missed_classes import missed_in_results
from napari_mcwss.segmentation.prediction.predict import Prediction, Progress
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag, TagTable
from napari_mcwss.training.data.digests import study_digests
from napari_mcwss.training.data.slices import tagged_scans

SHAPE, CLASSES = (4, 8, 8), ("TC", "ED")

SEGMENTED = 100
"""Scans that are segmented."""


def nothing(_: TrainedModel, scan: Scan) -> Generator[Progress, None, Prediction]:
    """Predict without a network."""
    yield Progress(SHAPE[0], SHAPE[0])
    cams = np.zeros((len(CLASSES), *SHAPE), np.float32)
    return Prediction(scan.name, CLASSES, np.ones((SHAPE[0], len(CLASSES)), np.float32), cams)


def add_model(study: Study, width: int = 2) -> TrainedModel:
    """Give a study an untrained model."""
    info = ModelInfo(
        preset="local",
        classes=CLASSES,
        channels=study.channels,
        width=width,
        precedence=((False, True), (False, False)),
        scans=(),
        epochs=1,
    )
    study.make_folder(study.folder / "models")
    save_model(study.model_folder("model"), Local(len(study.channels), len(CLASSES), width), info)
    return load_model(study.model_folder("model"), device="cpu")


def measure(folder: Path, scans: int) -> dict[str, float]:
    """Return the milliseconds a scan of each step with a study of so many scans."""
    spent: dict[str, float] = {}

    def timed(what: str, work: Callable[[], object], count: int = scans) -> None:
        begun = time.perf_counter()
        work()
        spent[what] = 1000 * (time.perf_counter() - begun) / count

    file = folder / "scan.nii"
    nib.Nifti1Image(np.ones(SHAPE[::-1], np.int16), np.eye(4)).to_filename(file)
    files = {f"scan{number:05}": [file] for number in range(scans)}
    place = folder / "study"
    timed(
        "make a study", lambda: Study.create(place, scans=files, channels=["t1"], classes=CLASSES)
    )
    timed("open it", lambda: Study.open(place))
    study = Study.open(place)
    values = np.array([[0, 0], [0, 1], [1, 1], [0, 0]], np.int8)
    tables = {name: TagTable(CLASSES, values) for name in study.scan_names}
    timed("write the tags of all", lambda: study.tags.write(tables))

    def tag() -> None:
        study.tags.acquire_lock()
        for name in study.scan_names:
            study.tags.change(name, 0, "ED", Tag.PRESENT)
        study.tags.lock.release()

    timed("tag a slice of each", tag)
    other = Study.open(place)
    timed("find what can be undone", lambda: other.tags.to_undo)
    timed("choose the scans to train on", lambda: tagged_scans(other, None))
    timed("compare them with those before", lambda: study_digests(other, other.scan_names))
    model = add_model(study)
    names = study.scan_names[-SEGMENTED:]

    def run() -> None:
        for _ in segment_scans(study, "model", model, names, tags=lambda _: None):
            pass

    timed("segment", run, len(names))
    timed("segment again: all are done", run, len(names))
    timed("look for missed classes", lambda: missed_in_results(other, "model", names), len(names))
    return spent


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, nargs="+", default=[100, 1000, 10000])
    sizes = parser.parse_args().scans
    segment.predict = nothing
    memory = Path("/dev/shm")
    found = []
    for scans in (sizes[0], *sizes):  # the first time, modules are loaded
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            found.append(measure(Path(folder), scans))
    print(f"| milliseconds a scan | {' | '.join(f'{scans:,} scans' for scans in sizes)} | ratio |")
    print(f"| --- |{' --- |' * (len(sizes) + 1)}")
    for what in found[0]:
        row = [spent[what] for spent in found[1:]]
        growth = row[-1] / row[-2] if len(row) > 1 else 1
        print(f"| {what} | {' | '.join(f'{cell:.2f}' for cell in row)} | {growth:.1f} |")


if __name__ == "__main__":
    main()
