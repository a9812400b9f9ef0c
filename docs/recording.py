"""Make the moving picture and the first still of README: a real brain, from study to export.

The scan is one patient of BraTS 2021 (CC BY 4.0, doi 10.7937/jc8x-9874), ``glioma4`` in the folder
of real scans. The model has learnt from the tags of all slices of this scan and of the patients in
``glioma``, none of which is seen. Masks are used to tag slices, and for nothing else.

MCWSS_DATA=data python tests/helpers/run_with_display.py python docs/recording.py docs/images
"""

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import napari
import numpy as np
from napari.qt.threading import WorkerBase
from PIL import Image, ImageDraw, ImageFont, ImageOps, ImageQt
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog
from scipy.ndimage import distance_transform_edt
from waiting import rest, wait_for

import napari_mcwss as mcwss
from napari_mcwss.plugin.handon.export_dialog import ExportDialog
from napari_mcwss.plugin.launch import add_docks
from napari_mcwss.plugin.results.correction.stroke_tools import ADD
from napari_mcwss.plugin.results.dock import ResultsDock
from napari_mcwss.plugin.session.session import Session
from napari_mcwss.plugin.shared.layers import study_layers
from napari_mcwss.plugin.tagging.dock import TaggingDock
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.strokes.stroke import Stroke
from napari_mcwss.study.study import Study

SCAN = "BraTS2021_00006"
CHANNELS = ("t1c", "flair")
VALUES = {"TC": (1, 4), "ED": (2,)}
SIZE = (1280, 720)
SHOWN = (960, 540)
"""Width and height of the window, and of the moving picture."""

BAR = 30
"""Pixels below the window for the line that says what is done."""

LARGEST = 2_000_000
"""Bytes of the moving picture."""

CREDIT = "Scan: BraTS 2021, CC BY 4.0"


@dataclass
class Recording:
    """Pictures of a window, each with its time and a line of text."""

    viewer: napari.Viewer
    pictures: list[Image.Image] = field(default_factory=list)
    milliseconds: list[int] = field(default_factory=list)

    def window(self, dialog: QDialog | None = None) -> Image.Image:
        """Return the window as it is now, with a dialog in its middle."""
        rest(0.4)
        shot = self.viewer.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(shot).convert("RGB").resize(SIZE)
        if dialog is not None:
            above = ImageOps.expand(ImageQt.fromqpixmap(dialog.grab()).convert("RGB"), 1, "grey")
            place = [(a - b) // 2 for a, b in zip(SIZE, above.size, strict=True)]
            picture.paste(above, (place[0], place[1]))
        return picture

    def take(self, milliseconds: int, text: str, dialog: QDialog | None = None) -> None:
        """Add a picture."""
        picture = Image.new("RGB", (SHOWN[0], SHOWN[1] + BAR), (20, 22, 28))
        picture.paste(self.window(dialog).resize(SHOWN, Image.Resampling.LANCZOS))
        draw = ImageDraw.Draw(picture)
        middle = SHOWN[1] + BAR // 2
        draw.text((14, middle), text, "white", ImageFont.load_default(17), anchor="lm")
        credit = SHOWN[0] - 14, middle
        draw.text(credit, CREDIT, (150, 150, 150), ImageFont.load_default(13), anchor="rm")
        self.pictures.append(picture)
        self.milliseconds.append(milliseconds)

    def save(self, path: Path) -> None:
        """Write an animated WebP, as fine as fits."""
        first, *others = self.pictures
        for quality in (80, 70, 60, 50, 40, 30):
            first.save(
                path,
                save_all=True,
                append_images=others,
                duration=self.milliseconds,
                loop=0,
                quality=quality,
                method=6,
            )
            if path.stat().st_size < LARGEST:
                print(f"{path}: {path.stat().st_size} bytes, {len(self.pictures)} pictures")
                return
        raise SystemExit(f"{path} has {path.stat().st_size} bytes: take fewer pictures")


def make_study(folder: Path, data: Path) -> tuple[Study, np.ndarray]:
    """Make a study without tags, with a model that has learnt from those of several patients."""
    scan = data / "glioma4" / SCAN
    files = {SCAN: [next(scan.glob(f"*_{ending}.nii*")) for ending in ("t1ce", "flair")]}
    others = {
        patient.name: [patient / f"{channel}.nii.gz" for channel in CHANNELS]
        for patient in sorted((data / "glioma").iterdir())
    }
    classes = tuple(VALUES)
    tagged = mcwss.Study.create(
        folder / "tagged", scans=files | others, channels=CHANNELS, classes=classes
    )
    tagged.tags.import_masks("seg", {name: list(values) for name, values in VALUES.items()})
    tagged.train("first", preset="local", pixel=2, epochs=5, device="cpu", progress=False)
    study = Study.create(folder / "glioma", scans=files, channels=CHANNELS, classes=classes)
    shutil.copytree(tagged.folder / "models", study.folder / "models")
    mask = read_mask(next(scan.glob("*_seg.nii*")), study.scan(SCAN).geometry)
    return study, mask


def slices_of(mask: np.ndarray, values: Sequence[int]) -> tuple[int, int]:
    """Return the first and the last slice with a class."""
    found = np.flatnonzero(np.isin(mask, values).any((1, 2)))
    return int(found[0]), int(found[-1])


def main(data: Path, images: Path) -> None:
    """Open, tag, look at live maps, segment, correct, export; a picture of each."""
    warnings.simplefilter("ignore")
    viewer = napari.Viewer(title="napari-mcwss", show=False)
    tagging, _, results = add_docks(viewer)
    window = tagging.window()
    # Any size, whatever the screen and its window manager are.
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    viewer.window.show()
    window.resize(*SIZE)
    film = Recording(viewer)
    tagging.live.box.setChecked(False)
    with tempfile.TemporaryDirectory() as folder:
        study, mask = make_study(Path(folder), data)
        film.take(1200, "1  Open a study of your scans")
        tagging.open_study(study.folder)
        session = tagging.session
        wait_for(lambda: session.scan is not None)
        middle = int(np.isin(mask, VALUES["TC"]).sum((1, 2)).argmax())
        centre = np.argwhere(mask[middle] > 0).mean(0)
        for index in (middle - 30, middle - 20, middle - 10, middle):
            session.go_to(index)
            film.take(250, "1  Open a study of your scans")
        film.take(900, "1  Open a study of your scans")

        tag(film, tagging, mask)
        look_at_live_maps(film, tagging, middle)
        tagging.view_bar.planes.click()
        wait_for(lambda: bool(session.planes_beside))
        rest(1)
        viewer.dims.point = (middle, *centre)
        film.window().save(images / "planes.png", optimize=True)
        film.take(1200, "4  See it in three planes; a click in one moves the others")
        segment(film, results, session, middle)
        viewer.dims.point = (middle, *centre)
        film.window().save(images / "napari.png", optimize=True)
        mend(film, results, mask)
        export(film, results)
        film.save(images / "recording.webp")
        session.close()
        WorkerBase.await_workers(60_000)
        viewer.close()


def tag(film: Recording, tagging: TaggingDock, mask: np.ndarray) -> None:
    """Tag the first and the last slice of each class, by the keys [ and ]."""
    text = "2  Tag slices by key: what is here, and what is not"
    slices, session = tagging.slices, tagging.session
    slices.switch.setChecked(True)
    for number, values in enumerate(VALUES.values(), 1):
        first, last = slices_of(mask, values)
        session.go_to(first)
        slices.buttons.press(number)
        slices.start_range()
        film.take(900, text)
        for index in (first + (last - first) // 3, first + 2 * (last - first) // 3):
            session.go_to(index)
            film.take(200, text)
        session.go_to(last)
        slices.end_range()
        film.take(1000, text)


def look_at_live_maps(film: Recording, tagging: TaggingDock, middle: int) -> None:
    """Show the live maps of some slices."""
    text = "3  Live maps: a first guess from these tags alone, while you tag"
    session, viewer = tagging.session, tagging.viewer
    session.go_to(middle - 12)
    tagging.live.box.setChecked(True)
    wait_for(lambda: bool(study_layers(viewer, "live")))
    for index in range(middle - 12, middle + 13, 4):
        session.go_to(index)
        wait_for(partial(_are_of, viewer, index))
        film.take(450, text)
    film.take(700, text)
    tagging.live.box.setChecked(False)


def _are_of(viewer: napari.Viewer, index: int) -> bool:
    return all(layer.metadata["slice"] == index for layer in study_layers(viewer, "live"))


def segment(film: Recording, results: ResultsDock, session: Session, middle: int) -> None:
    """Segment the scan with the model that has learnt from such tags."""
    text = "5  Segment: a map of each class, and a mask"
    results.parentWidget().raise_()
    results.model.choose("first")
    session.go_to(middle)
    film.take(900, text)
    results.one.segment()
    wait_for(lambda: results.state.mask is not None and not results.one.background.running, 3600)
    # How long it took says more of the machine that draws the pictures.
    results.one.status.clear()
    for index in range(middle - 12, middle + 13, 4):
        session.go_to(index)
        film.take(350, text)
    film.take(700, text)


def mend(film: Recording, results: ResultsDock, truth: np.ndarray) -> None:
    """Click once in the middle of what the mask lacks most of a class."""
    text = "6  One click adds what the mask lacks"
    session, tools = results.session, results.correction.tools
    tools.choose(ADD)
    wait_for(lambda: session.correcting.layer is not None)
    layer = session.correcting.layer
    assert layer is not None
    lacks = {
        name: np.isin(truth, values) & (layer.data != number)
        for number, (name, values) in enumerate(VALUES.items(), 1)
    }
    depths = {name: [distance_transform_edt(lack) for lack in lacks[name]] for name in lacks}
    name = max(depths, key=lambda name: np.max(depths[name]))
    z, y, x = map(int, np.unravel_index(np.argmax(depths[name]), truth.shape))
    results.correction.label.setCurrentText(name)
    tools.choose(ADD)
    results.viewer.dims.point = z, y, x
    camera = results.viewer.scene.camera
    camera.center, camera.zoom = (0, y, x), 2.5 * camera.zoom
    film.take(1500, text)
    done: list[bool] = []
    tools.mending.mended.connect(lambda: done.append(True))
    tools.mending.draw(Stroke(path=((z, y, x),), class_name=name, add=True))
    wait_for(lambda: bool(done))
    rest(1)
    film.take(2500, text)
    tools.choose("")


def export(film: Recording, results: ResultsDock) -> None:
    """Write a report of the result, in the dialog of the Results dock."""
    text = "7  Export: nnU-Net, BIDS, DICOM-SEG, figures or a report"
    session = results.session
    assert session.study is not None
    dialog = ExportDialog(results, session, session.study, "first", results.stored_mask)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    ready: list[str] = []
    dialog.previewed.connect(lambda: ready.append("preview"))
    dialog.ended.connect(lambda: ready.append("end"))
    dialog.show()
    wait_for(lambda: "preview" in ready)
    ready.clear()
    dialog.kind.setCurrentIndex(dialog.kind.findData("report"))
    wait_for(lambda: "preview" in ready)
    film.take(1800, text, dialog)
    dialog.export()
    wait_for(lambda: "end" in ready)
    rest(1)
    dialog.preview.clear()  # it says that the file is there now
    film.take(2500, text, dialog)
    dialog.close()


if __name__ == "__main__":
    main(Path(os.environ["MCWSS_DATA"]), Path(sys.argv[1]))
