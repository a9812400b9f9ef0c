"""The command line in several processes, and what it can run on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from napari_mcwss.study.study import Study
from napari_mcwss.training.checkpoints.unfinished import unfinished_training
from napari_mcwss.training.distributed.launch import Launch

TINY = ("--preset", "local", "--epochs", 1000, "--width", 2, "--pixel", 4)
TINY += ("--device", "cpu", "--batch-size", 8)


def place(monkeypatch, rank: int, size: int, local_rank: int) -> None:
    told = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": local_rank}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))


def test_a_place_is_read_from_what_torchrun_tells(monkeypatch):
    assert Launch.of_environment() == Launch()
    place(monkeypatch, 5, 8, 1)
    launch = Launch.of_environment()
    assert launch == Launch(5, 8, 1)
    assert launch.device("cuda") == "cuda:1"
    assert launch.device("cpu") == "cpu"


def test_scans_are_shared_out(run, trained_study: Study, monkeypatch):
    names = trained_study.scan_names
    folder = trained_study.result_folder("model-1", names[0]).parent
    place(monkeypatch, 1, 3, 1)
    code, out, err = run("segment", trained_study.folder, "--model", "model-1", "--device", "cpu")
    told = [line for line in err.splitlines() if not line.startswith("warning: TC: not found in")]
    assert (code, told) == (0, []), "only the first process draws a bar"
    assert out.startswith("process 1 of 3: 1 scan segmented")
    assert [path.name for path in folder.iterdir()] == [names[1]]
    place(monkeypatch, 0, 3, 0)
    run("segment", trained_study.folder, "--model", "model-1", "--device", "cpu")
    assert sorted(path.name for path in folder.iterdir()) == [names[0], names[1], names[3]]


def test_devices_are_listed_and_missing_ones_explained(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    code, out, _ = run("devices")
    assert code == 0
    assert out.splitlines()[0].startswith("cpu")
    assert "built for CUDA 13.0, finds no GPU or no usable driver" in out
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    assert f"no CUDA: this torch ({torch.__version__}) is a CPU build" in run("devices")[1]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM for a process")
def test_torchrun_rests_goes_on_and_is_stopped_and_the_training_kept(
    tagged_study: Study, tmp_path: Path
):
    events, commands = tmp_path / "events.jsonl", tmp_path / "events.commands"

    def told() -> list[str]:
        lines = events.read_text().splitlines() if events.exists() else []
        return [json.loads(line)["event"] for line in lines if line.endswith("}")]

    def wait_for(kind: str, after: str = "started") -> None:
        while kind not in (told()[told().index(after) :] if after in told() else []):
            assert process.poll() is None
            time.sleep(0.1)

    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", "-m", "napari_mcwss", "train", tagged_study.folder]
    command += ["--model", "m", *TINY, "--events", events]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    try:
        wait_for("epoch")
        commands.write_text("pause\n")
        wait_for("paused")
        resting = len(told())
        time.sleep(0.5)
        assert len(told()) == resting
        commands.write_text("pause\nresume\n")
        wait_for("epoch", after="resumed")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    last = json.loads(events.read_text().splitlines()[-1])
    assert last["event"] == "cancelled", said
    assert "another process" not in said
    left = unfinished_training(tagged_study, "m")
    assert left is not None
    assert not left.running
    assert tagged_study.model_names() == ["m"]
