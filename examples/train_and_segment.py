"""The main job from Python: a study of generated scans, training, masks, measurements.

python examples/train_and_segment.py my-folder
"""

import argparse
from pathlib import Path

from rich.console import Console

from napari_mcwss.base.errors import McwssError
from napari_mcwss.cli.demo import make_phantom_study
from napari_mcwss.measurement.evaluation import evaluate
from napari_mcwss.measurement.tables import evaluation_table
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.scans.phantom import PHANTOM_CLASSES
from napari_mcwss.segmentation.segment import segment_scan
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Epoch
from napari_mcwss.training.loop import train


def main(folder: Path) -> None:
    """Train on the tags of three scans for three epochs, measure on the fourth."""
    study = make_phantom_study(folder, scans=4)
    *learnt, unseen = study.scan_names

    for event in train(study, "example", TrainingConfig(epochs=3), scans=learnt):
        if isinstance(event, Epoch):
            print(f"epoch {event.epoch}: loss {event.losses['total']:.3f}")

    model = load_model(study.model_folder("example"))
    for _progress in segment_scan(study, "example", model, unseen):
        pass

    unions = {"WT": ("TC", "ED")}
    evaluation = evaluate(study, "example", "seg", PHANTOM_CLASSES, unions=unions, scans=[unseen])
    Console().print(evaluation_table(evaluation))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder, for scans and study")
    try:
        main(parser.parse_args().folder)
    except McwssError as error:
        parser.error(str(error))
