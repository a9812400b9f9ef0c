"""Known ranges of the volumes of classes, and the thresholds that fit them in a scan."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import number_text
from napari_mcwss.base.voxel_size import voxel_volume
from napari_mcwss.segmentation.masks.exclusive import Thresholds, candidates, exclusive_mask
from napari_mcwss.segmentation.masks.regions import nested_labels

ROUNDING = 1e-6
"""Share of a voxel, or of a mL, by which a sum of voxels may miss a volume."""

ROUNDS = 10
"""Most rounds over classes that take voxels from each other."""


@dataclass(frozen=True)
class VolumeRange:
    """The volume of a class where it is present, with the classes inside it.

    Attributes
    ----------
    at_least, at_most : float
        Limits in mL.

    Raises
    ------
    McwssError
        If the limits are negative, or in the wrong order.

    Examples
    --------
    >>> str(VolumeRange(2, 60.5)), str(VolumeRange(at_most=60))
    ('2:60.5', ':60')
    """

    at_least: float = 0.0
    at_most: float = math.inf

    def __post_init__(self) -> None:
        if math.isnan(self.at_most) or not 0 <= self.at_least < math.inf or self.at_most < 0:
            raise McwssError(
                f"no volume is {self.at_least:g}:{self.at_most:g} mL: expected numbers of 0 or more"
            )
        if self.at_least > self.at_most:
            raise McwssError(
                f"no volume is at least {self.at_least:g} mL and at most {self.at_most:g} mL: "
                "give the smaller one first"
            )

    def __str__(self) -> str:
        least = number_text(self.at_least) if self.at_least else ""
        most = number_text(self.at_most) if self.at_most < math.inf else ""
        return f"{least}:{most}"


def parse_ranges(texts: Sequence[str], classes: Sequence[str]) -> dict[str, VolumeRange]:
    """Read ranges from texts such as ``TC=2:60``, ``TC=2:`` or ``TC=:60``.

    Parameters
    ----------
    texts : sequence of str
        One text for each class with a range.
    classes : sequence of str
        Names of the classes.

    Raises
    ------
    McwssError
        If a text is not a range, or names an unknown class or the same class as another.

    Examples
    --------
    >>> parse_ranges(["TC=2:60", "ED=:90"], ["TC", "ED"])["ED"]
    VolumeRange(at_least=0.0, at_most=90.0)
    """
    ranges = {}
    for text in texts:
        name, _, numbers = text.rpartition("=")
        least, colon, most = numbers.partition(":")
        try:
            if not colon or not (least.strip() or most.strip()):
                raise ValueError(text)
            found = VolumeRange(float(least.strip() or 0), float(most.strip() or math.inf))
        except ValueError as error:
            raise McwssError(
                f"{text!r} is not a range of volumes: expected a class and mL, "
                "such as TC=2:60 or TC=:60"
            ) from error
        if name not in classes:
            raise McwssError(f"no class {name!r} for a volume: expected {', '.join(classes)}")
        if name in ranges:
            raise McwssError(
                f"two volumes of {name!r}: give both limits at once, such as {name}=2:60"
            )
        ranges[name] = found
    return ranges


def out_of_range(
    volumes: Sequence[float], precedence: NDArray[np.bool_], ranges: Mapping[int, VolumeRange]
) -> list[int]:
    """Find the classes that are present with a volume that no threshold brings into range.

    Parameters
    ----------
    volumes : sequence of float
        Volume of each class without the classes inside it, in mL.
    precedence : (classes, classes) array of bool
        Entry (a, b) is whether a is shown over b.
    ranges : mapping of int to VolumeRange
        Ranges by index of the class.

    Returns
    -------
    list of int
        Indices of the classes.

    Examples
    --------
    >>> inner = np.array([[False, True], [False, False]])
    >>> out_of_range([3.0, 4.0], inner, {0: VolumeRange(5), 1: VolumeRange(5)})
    [0]
    """
    own = np.append(0.0, volumes)
    held = {outer: float(own[labels].sum()) for outer, labels in nested_labels(precedence)}
    return [
        index
        for index, wanted in ranges.items()
        if held[index]
        and not wanted.at_least - ROUNDING <= held[index] <= wanted.at_most + ROUNDING
    ]


def fitted_thresholds(
    cams: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    precedence: NDArray[np.bool_],
    thresholds: Thresholds,
    ranges: Mapping[int, VolumeRange],
    spacing: tuple[float, float, float],
) -> Thresholds:
    """Move thresholds as little as needed to bring the volumes of a scan into their ranges.

    Inner classes come first. If neither of two classes wins over the other, the class with
    more evidence gets a voxel; their thresholds are moved in turns until none has to move.
    Voxels of equal evidence are taken together: if the range lies between, the volume stays
    below it. No voxel is added where the CAM is 0 or the slice cannot hold the class, so a
    volume can stay below its range; the volume of inner classes can exceed it.

    Parameters
    ----------
    cams : (classes, z, y, x) array of float32
        CAMs in 0..1 of the whole scan.
    allowed : (slices, classes) array of bool
        Which slices can hold a class.
    precedence : (classes, classes) array of bool
        Entry (a, b) is whether a is shown over b.
    thresholds : tuple of float
        CAM value of each class from which a voxel can belong to it.
    ranges : mapping of int to VolumeRange
        Ranges by index of the class.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.

    Returns
    -------
    tuple of float
        The thresholds, moved where needed.
    """
    voxel = voxel_volume(spacing) / 1000
    moved = list(thresholds)
    apart = ~(precedence | precedence.T) & ~np.eye(len(precedence), dtype=bool)
    inner_first = [outer for outer, _ in nested_labels(precedence) if outer in ranges][::-1]
    for _ in range(ROUNDS if apart.any() else 1):
        before = tuple(moved)
        for index in inner_first:
            inside, values = _within_reach(cams, allowed, precedence, moved, index, apart[index])
            wanted = ranges[index]
            least = math.ceil(wanted.at_least / voxel - ROUNDING) - inside
            most = min(wanted.at_most / voxel + ROUNDING, cams[index].size) - inside
            moved[index] = _moved(values, thresholds[index], least, math.floor(most))
        if tuple(moved) == before:
            break
    return tuple(moved)


def _within_reach(
    cams: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    precedence: NDArray[np.bool_],
    thresholds: Sequence[float],
    index: int,
    apart: NDArray[np.bool_],
) -> tuple[int, NDArray[np.float32]]:
    """Count the voxels of inner classes; return the CAM where the class can win voxels.

    `apart` are the classes that neither win over it nor lose against it.
    """
    slices = np.flatnonzero(allowed[:, index])
    cam = cams[index, slices]
    without = tuple(math.inf if n == index else own for n, own in enumerate(thresholds))
    others = exclusive_mask(cams, allowed, precedence=precedence, threshold=without)[slices]
    taken, inside = cam <= 0, 0
    for inner in np.flatnonzero(precedence[:, index]):
        there = candidates(cams[inner, slices], thresholds[int(inner)])
        taken |= there & allowed[slices, inner][:, None, None]
        inside += int(np.count_nonzero(others == inner + 1))
    for rival in np.flatnonzero(apart):
        evidence = cams[rival, slices]
        more = evidence >= cam if rival < index else evidence > cam
        taken |= more & (others == rival + 1)
    return inside, cam[~taken]


def _moved(values: NDArray[np.float32], threshold: float, least: int, most: int) -> float:
    """Move a threshold until at least `least` and at most `most` values reach it."""
    found = candidates(values, threshold)
    count = int(found.sum())
    most = max(0, most)
    if count > most:
        # Leave out the first value that is too many, and its equals.
        return _above(np.partition(values[found], -most - 1)[-most - 1])
    if count < least:
        doubtful = values[~found]
        if not doubtful.size:
            return threshold
        missing = min(least - count, doubtful.size)
        lower = np.partition(doubtful, -missing)[-missing]
        return float(lower) if np.count_nonzero(values >= lower) <= most else _above(lower)
    return threshold


def _above(value: np.float32) -> float:
    return float(np.nextafter(value, np.float32(np.inf)))
