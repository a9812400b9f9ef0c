"""The main job from Python: a study of generated scans, training, masks, measurements.

python examples/train_and_segment.py my-folder
"""

import argparse
from pathlib import Path

import napari_mcwss as mcwss


def main(folder: Path) -> None:
    """Train on the tags of three scans for three epochs, measure on the fourth."""
    mcwss.write_phantom(folder / "scans", scans=4)
    study = mcwss.Study.create(
        folder / "study",
        scans=folder / "scans",
        channels=["t1c", "flair"],
        classes=["TC", "ED"],
    )
    values = {"TC": 1, "ED": 2}
    study.tags.import_masks("seg", values)
    *learnt, unseen = study.scan_names

    # Short, and with one preset: the default tries two, for as long as it takes.
    for event in study.training("example", preset="local", epochs=3, scans=learnt):
        if isinstance(event, mcwss.events.Epoch):
            print(f"epoch {event.epoch}: loss {event.losses['total']:.3f}")

    result = study.segment(unseen, model="example", ignore_tags=True)
    for name, volume in result.volumes_ml.items():
        print(f"{name}: {volume:.1f} mL in {unseen}")

    scores = study.evaluate("example", "seg", values, unions={"WT": ["TC", "ED"]})
    for name in scores.classes:
        mean = scores.mean(name)
        print(f"{name}: Dice {mean.dice:.3f}, reference {mean.reference_ml:.1f} mL")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder, for scans and study")
    try:
        main(parser.parse_args().folder)
    except mcwss.McwssError as error:
        parser.error(str(error))
