"""Pixels of DICOM files, through pydicom and, where it cannot decode them, through ITK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.reading import BoundedFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom import Dataset

_ITK_DECODES = {
    *(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91)),
    "1.2.840.10008.1.2.5",
}
"""Transfer syntaxes of JPEG, JPEG lossless, JPEG-LS, JPEG 2000 and run lengths."""


def read_data(file: Path | str, *, pixels: bool) -> Dataset:
    """Read a file, with a preamble or without."""
    from pydicom import dcmread

    with BoundedFile(file) as opened:
        data = dcmread(opened, stop_before_pixels=not pixels, force=True)
    data.filename = str(file)
    return data


def _syntax(data: Dataset) -> Any:
    return data.file_meta.get("TransferSyntaxUID")


def is_compressed(data: Dataset) -> bool:
    """Tell whether pixels take another number of bytes than their header declares."""
    syntax = _syntax(data)
    return syntax is not None and (syntax.is_compressed or syntax.is_deflated)


def check_compression(file: Path, data: Dataset) -> None:
    """Refuse with a header what cannot be decoded later."""
    from pydicom.pixels import get_decoder

    syntax = _syntax(data)
    if syntax is None or not syntax.is_compressed or syntax in _ITK_DECODES:
        return
    try:
        decodes = get_decoder(syntax).is_available
    except NotImplementedError:
        decodes = False
    if not decodes:
        raise McwssError(
            f"'{file}' is compressed as {syntax.name}, which cannot be decoded here: send it "
            "uncompressed or convert the series to NIfTI"
        )


def read_pixels(file: str, slope: float, intercept: float) -> NDArray[np.float32]:
    """Read the values of all frames of a file, ``(frame, row, column)``, before they are rescaled.

    `slope` and `intercept`, by which they are, are given since ITK applies them.
    """
    from pydicom.pixels import apply_modality_lut
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    data = read_data(file, pixels=True)
    syntax = _syntax(data)
    if syntax is None:
        data.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if data.original_encoding[0] else ExplicitVRLittleEndian
        )
    try:
        stored = data.pixel_array
    except (RuntimeError, NotImplementedError):
        if syntax not in _ITK_DECODES:
            raise
        import SimpleITK as sitk  # noqa: N813

        values = sitk.GetArrayFromImage(sitk.ReadImage(file))
        stored = np.rint((values - intercept) / (slope or 1))
    if "ModalityLUTSequence" in data:
        stored = apply_modality_lut(stored, data)
    frames: NDArray[np.float32] = stored.reshape(-1, *stored.shape[-2:]).astype(np.float32)
    return frames
