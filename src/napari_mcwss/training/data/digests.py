"""Digests of what a training learns from, which show when it has changed."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.errors import McwssError
from napari_mcwss.study.study import Study


def _digest(*parts: object) -> str:
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(np.ascontiguousarray(part).data)
        else:
            found.update(repr(part).encode())
    return found.hexdigest()


def study_digests(study: Study, scans: Sequence[str]) -> dict[str, str]:
    """Digest classes, channels and tags, each by its name in messages."""
    digests = {"classes": _digest(study.class_names), "channels": _digest(study.channels)}
    return digests | {f"tags of {scan}": _digest(study.tags.read(scan).values) for scan in scans}


def mask_digest(scan: str, labels: NDArray[np.uint8]) -> dict[str, str]:
    """Digest the mask given for a scan."""
    return {f"mask of {scan}": _digest(labels.shape, labels)}


def refuse_changes(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse to resume a training with other data, naming what has changed."""
    changed = [what for what, digest in now.items() if then.get(what, digest) != digest]
    if changed:
        shown = ", ".join(changed[:5]) + (" and others" if len(changed) > 5 else "")
        raise McwssError(
            f"the training cannot be resumed, because its data have changed ({shown}): start over "
            "with --restart, or undo the change"
        )
