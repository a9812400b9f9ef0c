"""The front door: a study that trains, segments, measures and exports in a few calls.

It imports `export`, `training` and what lies below them, and stays light: torch and the other
heavy packages are loaded by the methods that use them.
"""

from napari_mcwss.api.model import Model as Model
from napari_mcwss.api.scores import Scores as Scores
from napari_mcwss.api.segmentation import Segmentation as Segmentation
from napari_mcwss.api.study import Study as Study
from napari_mcwss.base.errors import McwssError as McwssError
from napari_mcwss.scans.phantom import write_phantom as write_phantom
from napari_mcwss.study.description import ClassSpec as ClassSpec
from napari_mcwss.tags.table import Tag as Tag
from napari_mcwss.training import events as events

PRESENT, ABSENT, UNKNOWN = Tag.PRESENT, Tag.ABSENT, Tag.UNKNOWN
"""What a tag says of a class on a slice."""
