"""Results to be exported."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_mcwss.model.checkpoint import ModelInfo, save_model
from napari_mcwss.model.presets.local import Local
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.prediction.predict import Prediction
from napari_mcwss.segmentation.results import save_result
from napari_mcwss.study.study import Study


@pytest.fixture
def give_results() -> Callable[[Study, dict[str, NDArray[np.uint8]]], None]:
    """Save masks as sure results of an untrained ``model-1``."""

    def give(study: Study, masks: dict[str, NDArray[np.uint8]]) -> None:
        count = len(study.class_names)
        info = ModelInfo(
            preset="local",
            classes=study.class_names,
            channels=study.channels,
            width=2,
            precedence=np.triu(np.ones((count, count), bool), 1).tolist(),
            scans=study.scan_names,
            epochs=0,
        )
        network = Local(len(study.channels), count, 2)
        save_model(study.model_folder("model-1"), network, info)
        for name, mask in masks.items():
            cams = np.stack([mask == label for label in range(1, count + 1)]).astype(np.float32)
            scores = cams.any((2, 3)).T.astype(np.float32)
            found = Prediction(name, study.class_names, scores, cams)
            save_result(
                study, "model-1", info.run, found, mask, MaskSettings(), study.scan(name).geometry
            )

    return give


@pytest.fixture
def segmented(tagged_study: Study, give_results) -> Study:
    """Four phantoms, three with sure and true results of an untrained ``model-1``."""
    masks = {}
    for name in tagged_study.scan_names[:3]:
        path = tagged_study.files(name)[0].with_name("seg.nii.gz")
        masks[name] = read_mask(path, tagged_study.scan(name).geometry).astype(np.uint8)
    give_results(tagged_study, masks)
    return tagged_study
