"""How time and memory of a segmentation grow with the slices of a scan, and with scans.

Phantoms of 64x64 pixels of 2 mm, read as 128x128: files on disk to the written mask, by an
untrained model of the preset `local`, each row in a process of its own. *Peak* is the
highest memory of that process, `over the smallest` what it is beyond the first row.

    python benchmarks/growth.py
"""

import argparse
import tempfile
import time
from pathlib import Path

from many_scans import add_model
from ranks import make_study
from speed import Figures, measured

from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.segmentation.batch import segment_scans
from napari_mcwss.study.study import Study

SIDE = 64


def segmented(folder: Path) -> float:
    """Segment all scans of a study as ``napari-mcwss segment`` does; seconds."""
    begun = time.perf_counter()
    study = Study.open(folder)
    model = load_model(study.model_folder("model"), device="cpu")
    for _ in segment_scans(study, "model", model, study.scan_names, tags=lambda _: None):
        pass
    return time.perf_counter() - begun


def figures(folder: Path, scans: int, slices: int) -> Figures:
    """Make a study, and segment it in a process of its own."""
    study = make_study(folder, scans, (slices, SIDE, SIDE))
    add_model(study, width=16)
    return measured(segmented, study.folder)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=10, help="of the smallest scan")
    base = parser.parse_args().slices
    print("| scans | slices of each | seconds | of each slice | peak | over the smallest |")
    print("| --- | --- | --- | --- | --- | --- |")
    first = 0.0
    for scans, slices in ((1, base), (1, 4 * base), (1, 16 * base), (4, 4 * base)):
        with tempfile.TemporaryDirectory() as folder:
            seconds, peak = figures(Path(folder), scans, slices)
        first = first or peak
        each = f"{1000 * seconds / (scans * slices):.0f} ms"
        memory = f"{peak:.0f} MiB | {peak - first:.0f} MiB"
        print(f"| {scans} | {slices} | {seconds:.1f} | {each} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
