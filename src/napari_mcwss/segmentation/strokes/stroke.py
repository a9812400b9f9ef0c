"""What a user draws to mend a mask."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Voxel = tuple[int, int, int]
"""Indices (z, y, x) in the scan."""

RADIUS = 3.0
"""Radius of a stroke in mm: what lies within it looks like what the user means."""


class Stroke(BaseModel):
    """A click or a line that adds a class to a mask, or removes it.

    Attributes
    ----------
    path : tuple of voxels
        Its voxels, at least one.
    class_name : str
        The class.
    add : bool
        Whether the class is there; else it is not.
    radius : float
        Radius in mm.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: Annotated[tuple[Voxel, ...], Field(min_length=1)]
    class_name: str
    add: bool
    radius: Annotated[float, Field(gt=0, allow_inf_nan=False)] = RADIUS


class ClassBox(BaseModel):
    """A box outside of which a class cannot be; an empty one lifts the limit.

    Attributes
    ----------
    class_name : str
        The class; with it, the classes inside it are limited.
    low, high : voxel
        First voxel inside, and the first one beyond, along each axis.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    class_name: str
    low: Voxel
    high: Voxel

    def contains(self, shape: Sequence[int]) -> NDArray[np.bool_]:
        """Return where in a scan the class can be, bool ``(z, y, x)``."""
        inside = np.zeros(shape, bool)
        sides = zip(self.low, self.high, strict=True)
        part = tuple(slice(max(0, low), max(0, high)) for low, high in sides)
        inside[part] = True
        return inside if inside.any() else ~inside


Mark = Stroke | ClassBox
"""Either of the two; marks count in the order in which they were drawn."""
