"""`timm`, where it can be imported."""

import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

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
