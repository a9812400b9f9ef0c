"""A model's folder is the record of its training."""

import json
from datetime import datetime

import pytest
import torch

from napari_mcwss import __version__
from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.checkpoint import read_info
from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.records import read_run

NEW = ("slices", "tags", "seconds", "device", "processes", "backend", "finished", "versions")


def test_a_training_writes_down_what_it_was(trained_study: Study):
    run = read_run(trained_study, "model-1")
    info = run.info
    assert 0 < info.slices < 36, "slices without foreground are left out"
    for name, counts in info.tags.items():
        tags = [trained_study.tags.read(scan).values for scan in info.scans]
        index = info.classes.index(name)
        assert counts["present"] == sum(int((values[:, index] == 1).sum()) for values in tags)
        assert sum(counts.values()) == info.slices
    assert info.training["seed"] == 0
    assert info.seconds > 0
    assert info.device.startswith("cpu (")
    assert info.versions["torch"] == torch.__version__
    assert info.versions["napari-mcwss"] == __version__
    assert abs((datetime.now().astimezone() - datetime.fromisoformat(info.finished)).days) < 1
    assert [epoch.epoch for epoch in run.history] == [1, 2, 3, 4]
    assert all(epoch.losses["total"] > 0 for epoch in run.history)
    assert "contrast" not in run.history[0].losses, "a stage to come has no losses yet"
    assert run.facts["tagged slices"] == str(info.slices)
    assert "present" in run.facts["tags of TC"]


@pytest.mark.parametrize(
    "text",
    [
        "epoch,total\n1,0.5,9\n",
        "total\n0.5\n",
        "epoch,total\ninf,0.5\n",
        "epoch,total\none,0\n",
        "a\n\0",
    ],
)
def test_a_damaged_history_is_told(trained_study: Study, text):
    path = trained_study.model_folder("model-1") / "history.csv"
    path.write_text(text)
    with pytest.raises(McwssError, match="cannot be read as the history of a training"):
        read_run(trained_study, "model-1")


def test_a_model_of_an_older_version_is_read_as_before(trained_study: Study):
    path = trained_study.model_folder("model-1") / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: v for key, v in content.items() if key not in NEW}))
    info = read_info(path.parent)
    assert info.classes == trained_study.class_names
    facts = read_run(trained_study, "model-1").facts
    assert facts["tagged slices"] == facts["seconds"] == facts["device used"] == ""
    assert facts["processes"] == facts["backend"] == ""
