"""What every preset of the method offers to training and segmentation."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

UNKNOWN, ABSENT, PRESENT = -1, 0, 1


@dataclass(frozen=True)
class PairBatch:
    """Slices and their reference slices, as the losses want them.

    Attributes
    ----------
    images : Tensor
        ``(2 * pairs, channels, h, w)``: the slices first, then their references.
    tissue : Tensor
        Bool ``(2 * pairs, 1, h, w)``: what is not background.
    tags : Tensor
        Integer ``(2 * pairs, classes)``: 1 present, 0 absent, -1 unknown.
    frequency : Tensor
        ``(classes,)``: share of present among the known tags of each class.
    """

    images: Tensor
    tissue: Tensor
    tags: Tensor
    frequency: Tensor

    @property
    def joint_tags(self) -> Tensor:
        """Tags of the decomposed branch: both slices of a pair have the class."""
        slices, references = self.tags.chunk(2)
        # In the product absent (0) wins over all, unknown (-1) over present (1).
        both_unknown = (slices == UNKNOWN) & (references == UNKNOWN)
        return (slices * references).masked_fill(both_unknown, UNKNOWN).repeat(2, 1)


class Maps(NamedTuple):
    """What a preset predicts.

    Attributes
    ----------
    scores : Tensor
        ``(slices, classes)``: probability that the slice holds the class, 0..1.
    cams : Tensor
        ``(slices, classes, h, w)`` in 0..1, of the slices' own size.
    """

    scores: Tensor
    cams: Tensor


class Preset(nn.Module):
    """A network together with its losses and its maps.

    Parameters
    ----------
    channels, classes, width : int
        As in `MultiLevelNetwork`.

    Attributes
    ----------
    needs_complete_tags : bool
        Whether the losses need the tags of all classes on a slice; otherwise
        unknown tags just do not count.
    """

    needs_complete_tags: ClassVar[bool] = False

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.channels = channels
        self.classes = classes
        self.width = width

    @abstractmethod
    def losses(self, batch: PairBatch) -> dict[str, Tensor]:
        """Give each loss term by name, already weighted: their sum is minimised."""

    @abstractmethod
    def predict(self, images: Tensor, tissue: Tensor) -> Maps:
        """Give scores and CAMs of slices ``(slices, channels, h, w)``."""
