"""Maps to compare CAMs with: those of single levels and branches, and LayerCAM."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.model.checkpoint import TrainedModel
from napari_mcwss.model.inputs import Inputs, prepare
from napari_mcwss.segmentation.prediction.predict import Progress, refuse_not_finite
from napari_mcwss.segmentation.study_classes import in_study_order
from napari_mcwss.study.models import check_model
from napari_mcwss.study.study import Study
from napari_mcwss.tags.table import Tag

BATCH = 4


@dataclass(frozen=True, eq=False)
class MoreMaps:
    """Maps of some slices of a scan.

    Attributes
    ----------
    maps : dict of str to (classes, slices, y, x) array of uint8
        Maps by name, 255 for 1.
    reference : str
        The reference slice of a second branch, as text; empty if there is none.
    why_none : str
        Why the model has no further maps; empty if it has some.
    """

    slices: tuple[int, ...]
    maps: dict[str, NDArray[np.uint8]]
    reference: str = ""
    why_none: str = ""


def more_maps(
    study: Study, model: TrainedModel, scan: str, slices: Sequence[int]
) -> Generator[Progress, None, MoreMaps]:
    """Compute all further maps of a model.

    If a branch of the model compares slices in pairs, each slice is compared with the same
    reference slice of another training scan, see `reference_slice`.

    Yield progress after every batch; closing the generator cancels.

    Raises
    ------
    McwssError
        If the channels of scan and model differ, a file cannot be read, or maps are not finite.
    """
    source = study.scan(scan)
    check_model(study, model.info)
    inputs = prepare(source.volume(), source.geometry.spacing, model.info.input_spec)
    yield Progress(0, len(slices))
    place = reference_slice(study, model.info.scans, scan) if model.preset.compares_pairs else None
    reference = None if place is None else _image(study, model, place)
    found: dict[str, NDArray[np.uint8]] = {}
    for begin in range(0, len(slices), BATCH):
        part = slice(begin, min(begin + BATCH, len(slices)))
        for name, maps in _maps(model, inputs, list(slices[part]), reference).items():
            refuse_not_finite(scan, maps)
            if name not in found:
                found[name] = np.zeros((maps.shape[1], len(slices), *inputs.size), np.uint8)
            here = np.round(255 * maps.transpose(0, 1).clamp(0, 1).numpy()).astype(np.uint8)
            found[name][(slice(None), part, *inputs.window)] = here
        yield Progress(part.stop, len(slices))
    arranged = {k: in_study_order(study, maps, model.info.classes) for k, maps in found.items()}
    words = "" if place is None else f"{place[0]}, slice {place[1]}"
    return MoreMaps(tuple(slices), arranged, words, model.preset.no_other_maps)


def reference_slice(study: Study, scans: Sequence[str], scan: str) -> tuple[str, int] | None:
    """Return a slice of another of the scans with the most present classes; None if there is none.

    Of equal slices it is the middle one, of the first scan that has any.
    """
    best: tuple[int, tuple[str, int]] | None = None
    for name in scans:
        if name == scan or name not in study.scan_names:
            continue
        present = (study.tags.read(name).values == Tag.PRESENT).sum(1)
        most = int(present.max(initial=0))
        if most and (best is None or most > best[0]):
            indices = np.flatnonzero(present == most)
            best = most, (name, int(indices[len(indices) // 2]))
    return None if best is None else best[1]


def _image(study: Study, model: TrainedModel, place: tuple[str, int]) -> Tensor:
    """Read a slice as input of the network, ``(1, channels, h, w)``."""
    scan = study.scan(place[0])
    inputs = prepare(scan.volume(), scan.geometry.spacing, model.info.input_spec)
    scan.release()
    return inputs.images[place[1], None].float()


@torch.no_grad()
def _maps(
    model: TrainedModel, inputs: Inputs, slices: list[int], reference: Tensor | None
) -> dict[str, Tensor]:
    """Return maps of slices by name, ``(slices, classes, y, x)`` of the scan's window."""
    images = inputs.images[slices].to(model.device).float()
    foreground = inputs.foreground[slices].to(model.device)
    references = None
    if reference is not None:
        height, width = (
            mine - theirs
            for mine, theirs in zip(images.shape[-2:], reference.shape[-2:], strict=True)
        )
        # Scans are cropped to their foreground: pad or crop the reference around its middle.
        margins = (width // 2, width - width // 2, height // 2, height - height // 2)
        references = F.pad(reference, margins).to(model.device).expand_as(images)
    maps = model.preset.other_maps(images, foreground, references)
    return {name: inputs.restore(found.float().cpu()) for name, found in maps.items()}
