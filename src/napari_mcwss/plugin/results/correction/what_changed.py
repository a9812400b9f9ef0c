"""What a stroke has changed in a mask, in words."""

from typing import TYPE_CHECKING

from napari_mcwss.base.text import counted
from napari_mcwss.base.voxel_size import voxel_volume
from napari_mcwss.measurement.sizes import amount_text
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.segmentation.strokes.stroke import ClassBox, Mark

if TYPE_CHECKING:
    from napari_mcwss.segmentation.strokes.mending import Patch

FEW = 10
"""A stroke that changes no more voxels than this has most likely missed what was meant."""


def change_text(mark: Mark, patch: "Patch | None", geometry: Geometry) -> str:
    """Say what a stroke or a box has changed, and what to do if that is hardly anything."""
    name, count = mark.class_name, 0 if patch is None else len(patch.labels)
    if isinstance(mark, ClassBox):
        if mark.low == mark.high:
            return f"Lifted the limit of {name}."
        return f"Limited {name}: removed {_amount(count, geometry)}."
    done, where, wrong = ("added", "to", "missing") if mark.add else ("removed", "from", "wrong")
    what = f"{done.capitalize()} {_amount(count, geometry)}" if count else f"Nothing {done}"
    text = f"{what} {where} {name}"
    return f"{text}: click nearer to the middle of what is {wrong}." if count <= FEW else f"{text}."


def _amount(count: int, geometry: Geometry) -> str:
    if not geometry.in_mm:
        return counted(count, "pixel")
    volume = amount_text(count * voxel_volume(geometry.spacing) / 1000, in_mm=True)
    return f"{counted(count, 'voxel')} ({volume})"
