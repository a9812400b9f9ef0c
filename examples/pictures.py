"""Pictures with one tag each: find what is on some of them.

python examples/pictures.py my-folder
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import napari_mcwss as mcwss


def write_pictures(folder: Path, *, count: int = 18, size: int = 96) -> dict[str, bool]:
    """Write coloured noise, on every other picture with a bright disc; return which have it."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    found = {}
    for number in range(count):
        picture = rng.normal(90, 25, (size, size, 3))
        name = f"picture{number:02}"
        found[name] = number % 2 == 0
        if found[name]:
            row, column = rng.integers(20, size - 20, 2)
            disc = (rows - row) ** 2 + (columns - column) ** 2 < 12**2
            picture[disc] += (90, 40, 0)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return found


def main(folder: Path) -> None:
    """Tag each picture, train on two thirds of them, and segment the others."""
    found = write_pictures(folder / "pictures")
    study = mcwss.Study.create(folder / "study", scans=folder / "pictures", classes=["disc"])
    for name, is_there in found.items():
        study.tags[name][0, "disc"] = mcwss.PRESENT if is_there else mcwss.ABSENT

    learnt, unseen = study.scan_names[:12], study.scan_names[12:]
    # A head on a pretrained encoder: what the default takes for most pictures.
    study.train("example", preset="features", scans=learnt, progress=False)
    for name in unseen:
        result = study.segment(name, model="example", ignore_tags=True, progress=False)
        pixels = np.count_nonzero(result.mask)
        print(f"{name}: {'disc' if found[name] else 'no disc'}; {pixels} pixels in the mask")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder, for pictures and study")
    main(parser.parse_args().folder)
