"""See how the scans of a folder are read: BraTS, nnU-Net, BIDS, the Decathlon and others.

python examples/known_data_sets.py FOLDER my-study --class tumour
"""

import argparse
from pathlib import Path

import napari_mcwss as mcwss


def main(folder: Path, study_folder: Path, classes: list[str]) -> mcwss.Study:
    """Make a study of the scans in the folder, which are neither changed nor copied."""
    # Names of channels are those of the data set, or the ends of the names of files.
    study = mcwss.Study.create(study_folder, scans=folder, classes=classes)
    print(f"{len(study.scan_names)} scans with the channels {', '.join(study.channels)}:")
    for name in study.scan_names:
        files = ", ".join(path.name for path in study.files(name))
        print(f"  {name}: {files}")
    return study


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the data set")
    parser.add_argument("study", type=Path, help="a new folder, for the study")
    parser.add_argument("--class", dest="classes", action="append", required=True)
    arguments = parser.parse_args()
    try:
        main(arguments.folder, arguments.study, arguments.classes)
    except mcwss.McwssError as error:
        parser.error(str(error))
