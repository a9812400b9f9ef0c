"""What clicks are worth: the Dice of masks that a simulated user mends, click by click.

Each scan is left out in turn: a model that learnt from the tags of the others segments it, tags
of the scan unused. Then the user looks for the largest connected piece of the mask that has
another label than the reference, and clicks on its deepest voxel: *Add* with the class that
belongs there, *Remove* where nothing does. Clicks are those of a scan, all classes together.
The reference is used for nothing else.

    python benchmarks/clicks.py --keep FOLDER      # keeps trained folds there, and continues
    python benchmarks/clicks.py --quick            # on a generated scan, a moment
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from accuracy_cohorts import COHORTS, Bench, Cohort, make_bench
from accuracy_methods import TAGS_ALONE, learn
from accuracy_rows import MOMENT, configured, made
from numpy.typing import NDArray
from scipy import ndimage

from napari_mcwss.base.files import replacing
from napari_mcwss.measurement.references import read_labels
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.segmentation.masks.exclusive import THRESHOLD
from napari_mcwss.segmentation.masks.regions import nested_labels
from napari_mcwss.segmentation.results import load_mask, load_result
from napari_mcwss.segmentation.segment import study_precedence
from napari_mcwss.segmentation.strokes.mending import mend
from napari_mcwss.segmentation.strokes.scene import Scene, make_scene
from napari_mcwss.segmentation.strokes.stroke import Mark, Stroke
from napari_mcwss.study.study import Study
from napari_mcwss.training.config import training_config

SHOWN = (0, 1, 3, 5, 10)
"""Numbers of clicks in the table."""

MODEL = "benchmark"
METHOD = "local"

ABOUT = """
What a simulated user's clicks in *Correct by hand* are worth: `python benchmarks/clicks.py` leaves
out each scan in turn, trains on the tags of the others, segments it without its tags, and clicks on
the deepest voxel of the largest connected piece with a wrong label: *Add* with the class that
belongs there, or *Remove*. Clicks are those of a scan, all classes together. A person sees such
pieces less exactly, and can draw strokes instead.
""".strip()

Labels = NDArray[np.integer]
"""Label image ``(z, y, x)``: 0 background, k + 1 class k."""


@dataclass(frozen=True, eq=False)
class Segmented:
    """A scan with the mask of a model, and its reference."""

    scene: Scene
    mask: NDArray[np.uint8]
    reference: Labels
    classes: tuple[str, ...]
    prepared: float


def wrong_piece(mask: Labels, reference: Labels) -> tuple[int, tuple[int, int, int]] | None:
    """Return the label that is due in the largest wrong piece, and its deepest voxel."""
    pieces = []
    for label in np.unique(reference[mask != reference]):
        wrong = (mask != reference) & (reference == label)
        found, _ = ndimage.label(wrong)
        sizes = np.bincount(found.ravel())
        sizes[0] = 0
        pieces.append((int(sizes.max()), int(label), found == sizes.argmax()))
    if not pieces:
        return None
    _, label, piece = max(pieces, key=lambda item: item[0])
    (part,) = ndimage.find_objects(piece.astype(np.uint8))
    depth = ndimage.distance_transform_edt(np.pad(piece[part], 1))[1:-1, 1:-1, 1:-1]
    inside = np.unravel_index(int(depth.argmax()), depth.shape)
    z, y, x = (int(index) + side.start for index, side in zip(inside, part, strict=True))
    return label, (z, y, x)


def click_at(voxel: tuple[int, int, int], due: int, there: int, scan: Segmented) -> Stroke:
    """Return the click of a user who sees which label is due in a voxel."""
    index = due - 1
    if due == 0:
        # All that is there goes with the outermost class.
        index = next(k for k, labels in nested_labels(scan.scene.precedence) if labels[there])
    return Stroke(path=(voxel,), class_name=scan.classes[index], add=due > 0)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the Dice overlap; 1 if both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def overlaps(mask: Labels, scan: Segmented, union: str) -> dict[str, float]:
    """Return the Dice of each class, and of all together."""
    pairs = {name: (mask == k, scan.reference == k) for k, name in enumerate(scan.classes, 1)}
    pairs[union] = mask > 0, scan.reference > 0
    return {name: dice(*pair) for name, pair in pairs.items()}


def mend_by_clicks(scan: Segmented, union: str, clicks: int) -> dict[str, Any]:
    """Let the user click; return Dice before and after each click, and seconds of each."""
    mask, marks = scan.mask.copy(), list[Mark]()
    found = [overlaps(mask, scan, union)]
    wall, computing = [], []
    for _ in range(clicks):
        wrong = wrong_piece(mask, scan.reference)
        if wrong is not None:
            mark = click_at(wrong[1], wrong[0], int(mask[wrong[1]]), scan)
            begin = time.perf_counter(), time.process_time()
            patch = mend(mask, mark, scan.scene, scan.classes, marks)
            wall.append(time.perf_counter() - begin[0])
            computing.append(time.process_time() - begin[1])
            marks.append(mark)
            if patch is not None:
                patch.apply(mask)
        found.append(overlaps(mask, scan, union))
    return {"dice": found, "wall": wall, "computing": computing, "prepared": scan.prepared}


def segmented(bench: Bench, tested: str, settings: Mapping[str, object]) -> Segmented:
    """Return a scan that a model of the other scans has segmented, now or before."""
    study = bench.study
    if not (study.result_folder(MODEL, tested) / "result.json").exists():
        training = [scan for scan in study.scan_names if scan != tested]
        config = configured(METHOD, training_config(**settings))
        learn(METHOD, bench, config, training, TAGS_ALONE)[1](tested)
    prediction = load_result(study, MODEL, tested)
    assert prediction is not None
    mask = load_mask(study, MODEL, tested).astype(np.uint8)
    labels = read_labels(study, bench.masks, bench.cohort.values, [tested])[tested]
    precedence = study_precedence(study, read_info(study.model_folder(MODEL)))
    source = study.scan(tested)
    volume = source.volume()
    begin = time.process_time()
    thresholds = (THRESHOLD,) * len(study.class_names)
    scene = make_scene(volume, prediction.cams, precedence, thresholds, source.geometry.spacing)
    return Segmented(scene, mask, labels, study.class_names, time.process_time() - begin)


def bench_in(cohort: Cohort, folder: Path) -> Bench:
    """Make the study of a fold, or open the one that was made before."""
    if (folder / "study").is_dir():
        return Bench(Study.open(folder / "study"), cohort, cohort.find(folder)[1])
    folder.mkdir(parents=True, exist_ok=True)
    return make_bench(cohort, folder)


def table(record: Mapping[str, Any]) -> str:
    """Write a record as a page in Markdown."""
    scans, union = record["scans"], record["union"]
    chosen = ", ".join(record["chosen_on"]) or "none of these scans"
    made = f"{record['made']}; {record['machine']}"
    lines = ["# Clicks", "", ABOUT, ""]
    settings = ", ".join(f"{name} {value}" for name, value in record["settings"].items())
    lines += [f"The preset `{METHOD}` with {settings}; {made}.", ""]
    lines += [f"Settings of the strokes were chosen on {chosen}.", ""]
    names = next(iter(scans.values()))["dice"][0].keys()
    for name in [union, *(name for name in names if name != union)]:
        lines += [
            f"| {name}, Dice after | " + " | ".join(f"{n} clicks" for n in SHOWN) + " |",
            "| --- |" + " --- |" * len(SHOWN),
        ]
        rows = {scan: [found["dice"][n][name] for n in SHOWN] for scan, found in scans.items()}
        rows["mean"] = [fmean(column) for column in zip(*rows.values(), strict=True)]
        for scan, values in rows.items():
            texts = (f"**{v:.3f}**" if scan == "mean" else f"{v:.2f}" for v in values)
            lines.append(f"| {scan} | " + " | ".join(texts) + " |")
        lines.append("")
    computing = [second for found in scans.values() for second in found["computing"]]
    wall = [second for found in scans.values() for second in found["wall"]]
    prepared = max(found["prepared"] for found in scans.values())
    lines.append(
        f"A click takes {median(computing):.2f} s of one core ({max(computing):.2f} s at most); on "
        f"the clock it took {median(wall):.2f} s ({max(wall):.2f} s) at a load of "
        f"{record['load']:.0f}. Preparing a scan, once before the first click, takes "
        f"{prepared:.2f} s of one core.\n"
    )
    return "\n".join(lines)


def measure(
    name: str, folds: Sequence[str], settings: Mapping[str, object], keep: Path, clicks: int
) -> dict[str, Any]:
    """Return the figures of the scans of a cohort."""
    cohort = COHORTS[name]
    record: dict[str, Any] = {"cohort": name, "union": cohort.union, "settings": dict(settings)}
    record |= {"made": made(), "machine": f"{os.cpu_count()} cores", "scans": {}}
    record["chosen_on"] = [scan for scan in ("pat0002", "pat0005", "pat0006") if scan in folds]
    for fold in folds:
        bench = bench_in(cohort, keep / fold)
        scan = segmented(bench, fold, settings)
        record["scans"][fold] = mend_by_clicks(scan, cohort.union, clicks)
        after = record["scans"][fold]["dice"]
        print(fold, *(f"{after[n][cohort.union]:.3f}" for n in SHOWN if n <= clicks), flush=True)
    record["load"] = os.getloadavg()[0]
    return record


def main() -> None:
    """Measure, and write the page and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fold", nargs="+", help="scans to leave out; all if none is named")
    parser.add_argument("--epochs", type=int, default=5, help="length of the training of a fold")
    parser.add_argument("--keep", type=Path, help="folder of trained folds")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--quick", action="store_true", help="a generated scan, a moment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder)
        if options.quick:
            name, folds, settings = "quick", ["phantom01"], {**MOMENT, "device": "cpu"}
        else:
            name, settings = "glioma", {"epochs": options.epochs, "pixel": 2}
            scans, _ = COHORTS[name].find(keep)
            folds = options.fold or sorted(scans)
        record = measure(name, folds, settings, keep, max(SHOWN))
    with replacing(options.out) as path:
        path.write_text(table(record), encoding="utf-8")
    with replacing(options.out.with_suffix(".json")) as path:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
