"""Features of the slices of a training: each slice of a study is encoded once."""

from collections.abc import Generator, Sequence

from napari_mcwss.base.generators import Returning
from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.presets.features import Features
from napari_mcwss.study.study import Study
from napari_mcwss.training.data.slices import SliceDataset
from napari_mcwss.training.events import Message
from napari_mcwss.training.features.feature_set import FeatureSet
from napari_mcwss.training.features.store import FeatureStore


def encode_scans(
    preset: Features, data: SliceDataset, study: Study, names: Sequence[str], input_spec: InputSpec
) -> Generator[Message, None, FeatureSet]:
    """Encode slices on the device of the preset, unless the store of features has them.

    `names` are those of the scans of `data`, `input_spec` is how they were read. A message before
    each batch is a moment to stop. The features, on the CPU, are the generator's return value.
    """
    device = str(preset.share.device)
    store = FeatureStore(preset.encoder_name, input_spec, device=device)
    scans = []
    for index, name in enumerate(names):
        slices = data.position[data.scan == index]
        if not len(slices):
            continue
        place = f"{name} ({index + 1} of {len(names)})"
        yield Message(f"looking for features of {place}")
        scan = study.scan(name)
        steps = Returning(store.compute(scan, slices))
        for _ in steps:
            yield Message(f"encoding {place}")
        scan.release()
        scans.append(steps.value.of(slices))
    return FeatureSet(scans, data.tags, preset.strides)
