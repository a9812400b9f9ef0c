"""Masks as DICOM segmentations of the series that their scans were converted from.

Scans are read from NIfTI, which knows nothing of the DICOM files behind it: the
series is given, and taken only where it lies on the very voxels of the scan.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from napari_mcwss import __version__
from napari_mcwss.errors import McwssError
from napari_mcwss.export.cases import Case, Outcome, each_case, new_folder
from napari_mcwss.project import Study
from napari_mcwss.scans.formats import size_text
from napari_mcwss.scans.geometry import TOLERANCE, Geometry

if TYPE_CHECKING:
    from pydicom import Dataset

_NEEDED = (
    *("SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient"),
    *("PixelSpacing", "Rows", "Columns"),
)


def export_dicom_seg(
    study: Study, model: str, names: Sequence[str], out: Path, dicom: Path
) -> Generator[Outcome, None, None]:
    """Write ``<scan>.dcm`` for each scan; the folder appears when it is whole.

    Parameters
    ----------
    study : Study
        Of the scans.
    model : str
        Whose masks.
    names : sequence of str
        Of the scans.
    out : Path
        Folder to make.
    dicom : Path
        Folder with a sub-folder of each scan's name that holds its series; or
        that of the series, if there is one scan.

    Yields
    ------
    Outcome
        After every scan.

    Raises
    ------
    McwssError
        If highdicom is not installed, or the folder is there already.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise McwssError(
            "DICOM segmentations need highdicom: install it with pip install 'napari-mcwss[dicom]'"
        ) from error
    with new_folder(out) as folder:

        def write(case: Case) -> None:
            own = dicom / case.scan.name
            series = dicom if len(names) == 1 and not own.is_dir() else own
            images = read_series(series)
            mask = on_series(case, images, series)
            if not mask.any():
                raise McwssError(f"mask of scan {case.scan.name} is empty: nothing to write")
            segmentation(study, model, mask, images).save_as(folder / f"{case.scan.name}.dcm")

        yield from each_case(study, model, names, write)


def read_series(folder: Path) -> list["Dataset"]:
    """Read the headers of a series, in the order of its slices in space.

    Raises
    ------
    McwssError
        If the folder holds no series or several, or its images are not slices at equal
        distances, each in a file of its own.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    if not folder.is_dir():
        raise McwssError(f"no folder '{folder}': expected the DICOM series of the scan there")
    images = []
    for file in sorted(folder.iterdir()):
        try:
            image = dcmread(file, stop_before_pixels=True)
        except (InvalidDicomError, OSError):
            continue  # Other files lie beside images, as notes and DICOMDIR.
        if "Rows" in image:
            images.append(image)
    if not images:
        raise McwssError(f"no DICOM images in '{folder}': expected the series of the scan")
    for image in images:
        missing = [name for name in _NEEDED if name not in image]
        if missing:
            raise McwssError(
                f"an image in '{folder}' has no {', '.join(missing)}: expected one slice a file"
            )
    found = {image.SeriesInstanceUID for image in images}
    if len(found) > 1:
        raise McwssError(f"'{folder}' holds {len(found)} series: leave that of the scan alone")
    first = images[0]
    for image in images:
        for name in ("ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"):
            if not np.allclose(image[name].value, first[name].value, atol=1e-4):
                raise McwssError(f"images in '{folder}' differ in {name}: expected one volume")
    normal = _normal(first)
    images.sort(key=lambda image: float(normal @ np.array(image.ImagePositionPatient, float)))
    places = np.array([image.ImagePositionPatient for image in images], float)
    steps = np.diff(places, axis=0)
    if len(steps) and (
        np.abs(steps - steps.mean(0)).max() > 10 * TOLERANCE
        or np.linalg.norm(steps.mean(0)) < TOLERANCE
    ):
        raise McwssError(f"slices in '{folder}' are not at equal distances: expected one volume")
    return images


def on_series(case: Case, images: Sequence["Dataset"], folder: Path) -> NDArray[np.uint8]:
    """Put a scan's mask on the voxels of a series: ``(image, row, column)``.

    Raises
    ------
    McwssError
        If the series does not lie on the voxels of the scan.
    """
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


def series_geometry(images: Sequence["Dataset"]) -> Geometry:
    """Give the grid (column, row, image) of a sorted series."""
    first = images[0]
    orientation = np.array(first.ImageOrientationPatient, float)
    down, right = map(float, first.PixelSpacing)
    places = np.array([image.ImagePositionPatient for image in images], float)
    step = (
        (places[-1] - places[0]) / (len(places) - 1)
        if len(places) > 1
        else _normal(first) * float(first.get("SliceThickness") or 1)
    )
    affine = np.eye(4)
    affine[:3] = np.column_stack([orientation[:3] * right, orientation[3:] * down, step, places[0]])
    ras_from_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    return Geometry.from_source((first.Columns, first.Rows, len(images)), ras_from_lps @ affine)


def segmentation(
    study: Study, model: str, mask: NDArray[np.uint8], images: Sequence["Dataset"]
) -> Any:
    """Make a DICOM segmentation with a segment for each class that the mask holds."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    algorithm = hd.AlgorithmIdentificationSequence(
        name=f"napari-mcwss {model}"[:64],
        family=codes.DCM.ArtificialIntelligence,
        version=__version__,
    )
    # DICOM numbers segments from 1 without gaps: a class that is nowhere has none.
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
    )


def _normal(image: "Dataset") -> NDArray[np.float64]:
    orientation = np.array(image.ImageOrientationPatient, float)
    return np.cross(orientation[:3], orientation[3:])
