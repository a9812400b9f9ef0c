"""Remove small connected pieces."""

import numpy as np

from napari_mcwss.base.voxel_size import voxel_volume
from napari_mcwss.segmentation.masks.regions import Mask, bounding_box, nested_labels
from napari_mcwss.segmentation.masks.step_kind import Parameter, StepContext, StepKind


def remove_small(mask: Mask, context: StepContext, volume: float) -> Mask:
    """Give connected pieces below a volume in mL to what is around them.

    The pieces of a class include the classes inside it. Each voxel gets the nearest label if
    the class is shown over it, else background.
    """
    from scipy import ndimage

    voxels = volume * 1000 / voxel_volume(context.spacing)
    left = mask.copy()
    part = bounding_box(mask, (1, 1, 1))
    if part is None:
        return left
    view = left[part]
    for index, labels in nested_labels(context.precedence):
        members = labels[view]
        pieces, count = ndimage.label(members)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        small = sizes < voxels
        small[0] = False
        if not small.any():
            continue
        gone = small[pieces]
        loses = np.append([True], context.precedence[index])
        nearest = ndimage.distance_transform_edt(
            members, return_distances=False, return_indices=True
        )
        around = view[tuple(axis[gone] for axis in nearest)]
        view[gone] = np.where(loses[around], around, 0)
    return left


SMALL = StepKind(
    "small",
    "Leave out small pieces",
    "Connected pieces of less volume become part of what is around them",
    remove_small,
    Parameter("mL", "smallest volume that is kept", 0.1, 0.01, 100.0),
)
