"""`timm`, where it can be imported, and a hub to download from."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import platformdirs
import pytest
import torch
from helpers.file_server import FileServer, file_server

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@pytest.fixture(scope="session")
def timm() -> Iterator[ModuleType]:
    """`timm`, even where torchvision's operations, which it never calls, are for another torch."""
    library = None
    try:
        importlib.import_module("torchvision")
    except ImportError:
        pass
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for operation in ("nms", "qnms"):
            library.define(f"{operation}{SIGNATURE}")
    yield pytest.importorskip("timm", reason="timm is not installed")
    del library


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FileServer]:
    """A hub on this computer, and an empty cache folder."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    with file_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield server
