"""How good masks are, on scans whose masks the training never saw: one command a row.

    MCWSS_DATA=... python benchmarks/accuracy.py run glioma local --minutes 5
    python benchmarks/accuracy.py table

The first makes one row: a cohort, a method, a length, a seed. Each fold's
figures go to a file in ``figures`` as soon as there are any, to be committed: a
fold that is there is not run again. The second makes ``accuracy.md`` of these.
``run --quick`` puts every method through generated scans, for tests.

Methods that learn from tags get a study, whose tags were made from the masks
before, and of the masks none but those that `Given` names.
"""

import argparse
import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from accuracy_cohorts import COHORTS, Bench, make_bench
from accuracy_methods import METHODS, TAGS_ALONE, UNTRAINED, Given, Labels, learn, reader_hours
from accuracy_table import write_table
from monai.metrics.meandice import compute_dice
from numpy.typing import NDArray

import napari_mcwss
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.measurement.measure import measure
from napari_mcwss.model.devices import choose_device
from napari_mcwss.model.presets.registry import PRESETS
from napari_mcwss.training.config import TrainingConfig, training_config

FIGURES = Path(__file__).parent / "figures"
"""Where the figures of rows are kept."""

CODE = {
    "empty": ["measurement/measure.py"],
    "location_prior": ["measurement/baselines.py", "measurement/measure.py"],
}
"""Sources of the package that make a method's figures; of others, see `code_of`."""


def score(bench: Bench, scan: str, labels: Labels) -> dict[str, dict[str, float | None]]:
    """Measure a label image: each class and their union, in 3-D and slice by slice."""
    ((_, references),) = bench.references([scan])
    spacing = bench.study.scan(scan).geometry.spacing
    names = enumerate(bench.study.class_names, 1)
    masks = {name: (labels == k, references[k - 1]) for k, name in names}
    masks[bench.cohort.union] = (labels > 0, references.any(0))
    return {
        name: {**measure(*pair, spacing).to_json(), **_slices(*pair)}
        for name, pair in masks.items()
    }


def _slices(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> dict[str, float | None]:
    """Measure slices one by one; None where there is none to take the mean of."""
    present = reference.any((1, 2))
    slice_dice = None
    if present.any():
        pairs = (torch.from_numpy(masks[present])[:, None] for masks in (mask, reference))
        slice_dice = float(compute_dice(*pairs).mean())
    return {
        "slice_dice": slice_dice,
        "false_slices": float(mask[~present].any((1, 2)).mean()) if not present.all() else None,
    }


def code_of(method: str) -> str:
    """Return a short digest of the sources that make a method's figures."""
    package = Path(napari_mcwss.__file__).parent
    if method in CODE:
        sources = [package / name for name in CODE[method]]
    else:
        folders = ("model", "segmentation", "training")
        sources = sorted(path for name in folders for path in (package / name).rglob("*.py"))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def run_row(
    name: str,
    method: str,
    config: TrainingConfig,
    figures: Path,
    *,
    given: Given = TAGS_ALONE,
    only: Sequence[str] = (),
    again: bool = False,
) -> None:
    """Run the folds of a row that are not there yet, and keep each as soon as it is done.

    Parameters
    ----------
    name, method : str
        Of `COHORTS` and `METHODS`.
    config : TrainingConfig
        Length, seed, device; see `configured`.
    figures : Path
        Their folder, made if missing.
    given : Given
        What it gets beside tags.
    only : sequence of str
        Folds to run; all if none is named.
    again : bool
        Run folds that are there as well.

    Raises
    ------
    McwssError
        If there is no such fold, or data or device are not there.
    """
    config = configured(method, config)
    row = describe(name, method, config, given)
    with tempfile.TemporaryDirectory() as folder:
        bench = make_bench(COHORTS[name], Path(folder))
        scans = bench.study.scan_names
        folds = bench.cohort.folds(scans)
        if unknown := set(only) - set(folds):
            raise McwssError(f"no fold {', '.join(unknown)}: choose of {', '.join(folds)}")
        for fold, tested in folds.items():
            if only and fold not in only:
                continue
            path = figures / file_name(row, fold)
            if path.exists() and not again:
                _tell_kept(path, row)
                continue
            print(f"{name}, {method}, fold {fold}", flush=True)
            training = [scan for scan in scans if scan not in tested]
            start = time.monotonic()
            epochs, predict = learn(method, bench, config, training, given)
            minutes = (time.monotonic() - start) / 60
            measured = {}
            for scan in tested:
                free, gated = predict(scan)
                measured[scan] = {
                    "unused": score(bench, scan, free),
                    "gate": score(bench, scan, gated),
                }
            record = {**row, "fold": fold, "folds": len(folds), "scans": measured}
            record |= {"minutes": minutes, "epochs": epochs, "machine": _machine(row["device"])}
            record["reader_hours"] = reader_hours(method, bench, training, given)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def configured(method: str, config: TrainingConfig) -> TrainingConfig:
    """Set what a method brings along: its preset, or the stage that learns from masks."""
    if method == "supervised":
        return config.model_copy(update={"refine": True})
    return config.model_copy(update={"preset": method} if method in PRESETS else {})


def describe(
    name: str, method: str, config: TrainingConfig, given: Given = TAGS_ALONE
) -> dict[str, object]:
    """Say what a row is: all that its figures depend on."""
    untrained = method in UNTRAINED
    elsewhere = {"preset", "seed", "device"} | ({"refine"} if method == "supervised" else set())
    # Defaults are left out: a row stays the same row when the product gets another setting.
    settings = config.model_dump(exclude=elsewhere, exclude_defaults=True)
    settings |= {name: value for name, value in asdict(given).items() if value}
    return {
        "cohort": name,
        "union": COHORTS[name].union,
        "method": method,
        "settings": {} if untrained else settings,
        "seed": 0 if untrained else config.seed,
        "device": "cpu" if untrained else choose_device(config.device).type,
        "code": code_of(method),
    }


def file_name(row: Mapping[str, object], fold: str) -> str:
    """Name the file of a fold after its row's configuration.

    The code is not part of it: otherwise a comment changed in a source would
    throw away what took hours. It is noted, and the table tells.
    """
    settings = "".join(f"-{key}_{value:g}" for key, value in sorted(row["settings"].items()))
    return f"{row['cohort']}-{row['method']}{settings}-{row['device']}-{row['seed']}-{fold}.json"


def _tell_kept(path: Path, row: Mapping[str, object]) -> None:
    older = json.loads(path.read_text(encoding="utf-8"))["code"] != row["code"]
    print(f"there already{', by OTHER CODE; --again runs it anew' if older else ''}: {path.name}")


def _machine(device: object) -> str:
    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}"


def main() -> None:
    """Run rows, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="make one row")
    run.add_argument("cohort", nargs="?", choices=COHORTS)
    run.add_argument("method", nargs="?", choices=METHODS)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--minutes", type=float, help="length of the training of a fold")
    run.add_argument("--epochs", type=int, help="likewise; whichever is over first")
    run.add_argument("--refine", action="store_true", help="add the second stage")
    run.add_argument("--volumetric", action="store_true", help="in 3-D")
    run.add_argument("--masks", type=int, default=0, help="masks that the second stage gets")
    run.add_argument("--scans", type=int, help="learn from so many scans alone")
    run.add_argument("--pixel", type=float, help="millimetres between the pixels that are read")
    run.add_argument("--place", action="store_true", help="let the network read the place")
    run.add_argument("--device", default="auto")
    run.add_argument("--fold", nargs="+", default=(), help="run these folds alone")
    run.add_argument("--again", action="store_true", help="run what is there already")
    run.add_argument("--quick", action="store_true", help="every method, a moment each")
    table = commands.add_parser("table", help="write the table of all rows")
    table.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    for command in (run, table):
        command.add_argument("--figures", type=Path, default=FIGURES, help="their folder")
    options = parser.parse_args()
    try:
        if options.command == "table":
            write_table(
                options.figures, options.out, {method: code_of(method) for method in METHODS}
            )
        elif options.quick:
            config = training_config(epochs=1, minutes=0.1, width=4, device=options.device)
            for method in METHODS:
                run_row("quick", method, config, options.figures)
        elif options.method is None:
            parser.error("name a cohort and a method, or --quick")
        else:
            config = training_config(
                epochs=options.epochs,
                minutes=options.minutes,
                refine=options.refine,
                volumetric=options.volumetric,
                pixel=options.pixel,
                place=options.place,
                seed=options.seed,
                device=options.device,
            )
            run_row(
                options.cohort,
                options.method,
                config,
                options.figures,
                given=Given(options.scans, options.masks),
                only=options.fold,
                again=options.again,
            )
    except McwssError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
