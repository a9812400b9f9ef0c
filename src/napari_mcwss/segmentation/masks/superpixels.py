"""Snap a mask to superpixels of the scan."""

import numpy as np

from napari_mcwss.segmentation.masks.regions import Mask, bounding_box
from napari_mcwss.segmentation.masks.step_kind import Parameter, StepContext, StepKind

COMPACTNESS = 0.05
"""How round superpixels are, for channels scaled to 0..1."""


def snap_to_superpixels(mask: Mask, context: StepContext, size: float) -> Mask:
    """Give each superpixel, with sides of about `size` mm, the label of most of its voxels.

    Superpixels are those of SLIC (Achanta et al., *SLIC superpixels compared to
    state-of-the-art superpixel methods*, IEEE Trans Pattern Anal Mach Intell 2012), in three
    dimensions.
    """
    from skimage.segmentation import slic

    snapped = mask.copy()
    steps = np.ceil(size / np.array(context.spacing)).astype(int)
    part = bounding_box(mask, (int(steps[0]), int(steps[1]), int(steps[2])))
    if part is None:
        return snapped
    view = mask[part]
    count = max(1, round(view.size * float(np.prod(context.spacing)) / size**3))
    pieces = slic(
        context.scaled_image(part),
        n_segments=count,
        compactness=COMPACTNESS,
        max_num_iter=5,
        spacing=context.spacing,
        channel_axis=-1,
        start_label=0,
        convert2lab=False,
        enforce_connectivity=False,
    )
    labels = int(view.max()) + 1
    votes = np.bincount(
        pieces.ravel() * labels + view.ravel(), minlength=(pieces.max() + 1) * labels
    )
    winners = votes.reshape(-1, labels).argmax(1).astype(np.uint8)
    snapped[part] = winners[pieces]
    return snapped


SUPERPIXELS = StepKind(
    "superpixels",
    "Snap to superpixels",
    "Small regions of similar voxels get the class that most of their voxels have",
    snap_to_superpixels,
    Parameter("mm", "size of a region", 4.0, 2.0, 20.0),
)
