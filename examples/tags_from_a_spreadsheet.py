"""Tags from a spreadsheet, and a model of them.

python examples/tags_from_a_spreadsheet.py my-folder
"""

import argparse
from pathlib import Path

import napari_mcwss as mcwss

# One line for each tag; a file with a column for each class, or one file for each scan, works too.
TABLE = """scan;slice;class;tag
phantom01;8;TC;absent
phantom01;12;TC;present
phantom01;12;ED;present
phantom02;2;ED;absent
phantom02;2;TC;absent
phantom02;12;ED;present
"""


def main(folder: Path) -> None:
    """Make a study of two scans, import tags, and train on the tagged slices alone."""
    mcwss.write_phantom(folder / "scans", scans=2)
    study = mcwss.Study.create(
        folder / "study",
        scans=folder / "scans",
        channels=["t1c", "flair"],
        classes=["TC", "ED"],
    )
    table = folder / "tags.csv"
    table.write_text(TABLE, encoding="utf-8")
    changed = study.tags.import_file(table)
    print(f"{changed} tags were imported")

    # A second import changes nothing. Tags that conflict are refused, unless you say what to do.
    table.write_text(TABLE.replace("12;TC;present", "12;TC;absent"), encoding="utf-8")
    try:
        study.tags.import_file(table)
    except mcwss.McwssError as error:
        print(error)
    study.tags.import_file(table, keep=True)

    model = study.train("example", preset="local", epochs=2, pixel=4, progress=False)
    print(f"the model was trained on {', '.join(model.info.scans)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder, for scans and study")
    main(parser.parse_args().folder)
