"""Features of the slices of a training: each slice of a study is encoded once."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_mcwss.base.generators import Returning
from napari_mcwss.model.inputs import InputSpec, coordinates, resample_labels
from napari_mcwss.model.presets.features import (
    DETAIL_STRIDE,
    POSITION_STRIDE,
    Features,
    mean_at_stride,
)
from napari_mcwss.scans.geometry import Geometry
from napari_mcwss.scans.scan import Scan
from napari_mcwss.study.study import Study
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.data.work_ahead import work_ahead
from napari_mcwss.training.events import Message
from napari_mcwss.training.features.feature_set import FeatureSet, ScanFeatures
from napari_mcwss.training.features.store import EncodedScan, FeatureStore


def encode_scans(
    preset: Features,
    data: SliceDataset,
    study: Study,
    names: Sequence[str],
    masks: Mapping[str, NDArray[np.uint8]],
    input_spec: InputSpec,
) -> Generator[Message, None, FeatureSet]:
    """Encode slices on the device of the preset, unless the store of features has them.

    `names` are those of the scans of `data`, `masks` the label images ``(z, y, x)`` of some of
    them, `input_spec` is how they were read. A message before each batch is a moment to stop. The
    features, on the CPU, are the generator's return value.
    """
    device = str(preset.share.device)
    store = FeatureStore(preset.encoder_name, input_spec, device=device)
    slices = {name: data.position[data.scan == index] for index, name in enumerate(names)}
    used = [name for name in names if len(slices[name])]
    scans = []

    def read(scan: Scan) -> Scan:
        found = store.get(scan)
        if found is None or not found.holds(slices[scan.name]):
            scan.volume()
        return scan

    with closing(work_ahead(study, used, read)) as ahead:
        for index, name in enumerate(used, 1):
            place = f"{name} ({index} of {len(used)})"
            yield Message(f"looking for features of {place}")
            scan = next(ahead)
            steps = Returning(store.compute(scan, slices[name]))
            for _ in steps:
                yield Message(f"encoding {place}")
            scan.release()
            features = steps.value.of(slices[name])
            if input_spec.coordinates:
                features = _with_position(features, steps.value, scan.geometry, slices[name])
            if masks:
                spacing = scan.geometry.spacing[0] / (DETAIL_STRIDE * input_spec.pixel)
                features = replace(features, depth=slices[name] * spacing)
            if name in masks:
                labels = masks[name][slices[name].numpy()]
                mask = _shares(labels, steps.value, len(study.classes))
                features = replace(features, mask=mask)
            scans.append(features)
    return FeatureSet(scans, data.tags, preset.strides)


def _with_position(
    features: ScanFeatures, scan: EncodedScan, geometry: Geometry, slices: Tensor
) -> ScanFeatures:
    """Add the position as a last level, as the preset reads it."""
    place = coordinates(geometry.shape, geometry.spacing, scan.window, scan.size)[slices]
    level = mean_at_stride(place.float(), POSITION_STRIDE).half()
    return replace(features, levels=(*features.levels, level))


def _shares(labels: NDArray[np.uint8], scan: EncodedScan, classes: int) -> Tensor:
    """Return the shares of background and classes in the pixels of details, see `ScanFeatures`."""
    cropped = torch.from_numpy(np.ascontiguousarray(labels[:, *scan.window]))
    ones = F.one_hot(resample_labels(cropped, scan.size).long(), classes + 1).movedim(-1, 1)
    return mean_at_stride(ones.float(), DETAIL_STRIDE).half()
