"""A study with as many classes as wanted, tagged and with results, made without a training."""

from pathlib import Path

import numpy as np

from napari_mcwss.model.checkpoint import ModelInfo, save_model
from napari_mcwss.model.presets.local import Local
from napari_mcwss.plugin.training.progress import TrainingProgress
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, write_phantom
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import save_result
from napari_mcwss.study.study import Study
from napari_mcwss.training.events import Advice, Batch, Epoch, Started

FINDINGS = (
    *("ground glass", "consolidation", "pleural effusion", "atelectasis", "pneumothorax"),
    *("emphysema", "nodule", "mass", "cardiomegaly", "pulmonary oedema", "fibrosis"),
    *("bronchiectasis", "honeycombing", "hiatus hernia", "rib fracture", "mediastinal widening"),
    *("tree-in-bud", "pericardial effusion", "lymphadenopathy", "calcified granuloma"),
)
"""Names of classes as long as a radiologist's."""

MODEL = "model-1"


def make_study(
    folder: Path, classes: int, *, scans: int = 3, size: tuple[int, int, int] = (15, 41, 36)
) -> Study:
    """Make a study of phantoms, tagged on every second slice, with results of one model."""
    write_phantom(folder / "scans", scans=scans, size=size)
    names = FINDINGS[:classes]
    study = Study.create(
        folder / "chest-study",
        scans=find_scans(folder / "scans", PHANTOM_CHANNELS),
        channels=PHANTOM_CHANNELS,
        classes=list(names),
    )
    rng = np.random.default_rng(0)
    info = ModelInfo(
        preset="local",
        classes=names,
        channels=study.channels,
        width=2,
        precedence=np.triu(np.ones((classes, classes), bool), 1).tolist(),
        scans=(),
        epochs=10,
    )
    study.make_folder(study.folder / "models")
    save_model(study.model_folder(MODEL), Local(len(study.channels), classes, 2), info)
    for name in study.scan_names:
        table = study.tags.read(name)
        table.values[::2] = rng.integers(0, 2, table.values[::2].shape)
        study.tags.write({name: table})
        geometry = study.scan(name).geometry
        cams = _blobs(rng, (classes, *geometry.shape))
        scores = cams.max((2, 3)).T.astype(np.float32)
        mask = np.where(cams.max(0) > 0.5, cams.argmax(0) + 1, 0).astype(np.uint8)
        found = Prediction(name, names, scores, cams)
        save_result(study, MODEL, info.run, found, mask, MaskSettings(), geometry)
    return study


def _blobs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Make one blob for each class, float32 in 0..1."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[1:]), indexing="ij")
    cams = np.zeros(shape, np.float32)
    for cam in cams:
        cz, cy, cx = rng.uniform(-0.5, 0.5, 3)
        cam[...] = np.exp(-(((z - cz) / 0.5) ** 2 + ((y - cy) ** 2 + (x - cx) ** 2) / 0.05))
    return cams


def show_training(progress: TrainingProgress, study: Study) -> None:
    """Show a training under way: six of ten epochs, with advice."""
    progress.begin({spec.name: spec.colour for spec in study.classes}, "")
    progress.show_event(Started(MODEL, "cpu", study.scan_names, (), 20, 10))
    progress.show_event(Advice("nodule is present only in phantom01: tag it in another scan"))
    for epoch in range(1, 7):
        losses = {"total": 2 / epoch, "classification": 1.2 / epoch, "extent": 0.8 / epoch}
        found = dict.fromkeys(study.class_names, 0.5 + 0.06 * epoch)
        progress.show_event(Batch(epoch, 10, 10, losses, epoch / 10, 120.0))
        progress.show_event(Epoch(epoch, losses, found))
    progress.curves.draw()
    progress.status.setText(progress.news)
