"""What many tests begin with."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from helpers.example_study import make_example
from helpers.file_server import FileServer, file_server
from helpers.run_with_display import take_screen
from helpers.small_sample import small_sample
from hypothesis import settings
from numpy.typing import NDArray

from napari_mcwss.api.samples import Sample
from napari_mcwss.cli import app as cli
from napari_mcwss.scans.finding import find_scans
from napari_mcwss.scans.phantom import PHANTOM_CHANNELS, PHANTOM_CLASSES, write_phantom
from napari_mcwss.scans.reading import read_mask
from napari_mcwss.study.study import Study
from napari_mcwss.tags.importing import tags_from_mask

# Every run tries the same examples, and takes the time that a busy machine needs.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


# Tests train beside open windows, and triton has to come before those (see `keep_out_triton`).
with suppress(ImportError):
    import triton  # noqa: F401


def pytest_configure(config: pytest.Config) -> None:
    """Let processes that share the tests share neither a screen nor cores."""
    # A run in the background may ignore Ctrl+C, and so would the programs that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        config.add_cleanup(take_screen())


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the user's cache is read or written."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platformdirs, "user_cache_path", lambda *_, **__: folder)
        yield


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two phantom scans, stored in different orders, with their truth; not to be changed."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, scans=2)
    return folder


@pytest.fixture
def phantom_study(phantom_folder: Path, tmp_path: Path) -> Study:
    """A fresh study of the phantom scans, without tags."""
    return Study.create(
        tmp_path / "study",
        scans=find_scans(phantom_folder, PHANTOM_CHANNELS),
        channels=PHANTOM_CHANNELS,
        classes=list(PHANTOM_CLASSES),
    )


@pytest.fixture(scope="session")
def data_folder() -> Callable[[str], Path]:
    """Return a folder of real scans, or skip the test where it is missing."""

    def find(name: str) -> Path:
        root = os.environ.get("MCWSS_DATA")
        if not root:
            pytest.skip("MCWSS_DATA does not name the folder of real scans")
        folder = Path(root) / name
        if not folder.is_dir():
            pytest.skip(f"there is no folder {name} in MCWSS_DATA")
        return folder

    return find


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scans ``glioma`` and the study ``my-study`` of examples; not to be changed."""
    folder = tmp_path_factory.mktemp("example")
    make_example(folder)
    return folder


@pytest.fixture(scope="session")
def tagged_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``scans`` and ``study``: four small phantoms with all slices tagged."""
    folder = tmp_path_factory.mktemp("tagged")
    write_phantom(folder / "scans", scans=4, size=(9, 41, 36))
    scans = sorted((folder / "scans").iterdir())
    study = Study.create(
        folder / "study",
        scans={scan.name: [scan / f"{name}.nii.gz" for name in PHANTOM_CHANNELS] for scan in scans},
        channels=PHANTOM_CHANNELS,
        classes=list(PHANTOM_CLASSES),
    )
    for scan in scans:
        mask = read_mask(scan / "seg.nii.gz", study.scan(scan.name).geometry)
        study.tags.update(scan.name, tags_from_mask(mask, PHANTOM_CLASSES))
    return folder


@pytest.fixture(scope="session")
def trained_folder(tagged_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with a model ``model-1`` that was hardly trained."""
    from napari_mcwss.training.config import TrainingConfig
    from napari_mcwss.training.loop import train

    folder = tmp_path_factory.mktemp("trained") / "copy"
    shutil.copytree(tagged_folder, folder)
    config = TrainingConfig(preset="local", width=4, epochs=4, device="cpu")
    for _ in train(Study.open(folder / "study"), "model-1", config):
        pass
    return folder


@pytest.fixture
def tagged_study(tagged_folder: Path, tmp_path: Path) -> Study:
    """Four small phantoms with all slices tagged, to be changed at will."""
    shutil.copytree(tagged_folder, tmp_path / "copy")
    return Study.open(tmp_path / "copy" / "study")


@pytest.fixture
def segmented_study(tagged_study: Study, tagged_folder: Path) -> Study:
    """The tagged study with results of a model ``model-1`` on two scans.

    CAMs are 0.4 to 0.6 where a class truly is, and noise up to 0.35 elsewhere; the
    stored masks are empty.
    """
    import numpy as np

    from napari_mcwss.model.checkpoint import ModelInfo, save_model
    from napari_mcwss.model.presets.local import Local
    from napari_mcwss.segmentation.masks.settings import MaskSettings
    from napari_mcwss.segmentation.prediction.predict import Prediction
    from napari_mcwss.segmentation.results import save_result

    info = ModelInfo(
        preset="local",
        classes=tagged_study.class_names,
        channels=tagged_study.channels,
        width=2,
        precedence=((False, True), (False, False)),
        scans=(),
        epochs=1,
    )
    network = Local(len(tagged_study.channels), 2, 2)
    tagged_study.make_folder(tagged_study.folder / "models")
    save_model(tagged_study.model_folder("model-1"), network, info)
    rng = np.random.default_rng(0)
    for name in tagged_study.scan_names[:2]:
        scan = tagged_study.scan(name)
        truth = read_mask(tagged_folder / "scans" / name / "seg.nii.gz", scan.geometry)
        core, lesion = truth == 1, truth > 0
        noise = rng.uniform(0.1, 0.35, (2, *truth.shape))
        cams = np.where([core, lesion], 0.4 + 0.2 * rng.random(noise.shape), noise)
        scores = np.stack([core.any((1, 2)), lesion.any((1, 2))], 1).astype(np.float32)
        found = Prediction(name, tagged_study.class_names, scores, cams.astype(np.float32))
        empty = np.zeros(truth.shape, np.uint8)
        save_result(tagged_study, "model-1", info.run, found, empty, MaskSettings(), scan.geometry)
    return tagged_study


@pytest.fixture
def trained_study(trained_folder: Path, tmp_path: Path) -> Study:
    """The same, with a model ``model-1`` that was hardly trained."""
    shutil.copytree(trained_folder, tmp_path / "copy")
    return Study.open(tmp_path / "copy" / "study")


@pytest.fixture(scope="session")
def parity_folder(data_folder: Callable[[str], Path]) -> Path:
    """Recorded outputs of the published network, beside the real scans, or skip the test."""
    return data_folder("../parity")


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command and give its exit code, standard output and standard error."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["napari-mcwss", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return command


@pytest.fixture
def refused(run):
    """Run a command that has to fail with one line and exit code 2; give the line."""

    def command(*arguments: object) -> str:
        code, _, err = run(*arguments)
        assert code == 2
        assert "Traceback" not in err
        lines = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1
        assert err.strip().endswith(lines[0])
        return lines[0]

    return command


@pytest.fixture
def give_results() -> Callable[[Study, dict[str, NDArray[np.uint8]]], None]:
    """Save masks as sure results of an untrained ``model-1``."""
    # Most tests need no torch: it is loaded here, not with this file.
    from napari_mcwss.model.checkpoint import ModelInfo, save_model
    from napari_mcwss.model.presets.local import Local
    from napari_mcwss.segmentation.masks.settings import MaskSettings
    from napari_mcwss.segmentation.prediction.predict import Prediction
    from napari_mcwss.segmentation.results import save_result

    def give(study: Study, masks: dict[str, NDArray[np.uint8]]) -> None:
        count = len(study.class_names)
        info = ModelInfo(
            preset="local",
            classes=study.class_names,
            channels=study.channels,
            width=2,
            precedence=np.triu(np.ones((count, count), bool), 1).tolist(),
            scans=study.scan_names,
            epochs=0,
        )
        network = Local(len(study.channels), count, 2)
        study.make_folder(study.folder / "models")
        save_model(study.model_folder("model-1"), network, info)
        for name, mask in masks.items():
            cams = np.stack([mask == label for label in range(1, count + 1)]).astype(np.float32)
            scores = cams.any((2, 3)).T.astype(np.float32)
            found = Prediction(name, study.class_names, scores, cams)
            save_result(
                study, "model-1", info.run, found, mask, MaskSettings(), study.scan(name).geometry
            )

    return give


@pytest.fixture
def segmented(tagged_study: Study, give_results) -> Study:
    """Four phantoms, three with sure and true results of an untrained ``model-1``."""
    masks = {}
    for name in tagged_study.scan_names[:3]:
        path = tagged_study.files(name)[0].with_name("seg.nii.gz")
        masks[name] = read_mask(path, tagged_study.scan(name).geometry).astype(np.uint8)
    give_results(tagged_study, masks)
    return tagged_study


@pytest.fixture
def sample_server(tmp_path, monkeypatch) -> Iterator[FileServer]:
    """A server on this computer; what is downloaded is kept for this test alone."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    with file_server() as server:
        yield server


@pytest.fixture
def public_sample(sample_server) -> Sample:
    """The hippocampus sample with two small scans, given out by the server."""
    return small_sample(sample_server)
