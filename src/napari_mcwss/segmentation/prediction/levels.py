"""The 256 values that a CAM can have: those that its file holds.

Masks are made of these values alone, so a mask is the same before its CAMs are stored and after
they are read again.
"""

import numpy as np
from numpy.typing import NDArray

STEP = np.float32(1 / 255)
"""Distance of two values."""


def round_to_levels(cams: NDArray[np.float32]) -> None:
    """Round CAMs to multiples of `STEP`, in place.

    Values half-way between two multiples become the upper one. So those of at least 0.5 stay there,
    and those below 0.5 stay below.

    Parameters
    ----------
    cams : array of float32
        CAMs in 0..1.

    Examples
    --------
    >>> cams = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(0))], np.float32)
    >>> round_to_levels(cams)
    >>> [round(255 * float(cam), 3) for cam in cams]
    [128.0, 127.0]
    """
    cams *= np.float32(255)
    cams += np.float32(0.5)
    np.floor(cams, out=cams)
    np.clip(cams, 0, 255, out=cams)
    # Readers of the file multiply in this way, too: divided by 255, other bits would come out.
    cams *= STEP
