"""A random walk that starts from probabilities, on a whole box at once."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BETA = 60.0
"""How much an edge of the scan hinders the walk."""

TRUST = 0.3
"""Weight of a voxel's own probability; that of a neighbour at 1 mm with equal intensities is 1."""

_EXACT, _ROUNDS, _FIXED = 1e-3, 60, np.float32(1e3)


def walk(
    probability: Floats,
    domain: NDArray[np.bool_],
    seeds: NDArray[np.bool_],
    image: Floats,
    spacing: tuple[float, ...],
) -> Floats:
    """Smooth probabilities within the edges of a scan.

    This is the random walker with prior models (Grady, *Multilabel random walker image
    segmentation using prior models*, CVPR 2005), which is solved on arrays: a sparse matrix would
    take longer to make than to solve.

    Parameters
    ----------
    probability : (z, y, x) array of float32
        Before, in 0..1.
    domain, seeds : (z, y, x) arrays of bool
        Where the walk goes, and where it ends inside.
    image : (channels, z, y, x) array of float32
        Intensities, in which channels are alike.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    own = np.full(domain.shape, TRUST, np.float32) + _FIXED * seeds
    target = np.where(domain, TRUST * probability, np.float32(0)) + _FIXED * seeds
    pairs = []
    for axis, size in enumerate(spacing):
        here, there = _shifted(axis, slice(None, -1)), _shifted(axis, slice(1, None))
        difference = ((image[:, *here] - image[:, *there]) ** 2).sum(0)
        weight = (np.exp(-BETA * difference) + np.float32(1e-3)) * np.float32(1 / size**2)
        weight *= domain[here] & domain[there]
        own[here] += weight
        own[there] += weight
        pairs.append((here, there, weight))

    def product(values: Floats) -> Floats:
        given = values.reshape(domain.shape)
        found: Floats = np.multiply(own, given, dtype=np.float32)
        for here, there, weight in pairs:
            found[here] -= weight * given[there]
            found[there] -= weight * given[here]
        return np.ravel(found)

    inverse = (1 / own).ravel()
    square = (domain.size, domain.size)
    found, _ = cg(
        LinearOperator(square, matvec=product, dtype=np.float32),
        target.ravel(),
        x0=np.where(seeds, np.float32(1), probability).ravel(),
        rtol=_EXACT,
        maxiter=_ROUNDS,
        M=LinearOperator(square, matvec=lambda values: inverse * values, dtype=np.float32),
    )
    walked: Floats = np.where(domain, found.reshape(domain.shape), 0).astype(np.float32)
    return walked


def _shifted(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if n == axis else slice(None) for n in range(3))
