"""Models are renamed and removed with their results, or not at all."""

from pathlib import Path

import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.segmentation.results import has_result
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.managing import remove_model, rename_model
from napari_mcwss.training.checkpoints.unfinished import STATE, training_lock, working_folder


def content(study: Study) -> list[str]:
    folders = (study.folder / "models", study.folder / "results")
    return sorted(
        str(path.relative_to(study.folder))
        for folder in folders
        for path in folder.rglob("*")
        if not path.name.endswith(".guard")
    )


def leave_unfinished(study: Study, name: str) -> None:
    working_folder(study, name).mkdir(parents=True)
    (working_folder(study, name) / STATE).touch()


def test_results_go_with_a_renamed_model(segmented_study: Study):
    scan = segmented_study.scan_names[0]
    assert has_result(segmented_study, "model-1", scan)
    rename_model(segmented_study, "model-1", "best")
    assert segmented_study.model_names() == ["best"]
    assert has_result(segmented_study, "best", scan)
    assert not segmented_study.result_folder("model-1", scan).exists()


@pytest.mark.parametrize("new", ["model-1", "taken", "results-only", "a/b", ""])
def test_a_name_that_cannot_be_given_changes_nothing(segmented_study: Study, new):
    segmented_study.model_folder("taken").mkdir()
    (segmented_study.folder / "results" / "results-only").mkdir()
    before = content(segmented_study)
    with pytest.raises(McwssError):
        rename_model(segmented_study, "model-1", new)
    assert content(segmented_study) == before


def test_a_model_whose_training_is_unfinished_keeps_its_name(segmented_study: Study):
    leave_unfinished(segmented_study, "model-1")
    with pytest.raises(McwssError, match="unfinished, in epoch 1: continue or discard"):
        rename_model(segmented_study, "model-1", "best")


def test_a_model_is_renamed_whole_or_not_at_all(segmented_study: Study, monkeypatch):
    before, rename = content(segmented_study), Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.parent.name == "results":
            raise PermissionError(13, "in use")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(McwssError, match="in use"):
        rename_model(segmented_study, "model-1", "best")
    assert content(segmented_study) == before


def test_a_removed_model_leaves_nothing(segmented_study: Study):
    leave_unfinished(segmented_study, "model-1")
    remove_model(segmented_study, "model-1")
    assert content(segmented_study) == []


def test_a_model_in_training_is_not_removed(segmented_study: Study):
    with training_lock(segmented_study, "model-1"), pytest.raises(McwssError, match="in training"):
        remove_model(segmented_study, "model-1")
    assert segmented_study.model_names() == ["model-1"]
    with pytest.raises(McwssError, match="no model 'other': expected model-1"):
        remove_model(segmented_study, "other")
