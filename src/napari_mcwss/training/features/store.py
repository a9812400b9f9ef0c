"""Features of scans in the user's cache folder: each slice is encoded once."""

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from torch import Tensor

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.encoder import Encoder
from napari_mcwss.model.encoders.packing import groups
from napari_mcwss.model.encoders.registry import load_encoder
from napari_mcwss.model.encoders.slices import encode_slices, feature_strides
from napari_mcwss.model.inputs import Inputs, InputSpec, prepare
from napari_mcwss.model.presets.features import foreground_at_stride
from napari_mcwss.scans.scan import Scan
from napari_mcwss.training.data.file_cache import FileCache, cache_folder
from napari_mcwss.training.data.pixels import BUDGET
from napari_mcwss.training.features.feature_set import ScanFeatures

PREPARATION = 3
"""Version of what happens to voxels before the encoder, and of the files; others are not read."""

BATCH = 4
"""Slices that are encoded at once, between two moments to cancel."""

FREE_SHARE = 0.5
"""Share of the free memory that features may take that cannot be written."""


class Encoding(NamedTuple):
    """How many slices of a scan are encoded, and of how many that were asked for."""

    done: int
    total: int


@dataclass(frozen=True)
class EncodedScan:
    """Features of slices with foreground of one scan.

    Attributes
    ----------
    features : ScanFeatures
        Not to be written to.
    position : Tensor
        Index of each slice in its scan, int64 ``(slices,)``, ascending.
    occupied : int
        Slices of the scan that have a foreground, encoded or not.
    window : tuple of slice
        Rows and columns of the scan's slice that the features cover, see `Inputs`.
    size : tuple of int
        Height and width in pixels of the slices that were encoded.
    shape : tuple of int
        Height and width of the scan's slice.
    """

    features: ScanFeatures
    position: Tensor
    window: tuple[slice, slice]
    size: tuple[int, int]
    shape: tuple[int, int]
    occupied: int

    def holds(self, slices: Tensor | None) -> bool:
        """Return whether these slices of the scan are encoded; all if none are named."""
        if slices is None:
            return len(self.position) == self.occupied
        return bool(torch.isin(slices, self.position).all())

    def of(self, slices: Tensor) -> ScanFeatures:
        """Return the features of slices of the scan that are encoded, given by their index."""
        rows = torch.searchsorted(self.position, slices)
        features = self.features
        return ScanFeatures(
            tuple(level[rows] for level in features.levels), features.foreground[rows]
        )


class FeatureStore:
    """Features of scans by one encoder, in memory-mapped files.

    A file is found by the voxels of the scan, by the weights of the encoder, and by the preparation
    of its input. Files used least recently make room for others. What cannot be written stays in
    memory, as long as that suffices.

    Parameters
    ----------
    encoder : str
        Name of the encoder, see `ENCODERS`.
    input_spec : InputSpec
        How scans are read.
    device : str
        Name of the torch device to encode on.
    folder : Path, optional
        By default `cache_folder`.
    budget : int
        Most bytes of the files in the folder.

    Attributes
    ----------
    problem : str
        Why features could not be written; empty if they could.
    """

    def __init__(
        self,
        encoder: str,
        input_spec: InputSpec,
        *,
        device: str = "cpu",
        folder: Path | None = None,
        budget: int = BUDGET,
    ) -> None:
        # The encoder does not read the position.
        self.encoder_name, self.input_spec = encoder, replace(input_spec, coordinates=False)
        self.folder = cache_folder("features") if folder is None else folder
        self.problem = ""
        self._device = device
        self._files = FileCache(self.folder, "features", budget)
        self._open: dict[str, EncodedScan] = {}

    @property
    def strides(self) -> list[int]:
        """Pixels per pixel of each level."""
        return feature_strides(self._encoder)

    @property
    def _encoder(self) -> Encoder:
        return load_encoder(self.encoder_name, self._device)

    def get(self, scan: Scan) -> EncodedScan | None:
        """Return the features of a scan that are in the store; None if there are none.

        This reads the voxels, unless their digest is known.

        Raises
        ------
        McwssError
            If a file of the scan or the encoder cannot be read.
        """
        key = self._key(scan)
        if key not in self._open:
            found = self._read(key, self._widths(scan))
            if found is None:
                return None
            self._open[key] = found
        return self._open[key]

    def compute(
        self, scan: Scan, slices: Tensor | None = None
    ) -> Generator[Encoding, None, EncodedScan]:
        """Return the features of a scan, from the store or computed now.

        Closing the generator cancels; nothing is written then.

        Parameters
        ----------
        scan : Scan
        slices : Tensor, optional
            Indices of slices with foreground, ascending; all such slices if not given. The
            features returned may be of more slices.

        Raises
        ------
        McwssError
            If a file of the scan or the encoder cannot be read.
        """
        found = self.get(scan)
        if found is None or not found.holds(slices):
            inputs = prepare(scan.volume(), scan.geometry.spacing, self.input_spec)
            wanted = inputs.occupied if slices is None else slices
            found = yield from self._encode(inputs, wanted, found)
            found = self._keep(self._key(scan), found)
        return found

    def _encode(
        self, inputs: Inputs, slices: Tensor, known: EncodedScan | None
    ) -> Generator[Encoding, None, EncodedScan]:
        """Encode slices that are not known yet, and return them with those that are."""
        encoder = self._encoder
        parts = [] if known is None else [[*known.features.levels]]
        position = slices if known is None else slices[~torch.isin(slices, known.position)]
        done = len(slices) - len(position)
        for rows in position.split(BATCH):
            with torch.no_grad():
                levels = encode_slices(encoder, inputs.images[rows].to(self._device).float())
            parts.append([level.half().cpu() for level in levels])
            done += len(rows)
            yield Encoding(done, len(slices))
        if known is not None:
            position = torch.cat([known.position, position])
        position, order = position.sort()
        levels = [torch.cat(maps)[order] for maps in zip(*parts, strict=True)]
        foreground = foreground_at_stride(inputs.foreground[position], feature_strides(encoder)[0])
        height, width = inputs.images.shape[-2:]
        return EncodedScan(
            ScanFeatures(tuple(levels), foreground.half()),
            position,
            inputs.window,
            (height, width),
            inputs.size,
            len(inputs.occupied),
        )

    def _key(self, scan: Scan) -> str:
        encoder = self.encoder_name, self._encoder.digest
        parts = scan.digest(), len(scan.channels), scan.geometry.shape, encoder, self.input_spec
        return hashlib.blake2b(repr((*parts, PREPARATION)).encode(), digest_size=16).hexdigest()

    def _widths(self, scan: Scan) -> list[int]:
        return [groups(len(scan.channels)) * width for width in self._encoder.widths]

    def _keep(self, key: str, found: EncodedScan) -> EncodedScan:
        """Write features, and return them from the file; keep them in memory if that fails."""
        tensors = _tensors(found)
        try:
            self._files.write(key, tensors, in_use=self._open)
        except McwssError as error:
            self.problem = self.problem or str(error)
        else:
            widths = [level.shape[1] for level in found.features.levels]
            self._open[key] = self._read(key, widths) or found
            return self._open[key]
        needed = sum(tensor.nbytes for tensor in tensors.values())
        if needed < psutil.virtual_memory().available * FREE_SHARE:
            self._open[key] = found
        return found

    def _read(self, key: str, widths: list[int]) -> EncodedScan | None:
        """Return the features in a file; None if it is missing, damaged or of another kind."""
        tensors = self._files.read(key)
        try:
            return None if tensors is None else _found(tensors, widths)
        except (KeyError, ValueError):
            return None


def _tensors(found: EncodedScan) -> dict[str, Tensor]:
    rows, columns = found.window
    place = [rows.start, rows.stop, columns.start, columns.stop, *found.size, *found.shape]
    place.append(found.occupied)
    levels = {f"level {k}": level.contiguous() for k, level in enumerate(found.features.levels)}
    return levels | {
        "foreground": found.features.foreground.contiguous(),
        "position": found.position,
        "place": torch.tensor(place),
    }


def _found(tensors: Mapping[str, Tensor], widths: list[int]) -> EncodedScan:
    """Return what the tensors of a file say; raise an error if they do not fit."""
    levels = tuple(tensors[f"level {k}"] for k in range(len(widths)))
    position, foreground = tensors["position"], tensors["foreground"]
    top, bottom, left, right, *sizes = tensors["place"].tolist()
    height, width, rows, columns, occupied = sizes
    if [level.shape[:2] for level in levels] != [(len(position), w) for w in widths]:
        raise ValueError
    return EncodedScan(
        ScanFeatures(levels, foreground),
        position,
        (slice(top, bottom), slice(left, right)),
        (height, width),
        (rows, columns),
        occupied,
    )
