"""The whole main job, from tags to a report, on generated scans or on the user's own."""

import shutil
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_mcwss.base.errors import McwssError
from napari_mcwss.export.study_report import report_study
from napari_mcwss.model.checkpoint import load_model
from napari_mcwss.model.devices import choose_device
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.segmentation.prediction.predict import Progress
from napari_mcwss.segmentation.segment import segment_scan
from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import apply_import, plan_masks
from napari_mcwss.training.config import TrainingConfig
from napari_mcwss.training.events import Event
from napari_mcwss.training.loop import train

MODEL = "demo"

UNSEEN = 4
"""One scan of so many is left out of the training, and segmented."""

Values = tuple[int | str, ...]


@dataclass(frozen=True)
class DemoData:
    """Scans in a folder with reference masks, see `find_scans` and `find_masks`.

    `values` are those of each class in the masks; `unions` are measured together.
    """

    scans: Path
    masks: str
    values: Mapping[str, Values]
    channels: Sequence[str] | None = None
    unions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def phantom(cls, folder: Path, *, scans: int = 8) -> "DemoData":
        """Write phantoms of a tumour into an empty folder."""
        write_phantom(folder, scans=scans)
        unions = {"WT": tuple(PHANTOM_CLASSES)}
        return cls(folder, "seg", PHANTOM_CLASSES, PHANTOM_CHANNELS, unions)

    def make_study(self, folder: Path) -> Study:
        """Make a study of the scans, with the tags that their masks give.

        Raises
        ------
        McwssError
            If there are fewer than two scans, or one has no mask. The folder is removed then.
        """
        classes = list(self.values)
        study = Study.create(folder, scans=self.scans, channels=self.channels, classes=classes)
        try:
            if len(study.scan_names) < 2:
                raise McwssError(
                    f"'{self.scans}' holds a single scan: the demo trains on some scans and "
                    "segments others: name a folder of at least 2"
                )
            apply_import(study, plan_masks(study, self.masks, self.values))
        except McwssError:
            shutil.rmtree(folder)
            raise
        return study


def run_demo(
    folder: Path, device: str, data: DemoData | None = None
) -> Generator[Event | Progress, None, Path]:
    """Train on the tags of most scans, segment and measure the others; phantoms by default.

    The events are of training and segmentation; the return value is the report's path.

    Raises
    ------
    McwssError
        If the folder holds anything, the device is not there, or the data have fewer than two
        scans, a scan without a mask, or no slice with or without a class.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise McwssError(
            f"'{folder}' exists and is not empty: name an empty or a new folder with --out"
        )
    choose_device(device)
    data = data or DemoData.phantom(folder / "scans")
    study = data.make_study(folder / "study")
    unseen = study.scan_names[-max(1, len(study.scan_names) // UNSEEN) :]
    learnt = study.scan_names[: -len(unseen)]
    yield from train(study, MODEL, TrainingConfig(device=device), scans=learnt)
    model = load_model(study.model_folder(MODEL), device=device)
    for scan in unseen:
        yield from segment_scan(study, MODEL, model, scan)
    report = folder / "report.html"
    for outcome in report_study(
        study,
        MODEL,
        unseen,
        report,
        "napari-mcwss demo",
        masks=data.masks,
        values=data.values,
        unions=data.unions,
    ):
        if outcome is not None and outcome.problem is not None:
            raise McwssError(outcome.problem)
    return report
