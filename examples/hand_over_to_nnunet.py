"""From tags to a data set for nnU-Net: masks made from tags are what it learns from.

python examples/hand_over_to_nnunet.py my-folder

Afterwards, with nnU-Net: nnUNetv2_plan_and_preprocess -d 501 --verify_dataset_integrity
"""

import argparse
from pathlib import Path

import napari_mcwss as mcwss


def main(folder: Path) -> None:
    """Train on tags, segment all scans with their tags, and write a data set."""
    mcwss.write_phantom(folder / "scans", scans=4)
    study = mcwss.Study.create(
        folder / "study",
        scans=folder / "scans",
        channels=["t1c", "flair"],
        classes=["TC", "ED"],
    )
    study.tags.import_masks("seg", {"TC": 1, "ED": 2})
    study.train("example", preset="local", epochs=3, pixel=4, progress=False)
    for name in study.scan_names:
        # With their tags: no class on slices that are tagged absent.
        study.segment(name, model="example", progress=False)

    # Masks that you have corrected in napari take the place of the model's.
    made = folder / "Dataset501_Phantom"
    study.export("nnunet", made, model="example")
    for path in sorted(made.rglob("*.*")):
        print(path.relative_to(made))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder, for scans, study and data set")
    main(parser.parse_args().folder)
