"""The whole main job on generated scans, from tags to a report."""

from collections.abc import Generator
from pathlib import Path

from napari_mcwss.base.errors import McwssError
from napari_mcwss.export.study_report import report_study
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.model.devices import choose_device
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.finding_masks import find_masks
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.prediction.predict import Progress
from napari_mcwss.segmentation.segment import segment_scan
from napari_mcwss.study.study import Study
from napari_mcwss.tags.importing import tags_from_mask
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Event
from napari_mcwss.training.loop import train

MODEL = "demo"
UNIONS = {"WT": ("TC", "ED")}


def make_phantom_study(folder: Path, *, scans: int = 6) -> Study:
    """Write phantoms to ``scans``, and make a study of them in ``study`` with their tags."""
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
        study.tags.update(name, tags_from_mask(mask, PHANTOM_CLASSES))
    return study


def run_demo(folder: Path, device: str) -> Generator[Event | Progress, None, Path]:
    """Generate scans, train on the tags of most, segment and measure the others.

    The events are of training and segmentation; the return value is the report's path.

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
    report = folder / "report.html"
    title, classes = "napari-mcwss demo", PHANTOM_CLASSES
    for outcome in report_study(
        study, MODEL, unseen, report, title, masks="seg", values=classes, unions=UNIONS
    ):
        if outcome is not None and outcome.problem is not None:
            raise McwssError(outcome.problem)
    return report
