"""Multi-class segmentations of scans from slice tags alone.

Examples
--------
>>> import napari_mcwss as mcwss
>>> mcwss.Tag(1) is mcwss.PRESENT
True
"""

from typing import TYPE_CHECKING

from napari_mcwss.base.version import __version__

if TYPE_CHECKING:
    from napari_mcwss.api import (
        ABSENT,
        PRESENT,
        UNKNOWN,
        ClassSpec,
        McwssError,
        Model,
        Scores,
        Segmentation,
        Study,
        Tag,
        events,
        write_phantom,
    )

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
    "__version__",
    "events",
    "write_phantom",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_mcwss import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
