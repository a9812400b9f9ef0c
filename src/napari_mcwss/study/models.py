"""Whether a model fits a study, whose classes may have changed since the model was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from napari_mcwss.model.checkpoint import ModelInfo
    from napari_mcwss.study.described import DescribedStudy


def check_model(study: DescribedStudy, info: ModelInfo) -> None:
    """Refuse a model that was made for other channels or classes than the study's.

    It may know more or fewer of the study's classes than the study has now, by names that they
    had before.

    Raises
    ------
    McwssError
        If channels differ, the model finds a class that the study never had, or none that it has.
    """
    info.check(study.channels, info.classes)
    names = study.known_classes
    found = {*names.all_current(info.classes)}
    if not found <= {*names.stored} or not found & {*names.shown}:
        raise McwssError(
            f"this model was made for the classes {', '.join(info.classes)}, found "
            f"{', '.join(study.class_names)}: choose another model or train a new one"
        )
