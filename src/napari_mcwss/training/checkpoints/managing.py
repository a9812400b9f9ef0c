"""Renaming and removing models, with their results."""

import shutil
from pathlib import Path

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, refuse_link_out
from napari_mcwss.base.names import refuse_alike
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.unfinished import (
    give_up_training,
    training_lock,
    unfinished_training,
)


def rename_model(study: Study, name: str, new: str) -> None:
    """Rename a model and its results.

    Raises
    ------
    McwssError
        If there is no such model, the new name is taken or cannot be that of a file, or the
        training of either is unfinished; nothing is changed then.
    """
    _refuse_missing(study, name)
    refuse_alike("model", new, [model for model in study.model_names() if model != name])
    model, results = study.model_folder(name), _results(study, name)
    new_model, new_results = study.model_folder(new), _results(study, new)
    for taken in (new_model, new_results):
        if taken.exists():
            raise McwssError(f"'{taken}' exists already: choose another name than '{new}'")
    for one in (name, new):
        if (left := unfinished_training(study, one)) is not None:
            raise McwssError(
                f"the training of '{one}' is unfinished, in {left.position}: continue or discard "
                "it before you rename the model"
            )
    _refuse_links_out(study, model, results)
    with training_lock(study, name), training_lock(study, new):
        try:
            model.rename(new_model)
            try:
                if results.exists():
                    results.rename(new_results)
            except OSError:
                new_model.rename(model)
                raise
        except OSError as error:
            raise cannot_write(new_model, error) from error


def remove_model(study: Study, name: str) -> None:
    """Remove a model, its results and what is left of its training; this cannot be undone.

    Corrected masks and tags stay.

    Raises
    ------
    McwssError
        If there is no such model, it is in training now, or a file cannot be removed.
    """
    _refuse_missing(study, name)
    _refuse_links_out(study, study.model_folder(name), _results(study, name))
    give_up_training(study, name)
    with training_lock(study, name):
        for folder in (study.model_folder(name), _results(study, name)):
            # Renamed first, so that no list shows half of it.
            hidden = folder.with_name(f".{folder.name}.removed")
            try:
                shutil.rmtree(hidden, ignore_errors=True)
                if folder.exists():
                    folder.rename(hidden)
            except OSError as error:
                raise cannot_write(folder, error) from error
            shutil.rmtree(hidden, ignore_errors=True)


def _results(study: Study, name: str) -> Path:
    return study.folder / "results" / name


def _refuse_links_out(study: Study, *folders: Path) -> None:
    """Refuse to change what lies elsewhere; links inside these folders go with them."""
    for folder in folders:
        for path in (folder.parent, folder):
            refuse_link_out(path, study.folder)


def _refuse_missing(study: Study, name: str) -> None:
    names = study.model_names()
    if name not in names:
        raise McwssError(f"there is no model '{name}': expected {', '.join(names) or 'none'}")
