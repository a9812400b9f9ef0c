"""Mend a mask by strokes, and limit classes to boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.segmentation.masks.regions import Flags, Mask, labels_beneath, nested_labels
from napari_mcwss.segmentation.strokes.region import Question, grow_region
from napari_mcwss.segmentation.strokes.scene import Scene
from napari_mcwss.segmentation.strokes.stroke import ClassBox, Mark, Stroke


@dataclass(frozen=True, eq=False)
class Patch:
    """New labels of some voxels.

    Attributes
    ----------
    voxels : tuple of arrays of int
        Their indices (z, y, x).
    labels : array of uint8
        Their labels.
    """

    voxels: tuple[NDArray[np.intp], ...]
    labels: NDArray[np.uint8]

    def apply(self, mask: Mask) -> None:
        """Change a mask."""
        mask[self.voxels] = self.labels


def replay(mask: Mask, marks: Sequence[Mark], scene: Scene, classes: Sequence[str]) -> Mask:
    """Mend a mask, such as one of another model, by marks that were drawn on an older one.

    Parameters
    ----------
    mask : (z, y, x) array of uint8
        The mask; it is not changed.
    marks : sequence of Stroke or ClassBox
        Marks in the order in which they were drawn; those of other classes are left out.
    scene : Scene
        The scan with the CAMs of the model.
    classes : sequence of str
        Names of the classes in the order of labels and CAMs.

    Returns
    -------
    (z, y, x) array of uint8
        The mended mask.
    """
    mended = mask.copy()
    for number, mark in enumerate(marks):
        patch = mend(mended, mark, scene, classes, marks[:number])
        if patch is not None:
            patch.apply(mended)
    return mended


def mend(
    mask: Mask,
    mark: Mark,
    scene: Scene,
    classes: Sequence[str],
    earlier: Sequence[Mark] = (),
) -> Patch | None:
    """Find what a mark changes in a mask.

    Where a class is added, it takes the place of what is there. Where one is removed, or makes
    room for one that it lies in, the classes inside it go as well, and the class around it that
    has the most evidence takes its place, else background. Strokes that were drawn earlier hold,
    and so do boxes.

    Parameters
    ----------
    mask : (z, y, x) array of uint8
        0 background, k + 1 class k.
    mark : Stroke or ClassBox
        The mark.
    scene, classes
        As in `replay`.
    earlier : sequence of Stroke or ClassBox
        Marks that were drawn before.

    Returns
    -------
    Patch or None
        None if nothing changes, or the mark lies outside the scan or is of another class.
    """
    if mark.class_name not in classes:
        return None
    index = classes.index(mark.class_name)
    members = _members(scene)
    if isinstance(mark, ClassBox):
        outside = members[index][mask] & ~mark.contains(mask.shape)
        return _patch(mask, (slice(None),) * 3, outside, index, scene, add=False)
    path = _inside(mark, mask.shape)
    if not len(path):
        return None
    there = mask[tuple(path.T)]
    path = path[there != index + 1] if mark.add else path[members[index][there]]
    if not len(path):
        return None
    leaving = index if not mark.add else _inner_at(mask, path, scene, index)
    if leaving is None:
        domain, decides, sign = ~members[index], index, 1
    else:
        domain, decides, sign = members[leaving], leaving, -1

    def free(part: tuple[slice, ...]) -> Flags:
        found = domain[mask[part]] & scene.foreground[part]
        if mark.add:
            found &= scene.possible[part[0], index][:, None, None]
            found &= _allowed(index, earlier, scene, classes)[part]
        return found

    cam = scene.cams[decides]
    question = Question(
        path,
        mark.radius,
        mask.shape,
        free,
        _held(mask, domain, earlier),
        cam if cam.any() else None,
        scene.thresholds[decides],
        sign,
    )
    part, region = grow_region(question, scene)
    return _patch(mask, part, region, index, scene, add=mark.add)


def _members(scene: Scene) -> dict[int, Flags]:
    """Return the labels, bool ``(256,)``, that lie in each class; those of no class lie in none."""
    found = {}
    for index, labels in nested_labels(scene.precedence):
        found[index] = np.zeros(256, bool)
        found[index][: len(labels)] = labels
    return found


def _inside(stroke: Stroke, shape: Sequence[int]) -> NDArray[np.intp]:
    """Return the voxels ``(voxels, 3)`` of a stroke that lie in the scan, each once."""
    path = np.unique(np.array(stroke.path, np.intp), axis=0)
    return path[((path >= 0) & (path < np.array(shape))).all(1)]


def _inner_at(mask: Mask, path: NDArray[np.intp], scene: Scene, index: int) -> int | None:
    """Return the class inside another that most of a path lies in; None if it is in none."""
    labels = np.bincount(mask[tuple(path.T)], minlength=len(scene.precedence) + 1)
    most = int(labels.argmax()) - 1
    known = 0 <= most < len(scene.precedence)
    return most if known and scene.precedence[most, index] else None


def _held(mask: Mask, domain: Flags, earlier: Sequence[Mark]) -> NDArray[np.intp]:
    """Return the voxels of earlier strokes that would be among those that can change."""
    found = [np.zeros((0, 3), np.intp)]
    for mark in earlier:
        if isinstance(mark, Stroke):
            path = _inside(mark, mask.shape)
            found.append(path[domain[mask[tuple(path.T)]]])
    return np.concatenate(found)


def _allowed(index: int, earlier: Sequence[Mark], scene: Scene, classes: Sequence[str]) -> Flags:
    """Return where boxes, also those of classes around it, let a class be."""
    found = np.ones(scene.foreground.shape, bool)
    for outer, labels in nested_labels(scene.precedence):
        boxes = [m for m in earlier if isinstance(m, ClassBox) and m.class_name == classes[outer]]
        if labels[index + 1] and boxes:
            found &= boxes[-1].contains(found.shape)
    return found


def _patch(
    mask: Mask, part: tuple[slice, ...], region: Flags, index: int, scene: Scene, *, add: bool
) -> Patch | None:
    """Give the voxels of a region in a box a class, or what is left without it."""
    begins = [side.start or 0 for side in part]
    voxels = tuple(np.add(np.nonzero(region), np.reshape(begins, (3, 1))))
    if add:
        labels = np.full(len(voxels[0]), index + 1, np.uint8)
    else:
        losers = np.flatnonzero(scene.precedence[index])
        cams = scene.cams[(slice(None), *voxels)]
        labels = labels_beneath(cams, losers, scene.thresholds).astype(np.uint8)
    changed = mask[voxels] != labels
    if not changed.any():
        return None
    return Patch(tuple(axis[changed] for axis in voxels), labels[changed])
