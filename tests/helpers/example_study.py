"""The study of the examples: four small scans, their tags, and a model that hardly learnt."""

from pathlib import Path

import napari_mcwss as mcwss

NAMES = ("pat0001", "pat0002", "pat0005", "pat0006")
SIZE = (9, 41, 36)


def write_scans(folder: Path) -> None:
    """Write phantoms under the names of patients."""
    mcwss.write_phantom(folder, scans=len(NAMES), size=SIZE)
    for number, name in enumerate(NAMES, 1):
        (folder / f"phantom{number:02}").rename(folder / name)


def make_example(folder: Path) -> None:
    """Make scans ``glioma`` and a study ``my-study`` with the model ``first``.

    The model was trained on the first scan, and has segmented the last.
    """
    write_scans(folder / "glioma")
    study = mcwss.Study.create(
        folder / "my-study",
        scans=folder / "glioma",
        channels=["t1c", "flair"],
        classes=["TC", "ED"],
    )
    study.tags.import_masks("seg", {"TC": 1, "ED": 2})
    quick = {"preset": "local", "epochs": 1, "width": 2, "device": "cpu"}
    study.train("first", scans=["pat0001"], progress=False, **quick)
    study.segment("pat0006", "first", ignore_tags=True, progress=False)
