"""The front door: a study that trains, segments, measures and exports in a few calls.

It imports `export`, `training` and what lies below them, and stays light: torch and the other
heavy packages are loaded by the methods that use them.
"""

from napari_mcwss.api.model import Model
from napari_mcwss.api.scores import Scores
from napari_mcwss.api.segmentation import Segmentation
from napari_mcwss.api.study import Study
from napari_mcwss.base.errors import McwssError
from napari_mcwss.scans.phantom import write_phantom
from napari_mcwss.study.description import ClassSpec
from napari_mcwss.tags.table import Tag
from napari_mcwss.training import events

PRESENT, ABSENT, UNKNOWN = Tag.PRESENT, Tag.ABSENT, Tag.UNKNOWN
"""What a tag says of a class on a slice."""

__all__ = [
    "ABSENT",
    "PRESENT",
    "UNKNOWN",
    "ClassSpec",
    "McwssError",
    "Model",
    "Scores",
    "Segmentation",
    "Study",
    "Tag",
    "events",
    "write_phantom",
]
