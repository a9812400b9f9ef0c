"""Results to be exported."""

import numpy as np
import pytest

from napari_mcwss.model.checkpoint import ModelInfo, save_model
from napari_mcwss.model.local import Local
from napari_mcwss.project import Study
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.segmentation.masks import Rules
from napari_mcwss.segmentation.predict import Prediction
from napari_mcwss.segmentation.results import save_result


@pytest.fixture
def segmented(tagged_study: Study) -> Study:
    """Four phantoms, three with sure and true results of an untrained ``model-1``."""
    info = ModelInfo(
        preset="local",
        classes=tagged_study.class_names,
        channels=tagged_study.channels,
        width=2,
        precedence=((False, True), (False, False)),
        scans=tagged_study.scan_names,
        epochs=0,
    )
    save_model(tagged_study.model_folder("model-1"), Local(2, 2, 2), info)
    for name in tagged_study.scan_names[:3]:
        scan = tagged_study.scan(name)
        path = tagged_study.files(name)[0].with_name("seg.nii.gz")
        mask = read_mask(path, scan.geometry).astype(np.uint8)
        cams = np.stack([mask == 1, mask == 2]).astype(np.float32)
        scores = cams.any((2, 3)).T.astype(np.float32)
        found = Prediction(name, tagged_study.class_names, scores, cams)
        save_result(tagged_study, "model-1", info.run, found, mask, Rules(), scan.geometry)
    return tagged_study
