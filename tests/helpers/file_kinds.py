"""A sample of each kind of file that is read, and what reads it."""

import json
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
import tifffile
from helpers.damage import (
    Damage,
    damaged_bytes,
    damaged_dicom,
    damaged_json,
    damaged_lines,
    damaged_nifti,
    damaged_table,
    damaged_text_header,
)
from hypothesis import strategies as st
from PIL import Image

from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.labels import read_labels
from napari_mcwss.scans.layouts import listed_channels
from napari_mcwss.scans.reading import read_header, read_mask, read_scan
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

SLOW = 10.0
"""Seconds of the processor after which a reader is taken to hang."""

VOXELS = np.random.default_rng(0).integers(0, 3, (6, 5, 4)).astype(np.int16)

AFFINE = np.diag([-1.0, 1, 2, 1])


@dataclass(frozen=True)
class Kind:
    """A file to be damaged and read, and in which ways; `content` is that of the whole file."""

    path: Path
    content: bytes
    damages: tuple[Damage, ...]
    readers: tuple[Callable[[], object], ...]

    def damaged(self) -> st.SearchStrategy[bytes]:
        """Return contents with damage of all ways."""
        return st.one_of(*(damage(self.content) for damage in self.damages))

    def fault(self, content: bytes) -> str:
        """Read the file with other content, and put it back; return what is wrong with the end.

        Right is that it is read, or refused in one line, within `SLOW` seconds and without running
        out of memory.
        """
        began = time.process_time()
        self.path.write_bytes(content)
        try:
            for read in self.readers:
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        read()
                except McwssError as error:
                    if "\n" in str(error) or "does not fit into memory" in str(error):
                        return str(error)
                except BaseException as error:
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    return f"{type(error).__name__}: {error}"
        finally:
            self.path.write_bytes(self.content)
        took = time.process_time() - began
        return f"it took {took:.1f} s" if took > SLOW else ""


def file_kinds(folder: Path) -> dict[str, Kind]:
    """Write a sample of each kind of file into a folder."""
    return _images(folder / "images") | _masks(folder / "masks") | _study_files(folder)


def _masks(folder: Path) -> dict[str, Kind]:
    """Write segmentations and a structure set of a small series."""
    from helpers.dicom_masks import segmentation, structure_set
    from helpers.dicom_series import write_series

    series = write_series(folder / "series", np.eye(4), VOXELS)
    geometry = read_header(series).geometry
    segmentation(series, (VOXELS > 0).astype(np.uint8), names=("Liver",)).save_as(folder / "a.dcm")
    corners = np.array([[0.0, 0, 2], [3, 0, 2], [3, 3, 2], [0, 3, 2]])
    structure_set(folder / "b.dcm", {"Liver": [corners]})

    def reader(path: Path) -> Callable[[], object]:
        def read() -> None:
            labels = read_labels(path, geometry)
            labels.voxels(labels.found)

        return read

    slicer = sitk.GetImageFromArray((VOXELS > 0).astype(np.uint8))
    for key, value in {"Name": "Liver", "LabelValue": "1", "Layer": "0"}.items():
        slicer.SetMetaData(f"Segment0_{key}", value)
    sitk.WriteImage(slicer, str(folder / "a.seg.nrrd"))
    files = {
        "segmentation.dcm": (folder / "a.dcm", damaged_dicom),
        "structures.dcm": (folder / "b.dcm", damaged_dicom),
        "segmentation.seg.nrrd": (folder / "a.seg.nrrd", damaged_text_header),
    }
    return {
        name: Kind(path, path.read_bytes(), (damaged_bytes, damage), (reader(path),))
        for name, (path, damage) in files.items()
    }


def _images(folder: Path) -> dict[str, Kind]:
    folder.mkdir(parents=True)
    kinds = {}
    for name, (write, *special) in _WRITERS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        write(path)
        whole = path.parent if path.suffix == ".dcm" else path
        readers = (_scan_reader(whole), _mask_reader(whole))
        kinds[name] = Kind(path, path.read_bytes(), (damaged_bytes, *special), readers)
    return kinds


def _scan_reader(path: Path) -> Callable[[], object]:
    return lambda: read_scan("a", ["t1"], [path]).volume()


def _mask_reader(path: Path) -> Callable[[], object]:
    return lambda: read_mask(path)


def _nifti(path: Path) -> None:
    nib.Nifti1Image(VOXELS, AFFINE).to_filename(path)


def _nifti2(path: Path) -> None:
    nib.Nifti2Image(VOXELS, AFFINE).to_filename(path)


def _itk(path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path), useCompression="z" in path.name)


def _analyze(path: Path) -> None:
    nib.Spm2AnalyzeImage(VOXELS, AFFINE).to_filename(path)


def _mgh(path: Path) -> None:
    nib.MGHImage(VOXELS, AFFINE).to_filename(path)


def _picture(path: Path) -> None:
    Image.fromarray(VOXELS[0].astype(np.uint8)).save(path)


def _stack(path: Path) -> None:
    tifffile.imwrite(path, VOXELS, imagej=True, metadata={"axes": "ZYX"})


def _dicom(path: Path) -> None:
    from helpers.dicom_series import image_of

    image = image_of(np.eye(4), VOXELS[0], 0, SeriesInstanceUID="1.2.5")
    image.save_as(path, enforce_file_format=True)


_WRITERS: dict[str, tuple[Any, ...]] = {
    "a.nii": (_nifti, damaged_nifti),
    "a.nii.gz": (_nifti,),
    "b.nii": (_nifti2, damaged_nifti),
    **dict.fromkeys(("a.nrrd", "z.nrrd", "a.mha", "z.mha"), (_itk, damaged_text_header)),
    "a.hdr": (_analyze,),
    **dict.fromkeys(("a.mgh", "a.mgz"), (_mgh,)),
    **dict.fromkeys(("a.png", "a.jpg", "a.bmp", "a.webp"), (_picture,)),
    "a.tif": (_stack,),
    "series/1.dcm": (_dicom, damaged_dicom),
}


def _study_files(folder: Path) -> dict[str, Kind]:
    """Make a small study with tags, a model, a result and a corrected mask."""
    from napari_mcwss.model.checkpoint import ModelInfo, load_model, read_info, save_model
    from napari_mcwss.model.presets.local import Local
    from napari_mcwss.segmentation.corrected import CorrectedMask, read_corrected, save_corrected
    from napari_mcwss.segmentation.masks.settings import MaskSettings
    from napari_mcwss.segmentation.prediction.predict import Prediction
    from napari_mcwss.segmentation.results import load_mask, load_result, save_result
    from napari_mcwss.study.model_sharing import pack_model, read_card, unpack_model
    from napari_mcwss.study.model_states import model_states
    from napari_mcwss.study.tag_exchange import plan_import
    from napari_mcwss.training.checkpoints.records import read_run
    from napari_mcwss.training.checkpoints.state import TrainingState, read_state, write_state
    from napari_mcwss.training.checkpoints.unfinished import unfinished_trainings, working_folder

    scans = folder / "scans"
    scans.mkdir()
    _nifti(scans / "p1.nii")
    root = folder / "study"
    study = Study.create(
        root, scans={"p1": [scans / "p1.nii"]}, channels=["t1"], classes=["core", "edema"]
    )
    for number in range(study.slices("p1")):
        study.tags.change("p1", number, "core", Tag.PRESENT if number else Tag.ABSENT)
    info = ModelInfo(
        preset="local",
        classes=study.class_names,
        channels=study.channels,
        width=2,
        precedence=((False, True), (False, False)),
        scans=study.scan_names,
        epochs=1,
    )
    study.make_folder(root / "models")
    model = study.model_folder("m")
    save_model(model, Local(1, 2, 2), info)
    (model / "history.csv").write_text("epoch,loss,auc_core\n1,0.5,0.75\n2,0.4,0.8\n")
    geometry = study.scan("p1").geometry
    cams = np.zeros((2, *geometry.shape), np.float32)
    scores = np.full((geometry.shape[0], 2), 0.5, np.float32)
    mask = np.ones(geometry.shape, np.uint8)
    found = Prediction("p1", study.class_names, scores, cams)
    save_result(study, "m", info.run, found, mask, MaskSettings(), geometry)
    save_corrected(study, "p1", CorrectedMask(mask, right=True, model="m"))
    packed = folder / "m.mcwss"
    pack_model(study, "m", packed)
    unfinished = working_folder(study, "n")
    unfinished.mkdir()
    state = TrainingState("k", {"preset": "local"}, ("p1",), (), (), 4)
    write_state(unfinished / "resume.pt", state)
    (unfinished / "training.json").write_text('{"name": "n", "epoch": 2, "config": {"a": 1}}')
    events = folder / "events.jsonl"
    events.write_text('{"event": "began", "model": "m"}\n{"event": "cancelled"}\n')
    long = folder / "tags.csv"
    study.tags.export(long)
    wide = folder / "p1.csv"
    wide.write_text("slice,core,edema\n0,1,0\n1,,1\n2,0,0\n")
    dataset = folder / "data" / "dataset.json"
    dataset.parent.mkdir()
    dataset.write_text(json.dumps({"channel_names": {"0": "t1", "1": "flair"}}))
    result = study.result_folder("m", "p1")
    journal = next((root / "tags" / ".journal").iterdir())
    corrected = root / "corrected"

    def read_tags() -> None:
        Study.open(root).tags.read("p1")

    def unpack() -> None:
        try:
            unpack_model(Study.open(root), packed, "other")
        finally:
            shutil.rmtree(root / "models" / "other", ignore_errors=True)

    def run_events() -> None:
        from napari_mcwss.training.process.event_json import from_line

        for line in events.read_text("utf-8", "replace").splitlines():
            from_line(line)

    def undo_history() -> None:
        _ = Study.open(root).tags.to_undo

    # The tags are in the journal until they are compacted into the table.
    with_table = folder / "compacted"
    shutil.copytree(root, with_table)
    Study.open(with_table).tags.compact("p1")
    table = with_table / "tags" / "p1.csv"

    def read_table() -> None:
        Study.open(with_table).tags.read("p1")

    def reading(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
        return lambda: function(Study.open(root), *arguments)

    text, lines, tables = (damaged_json,), (damaged_lines,), (damaged_table,)
    files: dict[str, tuple[Path, Sequence[Damage], Sequence[Callable[[], object]]]] = {
        "study": (root / "mcwss.json", text, [lambda: Study.open(root).scan("p1").volume()]),
        "tags": (table, tables, [read_table]),
        "journal": (journal, lines, [read_tags, undo_history]),
        "long tags": (long, tables, [reading(plan_import, [long])]),
        "wide tags": (wide, tables, [reading(plan_import, [wide])]),
        "dataset": (dataset, text, [lambda: listed_channels(dataset.parent)]),
        "config": (
            model / "config.json",
            text,
            [lambda: read_info(model), lambda: load_model(model), reading(model_states)],
        ),
        "weights": (model / "weights.safetensors", (), [lambda: load_model(model)]),
        "history": (model / "history.csv", tables, [reading(read_run, "m")]),
        "packed model": (packed, (), [lambda: read_card(packed), unpack]),
        "result": (
            result / "result.json",
            text,
            [reading(load_mask, "m", "p1"), reading(load_result, "m", "p1")],
        ),
        "scores": (result / "scores.csv", tables, [reading(load_result, "m", "p1")]),
        "mask": (result / "mask.nii.gz", (), [reading(load_mask, "m", "p1")]),
        "corrected": (corrected / "p1.nii.gz", (), [reading(read_corrected, "p1")]),
        "correction": (corrected / "p1.json", text, [reading(read_corrected, "p1")]),
        "training": (unfinished / "training.json", text, [reading(unfinished_trainings)]),
        "state": (unfinished / "resume.pt", (), [lambda: read_state(unfinished / "resume.pt")]),
        "events": (events, lines, [run_events]),
    }
    return {
        name: Kind(path, path.read_bytes(), (damaged_bytes, *damages), tuple(readers))
        for name, (path, damages, readers) in files.items()
    }
