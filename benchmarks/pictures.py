"""How long a model of pictures takes: 500 of 512x512 pixels, one tag each, the default preset.

Half of the pictures, all of noise, have a bright disc, and the tag of its class. Each
stage of the training has a row, with the time until it ended.

    python benchmarks/pictures.py
"""

import argparse
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import platformdirs
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_mcwss.scans.finding import find_scans
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import TagTable
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Message
from napari_mcwss.training.loop import train

SIDE = 512


def make_study(folder: Path, pictures: int) -> Study:
    """Make a study of pictures with a tag each."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    (folder / "pictures").mkdir(parents=True)
    for number in range(pictures):
        noise = gaussian_filter(random.normal(0, 100, (SIDE, SIDE)), 2) + 100
        if number % 2:
            row, column = random.integers(100, SIDE - 100, 2)
            noise[(y - row) ** 2 + (x - column) ** 2 < 60**2] += 40
        image = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
        image.save(folder / "pictures" / f"p{number:03}.png")
    scans = find_scans(folder / "pictures", ["image"])
    study = Study.create(folder / "study", scans=scans, channels=["image"], classes=["disc"])
    tags = {name: TagTable(("disc",), np.array([[int(name[1:]) % 2]], np.int8)) for name in scans}
    study.tags.write(tags)
    return study


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=500)
    pictures = parser.parse_args().pictures
    with (
        tempfile.TemporaryDirectory() as folder,
        # Features and slices of an earlier run are not to be found.
        patch.object(platformdirs, "user_cache_path", lambda *_, **__: Path(folder) / "cache"),
    ):
        study = make_study(Path(folder), pictures)
        begun, computed = time.perf_counter(), time.process_time()
        seconds: dict[str, tuple[float, float]] = {}
        for event in train(study, "model", TrainingConfig(device="cpu")):
            what = type(event).__name__.lower()
            if isinstance(event, Message):
                what = event.text.split(" ")[0]
            moment = time.perf_counter(), time.process_time()
            before = seconds.get(what, (0.0, 0.0))
            took = moment[0] - begun, moment[1] - computed
            seconds[what] = before[0] + took[0], before[1] + took[1]
            begun, computed = moment
        print("| what | minutes | computing |\n| --- | --- | --- |")
        total = tuple(sum(column) for column in zip(*seconds.values(), strict=True))
        for what, (wall, computing) in (("all", total), *seconds.items()):
            print(f"| {what} | {wall / 60:.1f} | {computing / 60:.1f} |")


if __name__ == "__main__":
    main()
