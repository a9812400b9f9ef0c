"""A trained model, of a study or by itself."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_mcwss.api.progress import progress_bar, show_slices
from napari_mcwss.api.segmentation import Segmentation, changed
from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from typing import Self, Unpack

    from numpy.typing import ArrayLike, NDArray

    from napari_mcwss.api.segmentation import MaskOptions
    from napari_mcwss.model.checkpoint import ModelInfo, TrainedModel


class Model:
    """A trained model; its weights are loaded when they are first needed.

    Make one with `Model.load`, `Study.model` or `Study.train`. Its `info` says what it was made for
    and from.

    Examples
    --------
    >>> import napari_mcwss as mcwss
    >>> mcwss.Model.load("my-study/models/first")
    <Model first: channels t1c, flair, classes TC, ED>
    """

    def __init__(self, folder: Path, info: ModelInfo, device: str = "auto") -> None:
        self.folder = folder
        self.info = info
        self.device = device

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> Self:
        """Open a model.

        Parameters
        ----------
        folder : str or Path
            Folder of the model, ``models/<name>`` of a study.
        device : str
            Where it runs: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

        Returns
        -------
        Model
            The model; its weights are not loaded yet.

        Raises
        ------
        McwssError
            If there is no model, or it is damaged or of a newer format.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> model = mcwss.Model.load("my-study/models/first", device="cpu")
        >>> model.info.scans
        ('pat0001',)
        """
        from napari_mcwss.model.checkpoint import read_info

        return cls(Path(folder), read_info(Path(folder)), device)

    @property
    def name(self) -> str:
        """Name of the model, which is that of its folder."""
        return self.folder.name

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that it reads, in their order."""
        return self.info.channels

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that it finds; class k has the value k + 1 in masks."""
        return self.info.classes

    @cached_property
    def trained(self) -> TrainedModel:
        """The network with its weights, on its device.

        Raises
        ------
        McwssError
            If the weights are missing or damaged, or there is no such device.
        """
        from napari_mcwss.model.checkpoint import load_model

        return load_model(self.folder, device=self.device)

    def segment(
        self,
        volume: ArrayLike,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        *,
        progress: bool = True,
        **mask: Unpack[MaskOptions],
    ) -> Segmentation:
        """Segment an array; no study is needed, and nothing is written.

        Parameters
        ----------
        volume : array_like
            Shape ``(channels, z, y, x)``, with the model's `channels` in their order;
            without the first axis if it reads one channel. x runs to the patient's left,
            y to posterior, z to superior. NaN and infinity count as 0.
        spacing : tuple of float
            Voxel size (z, y, x) in mm.
        progress : bool
            Whether a progress bar is shown on standard error.
        **mask
            ``threshold``, ``gate``, ``steps`` and ``volumes``, see `Segmentation.remask`.

        Returns
        -------
        Segmentation
            Mask, CAMs and scores of the array.

        Raises
        ------
        McwssError
            If the array is of another shape, or a value is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> import napari_mcwss as mcwss
        >>> model = mcwss.Model.load("my-study/models/first")
        >>> volume = np.random.default_rng(0).random((2, 5, 32, 32))
        >>> model.segment(volume, spacing=(5, 1, 1), progress=False).mask.shape
        (5, 32, 32)
        """
        from napari_mcwss.scans.geometry import Geometry
        from napari_mcwss.scans.scan import Scan
        from napari_mcwss.segmentation.masks.settings import MaskSettings
        from napari_mcwss.segmentation.prediction.predict import predict
        from napari_mcwss.segmentation.segment import scan_mask

        settings = changed(MaskSettings(), self.classes, **mask)
        voxels = self._voxels(volume)
        if len(spacing) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing):
            raise McwssError(f"spacing {spacing}: expected three numbers above 0, (z, y, x) in mm")
        geometry = Geometry.canonical(voxels.shape[1:], spacing)
        scan = Scan.from_array("array", self.channels, voxels, geometry)
        with progress_bar(shown=progress) as bar:
            prediction = show_slices(bar, scan.name, predict(self.trained, scan))
        precedence = np.array(self.info.precedence, bool)
        mask_ = scan_mask(scan, precedence, prediction, settings)
        return Segmentation(mask_, settings, prediction, scan, precedence)

    def _voxels(self, volume: ArrayLike) -> NDArray[np.float32]:
        array = np.asarray(volume)
        if array.ndim == 3 and len(self.channels) == 1:
            array = array[None]
        if array.ndim != 4 or len(array) != len(self.channels) or not array.size:
            raise McwssError(
                f"found an array of shape {array.shape}: expected (channels, z, y, x) with "
                f"{len(self.channels)} channels ({', '.join(self.channels)})"
            )
        return np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)

    def __repr__(self) -> str:
        channels, classes = ", ".join(self.channels), ", ".join(self.classes)
        return f"<Model {self.name}: channels {channels}, classes {classes}>"
