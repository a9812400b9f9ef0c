"""The whole main job on generated scans, from tags to a report."""

import csv
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path

from napari_mcwss.errors import McwssError
from napari_mcwss.export.report import ReportScan, write_report
from napari_mcwss.model.checkpoint import ModelInfo, load_model
from napari_mcwss.model.devices import choose_device
from napari_mcwss.project import Study
from napari_mcwss.scans.finding import find_masks, find_scans
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.predict import Progress
from napari_mcwss.segmentation.references import evaluate_model, read_references
from napari_mcwss.segmentation.results import load_mask, load_result
from napari_mcwss.segmentation.segment import segment_scan
from napari_mcwss.tags.importing import tags_from_mask
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Event
from napari_mcwss.training.loop import train

MODEL = "demo"
UNIONS = {"WT": ("TC", "ED")}


def make_phantom_study(folder: Path, *, scans: int = 6) -> Study:
    """Write phantoms and make a study of them, tagged from their masks.

    Parameters
    ----------
    folder : Path
        Gets the sub-folders ``scans`` and ``study``.
    scans : int
        How many.

    Raises
    ------
    McwssError
        If the folder holds a study already, or cannot be written.
    """
    write_phantom(folder / "scans", scans=scans)
    study = Study.create(
        folder / "study",
        scans=find_scans(folder / "scans", PHANTOM_CHANNELS),
        channels=PHANTOM_CHANNELS,
        classes=tuple(PHANTOM_CLASSES),
    )
    masks = find_masks("seg", {name: study.files(name)[0] for name in study.scan_names})
    for name, path in masks.items():
        mask = read_mask(path, study.scan(name).geometry)
        study.update_tags(name, tags_from_mask(mask, PHANTOM_CLASSES))
    return study


def run_demo(folder: Path, device: str) -> Generator[Event | Progress, None, Path]:
    """Generate scans, train on the tags of most, segment and measure the others.

    Parameters
    ----------
    folder : Path
        New or empty.
    device : str
        Where to train.

    Yields
    ------
    Event or Progress
        Of training and segmentation; the return value is the report's path.

    Raises
    ------
    McwssError
        If the folder holds anything, or the device is not there.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise McwssError(f"{folder} is in use: name an empty or a new folder with --out")
    choose_device(device)
    study = make_phantom_study(folder, scans=8)
    learnt, unseen = study.scan_names[:6], study.scan_names[6:]
    config = TrainingConfig(device=device)
    yield from train(study, MODEL, config, scans=learnt)
    model = load_model(study.model_folder(MODEL), device=device)
    for scan in unseen:
        yield from segment_scan(study, MODEL, model, scan)
    evaluation = evaluate_model(study, MODEL, "seg", PHANTOM_CLASSES, UNIONS, unseen)
    report = folder / "report.html"
    write_report(
        report,
        title="napari-mcwss demo",
        summary=(
            f"Trained on nothing but the slice tags of {len(learnt)} generated scans; shown are "
            f"{len(unseen)} scans that the training never saw."
        ),
        classes={spec.name: spec.colour for spec in study.classes},
        scans=_shown(study, unseen),
        evaluation=evaluation,
        training=_facts(model.info, study),
        losses=_losses(study.model_folder(MODEL) / "history.csv"),
    )
    return report


def _shown(study: Study, scans: tuple[str, ...]) -> Iterator[ReportScan]:
    for name, references in read_references(study, "seg", PHANTOM_CLASSES, scans):
        prediction = load_result(study, MODEL, name)
        assert prediction is not None
        scan = study.scan(name)
        mask = load_mask(study, MODEL, name).astype("uint8")
        yield ReportScan(
            name=name,
            channels=scan.channels,
            volume=scan.volume(),
            cams=prediction.cams,
            mask=mask,
            references=references,
            spacing=scan.geometry.spacing,
            background="flair",
        )


def _facts(info: ModelInfo, study: Study) -> dict[str, str]:
    slices = sum(int(study.tags(scan).tagged.sum()) for scan in info.scans)
    return {
        "Preset": info.preset,
        "Trained on": f"{len(info.scans)} scans, {slices} tagged slices",
        "Epochs": str(info.epochs),
        "Classes": ", ".join(info.classes),
        "Channels": ", ".join(info.channels),
    }


def _losses(history: Path) -> dict[str, list[float]]:
    curves: dict[str, list[float]] = defaultdict(list)
    with history.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if name != "epoch" and not name.startswith("auc_"):
                    # A stage of the training leaves the terms of the others blank.
                    curves[name].append(float(value or "nan"))
    return curves
