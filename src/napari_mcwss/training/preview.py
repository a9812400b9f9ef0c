"""Previews: the maps of a network in training, on the slice on screen."""

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mcwss.model.class_hierarchy import child_parent_pairs, limit_to_parents
from napari_mcwss.model.devices import autocast
from napari_mcwss.model.inputs import Inputs, InputSpec, prepare
from napari_mcwss.model.preset import Preset
from napari_mcwss.model.slabs import slab_around, slab_stride
from napari_mcwss.study.study import Study
from napari_mcwss.training.events import Preview

Watched = Callable[[], tuple[str, int] | None]
"""Returns scan and slice on screen, or None; called in the training's thread."""

INTERVAL = 3.0
"""Least seconds between two previews."""

SHARE = 0.05
"""Largest share of the time for previews."""


def nothing_watched() -> None:
    """Return None: no slice is watched."""


class Previewer:
    """Makes previews of a training, of the slice that `watched` returns, not too often."""

    def __init__(
        self, study: Study, input_spec: InputSpec, device: torch.device, watched: Watched
    ) -> None:
        self._study, self._input_spec, self._device = study, input_spec, device
        self._watched = watched
        self._inputs: tuple[str, Inputs] | None = None
        self._next = time.monotonic() + INTERVAL

    def look(self, preset: Preset) -> Preview | None:
        """Return a preview of the watched slice; None if it is too early, or there is none.

        It changes neither the network nor the random state.
        """
        start = time.monotonic()
        if start < self._next:
            return None
        watched = self._watched()
        if watched is None or watched[0] not in self._study.scan_names:
            return None
        scan, index = watched
        cams = self._cams(preset, scan, index)
        end = time.monotonic()
        self._next = end + max(INTERVAL, (end - start) / SHARE)
        return Preview(scan, index, np.round(255 * cams).astype(np.uint8))

    @torch.inference_mode()
    def _cams(self, preset: Preset, scan: str, index: int) -> NDArray[np.float32]:
        """Return the CAMs of a slice, float32 ``(classes, y, x)``."""
        inputs = self._read(scan)
        cams = np.zeros((preset.classes, *inputs.size), np.float32)
        if index < len(inputs.images) and inputs.foreground[index].any():
            spacing = self._study.scan(scan).geometry.spacing[0]
            stride = slab_stride(spacing, self._input_spec.pixel)
            slab = slab_around(index, len(inputs.images), preset.depth, stride)
            images = inputs.images[slab].to(self._device).float()
            foreground = inputs.foreground[slab].to(self._device)
            training = preset.training
            preset.eval()
            with autocast(self._device, preset):
                cams_of_slab = preset.predict(images, foreground).cams
                found = preset.fit_to_image(cams_of_slab, images, foreground)[slab == index]
            preset.train(training)
            cams[(slice(None), *inputs.window)] = inputs.restore(found.float().cpu())[0].numpy()
            limit_to_parents(cams, child_parent_pairs(preset.nesting))
        return cams

    def _read(self, name: str) -> Inputs:
        # The last scan is kept: users look at many of its slices.
        if self._inputs is None or self._inputs[0] != name:
            scan = self._study.scan(name)
            self._inputs = name, prepare(scan.volume(), scan.geometry.spacing, self._input_spec)
            scan.release()
        return self._inputs[1]
