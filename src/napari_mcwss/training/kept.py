"""What a training need not read or encode again."""

from collections.abc import Sequence
from contextlib import closing

import torch

from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.study.study import Study
from napari_mcwss.training.data.kept_slices import KeptSlices
from napari_mcwss.training.data.slices import Usable, usable_slices
from napari_mcwss.training.features.store import FeatureStore


def unread_scans(
    study: Study, names: Sequence[str], input_spec: InputSpec, usable: Usable
) -> list[str]:
    """Return the scans whose slices are not kept; this reads none."""
    unread = []
    with closing(KeptSlices()) as kept:
        for name in names:
            scan, slices = study.scan(name), _slices(study, name, usable)
            if scan.known_digest() is None or kept.get(scan, input_spec, slices) is None:
                unread.append(name)
    return unread


def unencoded_share(
    study: Study, names: Sequence[str], encoder: str, input_spec: InputSpec, usable: Usable
) -> float:
    """Return the share of the slices whose features are not kept, 0..1; this reads no scan."""
    store = FeatureStore(encoder, input_spec)
    every = missing = 0
    for name in names:
        scan, slices = study.scan(name), _slices(study, name, usable)
        found = None if scan.known_digest() is None else store.get(scan)
        every += len(slices)
        if found is None:
            missing += len(slices)
        elif not found.holds(None):
            missing += int((~torch.isin(slices, found.position)).sum())
    return missing / max(1, every)


def _slices(study: Study, name: str, usable: Usable) -> torch.Tensor:
    return usable_slices(torch.from_numpy(study.tags.read(name).values), usable)
