"""How good masks are, on scans whose masks the training never saw: one command a row.

    MCWSS_DATA=... python benchmarks/accuracy.py all
    MCWSS_DATA=... python benchmarks/accuracy.py run glioma local --minutes 5
    python benchmarks/accuracy.py table

The first makes the main rows of all cohorts, the second one row: a cohort, a
method, a length, a seed. Each fold's figures go to a file in ``figures`` as soon
as there are any, to be committed: a fold that is there is not run again. The
third makes ``accuracy.md`` of these. ``run --quick`` puts every method through
generated scans and pictures, for tests.

Methods that learn from tags get a study, whose tags were made from the masks
before, and of the masks none but those that `Given` names.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from accuracy_cohorts import COHORTS, Bench, cohort_of, domains, make_bench
from accuracy_methods import METHODS, TAGS_ALONE, Given, Predictor, learn, reader_hours
from accuracy_rows import configured, describe, file_name, made, main_rows
from accuracy_scores import count, score
from accuracy_table import write_table

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.training.config import TrainingConfig, training_config

FIGURES = Path(__file__).parent / "figures"
"""Where the figures of rows are kept."""


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
        Of a cohort (see `cohort_of`) and one of `METHODS`.
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
        bench = make_bench(cohort_of(name), Path(folder))
        scans = bench.study.scan_names
        folds = bench.cohort.folds(scans)
        if unknown := set(only) - set(folds):
            raise McwssError(f"no fold {', '.join(unknown)}: choose of {', '.join(folds)}")
        for fold, tested in folds.items():
            if only and fold not in only:
                continue
            path = figures / file_name(row, fold)
            if path.exists() and not again:
                print(f"there already: {path.name}")
                continue
            print(f"{name}, {method}, fold {fold}", flush=True)
            training = [scan for scan in scans if scan not in tested]
            start = time.monotonic()
            epochs, predict = learn(method, bench, config, training, given)
            minutes = (time.monotonic() - start) / 60
            record = {**row, "fold": fold, "folds": len(folds)}
            record["scans"] = _measured(bench, predict, tested)
            record |= {"minutes": minutes, "epochs": epochs, "machine": _machine(row["device"])}
            record["reader_hours"] = reader_hours(method, bench, training, given)
            record["made"] = made()
            indent = None if bench.cohort.pictures else 1
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(record, indent=indent) + "\n", encoding="utf-8")


def run_all(cohorts: Sequence[str], figures: Path, device: str) -> None:
    """Run what is missing of the main rows of cohorts; those that fail are told at the end.

    Raises
    ------
    McwssError
        If a row failed.
    """
    failed = []
    for name in cohorts:
        for row in main_rows(name):
            try:
                run_row(name, row.method, row.config(device), figures, given=row.given)
            except McwssError as error:
                failed.append(f"{name}, {row.method}: {error}")
                print(failed[-1], flush=True)
    if failed:
        raise McwssError(f"{len(failed)} rows failed: {'; '.join(failed)}")


def _measured(bench: Bench, predict: Predictor, tested: Sequence[str]) -> dict[str, object]:
    """Return the figures of each tested scan, or the counts of each tested picture."""
    if bench.cohort.pictures:
        references = bench.references(tested)
        return {scan: count(bench, predict(scan), masks) for scan, masks in references}
    measured: dict[str, object] = {}
    for scan in tested:
        found = predict(scan)
        measured[scan] = {
            "unused": score(bench, scan, found.free),
            "gate": score(bench, scan, found.gated),
        }
    return measured


def _machine(device: object) -> str:
    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}"


def main() -> None:
    """Run rows, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="make one row")
    run.add_argument("cohort", nargs="?", choices=[*COHORTS, *domains()])
    run.add_argument("method", nargs="?", choices=METHODS)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--minutes", type=float, help="length of the training of a fold")
    run.add_argument("--epochs", type=int, help="likewise; whichever is over first")
    run.add_argument("--refine", action="store_true", help="add the second stage")
    run.add_argument("--volumetric", action="store_true", help="in 3-D")
    run.add_argument("--masks", type=int, default=0, help="masks that it gets")
    run.add_argument("--scans", type=int, help="learn from so many scans alone")
    run.add_argument("--pixel", type=float, help="millimetres between the pixels that are read")
    run.add_argument("--place", action="store_true", help="let the network read the place")
    run.add_argument("--fold", nargs="+", default=(), help="run these folds alone")
    run.add_argument("--again", action="store_true", help="run what is there already")
    run.add_argument("--quick", action="store_true", help="every method, a moment each")
    every = commands.add_parser("all", help="make the main rows that are missing")
    cohorts = ["glioma", "hippocampus", "phantom", *domains()]
    every.add_argument("cohorts", nargs="*", default=cohorts, help="of these alone")
    table = commands.add_parser("table", help="write the table of all rows")
    table.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    for command in (run, every):
        command.add_argument("--device", default="auto")
    for command in (run, every, table):
        command.add_argument("--figures", type=Path, default=FIGURES, help="their folder")
    options = parser.parse_args()
    try:
        if options.command == "table":
            write_table(options.figures, options.out)
        elif options.command == "all":
            run_all(options.cohorts, options.figures, options.device)
        elif options.quick:
            run_all(("quick", "quick_pictures"), options.figures, options.device)
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
