"""What presets have in common in which classes can lie inside others."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from napari_mcwss.model.preset import Preset


class HierarchicalPreset(Preset):
    """A preset that knows the parent of each class, the class that it lies inside."""

    compares_pairs: ClassVar[bool] = False
    keeps_last_epoch: ClassVar[bool] = True
    # At a lower rate a short training ends before small findings are learnt.
    rate: ClassVar[float] = 2.5
    smoothing: tuple[float, float, float] = (2.0, 1.0, 1.0)
    follows_image: ClassVar[bool] = True

    parents: Tensor

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        super().__init__(channels, classes, width, pixel)
        self.register_buffer("parents", torch.full((classes,), -1))

    @property
    def nesting(self) -> list[int]:
        """Index of each class's parent, -1 for none."""
        parents: list[int] = self.parents.tolist()
        return parents

    def learn_relations(self, parents: Sequence[int]) -> None:
        """Store the index of each class's parent, -1 for none."""
        self.parents.copy_(torch.as_tensor(parents))
