"""Masks as DICOM segmentations of the series that their scans were read from.

A NIfTI file does not name the DICOM files that it was converted from: the user names the
series of such a scan, which must have exactly the voxels of the scan.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import size_text
from napari_mcwss.base.version import __version__
from napari_mcwss.export.cases import ExportCase, each_case, new_folder, refuse_taken, voxels_of
from napari_mcwss.export.kind import ExportKind, ExportOutcome, PlannedFiles
from napari_mcwss.scans.formats.dicom import read_series, series_geometry
from napari_mcwss.study.study import Study

if TYPE_CHECKING:
    from pydicom import Dataset

    from napari_mcwss.scans.formats.dicom_images import Image

_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
"""Attributes of patient and study that every image must have, even if empty."""


def export_dicom_seg(
    study: Study,
    model: str,
    names: Sequence[str],
    out: Path,
    *,
    dicom: Annotated[
        Path | None,
        {
            "mode": "d",
            "label": "DICOM series",
            "tooltip": "For scans that were converted from DICOM: a folder with a sub-folder for "
            "each scan, of its name, that holds its series; or that of the only scan.",
        },
    ] = None,
) -> Generator[ExportOutcome, None, None]:
    """Write ``<scan>.dcm`` for each scan to a folder that appears once complete.

    For parameters see `ExportKind`.

    Parameters
    ----------
    dicom : Path, optional
        Folder of the series: with a sub-folder for each scan, or of the only scan. By default
        the series that the scans were read from.

    Raises
    ------
    McwssError
        If highdicom is not installed, or the folder exists.
    """
    _refuse_without_highdicom()
    with new_folder(out) as folder:

        def write(case: ExportCase) -> None:
            series = _series_of(case, dicom, alone=len(names) == 1)
            slices = read_series(series)
            mask = on_series(case, slices, series)
            images = [image.data for image in slices]
            if any(image.frame for image in slices):
                images, mask = _of_frames(slices, mask, series)
            if not mask.any():
                raise McwssError(f"mask of scan {case.scan.name} is empty: nothing to write")
            segmentation(study, model, mask, images).save_as(folder / f"{case.scan.name}.dcm")

        yield from each_case(study, model, names, write)


def plan_dicom_seg(
    study: Study,
    _: str,
    names: Sequence[str],
    out: Path,
    *,
    dicom: Path | None = None,
) -> list[PlannedFiles]:
    """List what `export_dicom_seg` is going to write."""
    _refuse_without_highdicom()
    refuse_taken(out)
    if dicom is None and not any(study.files(name)[0].is_dir() for name in names):
        raise McwssError(
            "none of these scans is read from DICOM: name the folder of the series that they were "
            "converted from with --dicom"
        )
    # A bit for each voxel of each class.
    size = len(study.class_names) * voxels_of(study, names) // 8
    return [PlannedFiles("<scan>.dcm", len(names), size)]


def _refuse_without_highdicom() -> None:
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise McwssError(
            "DICOM segmentations need highdicom: install it with pip install 'napari-mcwss[dicom]'"
        ) from error


def _series_of(case: ExportCase, dicom: Path | None, *, alone: bool) -> Path:
    name, source = case.scan.name, case.scan.paths[0]
    if dicom is not None:
        own = dicom / name
        return dicom if alone and not own.is_dir() else own
    if not source.is_dir():
        raise McwssError(
            f"scan {name} is read from '{source.name}', not from DICOM: name the folder of the "
            "series that it was converted from with --dicom"
        )
    return source


def on_series(case: ExportCase, images: Sequence["Image"], folder: Path) -> NDArray[np.uint8]:
    """Return a scan's mask on the voxels of its series, ``(image, row, column)``."""
    grid, scan = series_geometry(images), case.scan.geometry
    if grid.shape != scan.shape:
        raise McwssError(
            f"series '{folder}' is {size_text(grid.shape)} (z, y, x), scan {case.scan.name} "
            f"{size_text(scan.shape)}: give the series that it was converted from"
        )
    difference = scan.differs_from(grid)
    if difference:
        raise McwssError(
            f"scan {case.scan.name} and series '{folder}' differ: {difference}: give the series "
            "that it was converted from"
        )
    return np.ascontiguousarray(grid.to_source(case.mask).transpose(2, 1, 0))


def _of_frames(
    slices: Sequence["Image"], mask: NDArray[np.uint8], folder: Path
) -> "tuple[list[Dataset], NDArray[np.uint8]]":
    """Return the file of all frames, and the mask in their order."""
    whole = slices[0].data
    frames = [image.frame for image in slices]
    count = int(whole.get("NumberOfFrames") or 1)
    if len({image.file for image in slices}) > 1 or sorted(frames) != list(range(count)):
        raise McwssError(
            f"series '{folder}' has its slices as frames of several files, or not all of them, of "
            "which no segmentation can be written: export its masks as NIfTI"
        )
    return [whole], mask[np.argsort(frames)]


def segmentation(
    study: Study, model: str, mask: NDArray[np.uint8], images: Sequence["Dataset"]
) -> Any:
    """Make a DICOM segmentation with a segment for each class in the mask."""
    import highdicom as hd
    from PIL import ImageColor
    from pydicom.sr.codedict import codes

    algorithm = hd.AlgorithmIdentificationSequence(
        name=f"napari-mcwss {model}"[:64],
        family=codes.DCM.ArtificialIntelligence,
        version=__version__,
    )
    # DICOM numbers segments from 1 without gaps, so absent classes have no segment.
    present = [k for k in range(1, len(study.classes) + 1) if (mask == k).any()]
    numbers = np.zeros(len(study.classes) + 1, np.uint8)
    numbers[present] = range(1, len(present) + 1)
    described = []
    for label in present:
        spec = study.classes[label - 1]
        segment = hd.seg.SegmentDescription(
            segment_number=int(numbers[label]),
            segment_label=spec.name[:64],
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            display_color=hd.color.CIELabColor.from_rgb(*ImageColor.getrgb(spec.colour)[:3]),
        )
        described.append(segment)
    for name in _MAY_BE_EMPTY:  # Pseudonymised images often lack them.
        images[0].setdefault(name, "")
    try:
        return hd.seg.Segmentation(
            source_images=list(images),
            pixel_array=numbers[mask],
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=described,
            series_instance_uid=hd.UID(),
            series_number=1000,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer="napari-mcwss",
            manufacturer_model_name="napari-mcwss",
            software_versions=__version__,
            device_serial_number="0",
            content_label="SEGMENTATION",
            series_description=f"napari-mcwss {model}"[:64],
            # Names of classes may be in any script.
            specific_character_set="ISO_IR 192",
        )
    except (AttributeError, KeyError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise McwssError(
            f"the series cannot be the source of a DICOM segmentation ({reason}): take it as the "
            "scanner or the archive gives it"
        ) from error


DICOM_SEG = ExportKind(
    "dicom-seg",
    "DICOM segmentations",
    "Write masks as DICOM segmentations of the series that the scans were read from.",
    export_dicom_seg,
    plan_dicom_seg,
    "segmentations",
    identity="Each file carries the identity of its patient as the series does: name, number, "
    "birth date, sex, and dates of the examination. To share the files, pseudonymise the series "
    "first.",
)
