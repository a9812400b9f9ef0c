"""What every preset of the method offers to training and segmentation."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from napari_mcwss.model.layer_cam import layer_cam

UNKNOWN, ABSENT, PRESENT = -1, 0, 1


@dataclass(frozen=True)
class TaggedBatch:
    """Slices with their tags, as the losses want them.

    Attributes
    ----------
    images : Tensor
        ``(slices, channels, h, w)``. For presets that compare slices in pairs,
        the first half are slices and the second half their references.
    foreground : Tensor
        Bool ``(slices, 1, h, w)``: what is not background.
    tags : Tensor
        Integer ``(slices, classes)``: 1 present, 0 absent, -1 unknown.
    frequency : Tensor
        ``(classes,)``: share of present among the known tags of each class.
    progress : float
        Share of the training that is done, 0..1.
    labels : Tensor, optional
        Uint8 ``(slices, h, w)``, for the second stage alone: 0 background, k + 1
        class k.
    """

    images: Tensor
    foreground: Tensor
    tags: Tensor
    frequency: Tensor
    progress: float = 0.0
    labels: Tensor | None = None

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
        ``(slices, classes, h, w)`` in 0..1, of the slices' own size; that of a
        class that lies in another is its share inside, see `Preset.nesting`.
    """

    scores: Tensor
    cams: Tensor


class Preset(nn.Module):
    """A network together with its losses and its maps.

    Parameters
    ----------
    channels, classes, width : int
        As in `MultiLevelNetwork`.
    pixel : float
        Millimetres between the pixels that it reads.

    Attributes
    ----------
    needs_complete_tags : bool
        Whether the losses need the tags of all classes on a slice; otherwise
        unknown tags just do not count.
    compares_pairs : bool
        Whether batches hold a reference slice for each slice.
    keeps_last_epoch : bool
        Whether the last epoch is the model, whatever held-back tags say.
    trains_in_parts : bool
        Whether a step may leave parameters of the network as they are.
    rate : float
        What the configured learning rate is multiplied with.
    smoothing : tuple of float
        Standard deviation in mm (z, y, x) of the Gaussian that CAMs of a whole
        scan are smoothed with; 0 leaves an axis as it is.
    follows_image : bool
        Whether CAMs of a whole scan end where its intensities say.
    adapts_to_scan : bool
        Whether its batch norms take over what features look like in the scan.
    depth : int
        Slices of a stack: neighbours, in their order, that the network reads at once.
        Batches are then of whole stacks, and `predict` is given a single one, which
        may be shorter.
    no_other_maps : str
        Why `other_maps` gives none; empty if it gives some.
    """

    needs_complete_tags: ClassVar[bool] = False
    compares_pairs: ClassVar[bool] = True
    keeps_last_epoch: ClassVar[bool] = False
    trains_in_parts: ClassVar[bool] = True
    rate: ClassVar[float] = 1.0
    smoothing: ClassVar[tuple[float, float, float]] = (0.0, 0.0, 0.0)
    follows_image: ClassVar[bool] = False
    adapts_to_scan: ClassVar[bool] = False
    depth: ClassVar[int] = 1
    no_other_maps: ClassVar[str] = ""

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        super().__init__()
        self.channels = channels
        self.classes = classes
        self.width = width
        self.pixel = pixel

    @property
    def nesting(self) -> list[int]:
        """Index of the class that each class's map lies in, -1 for none."""
        return [-1] * self.classes

    @property
    def divided_last(self) -> list[tuple[int, int]]:
        """Class and parent, for each pair that the last part of a training tells apart."""
        return []

    def learn_relations(self, parents: Sequence[int]) -> None:
        """Take note, before the training, of each class's parent, -1 for none.

        The parent is present (nearly) wherever the class is, the class less often
        where the parent is.
        """

    def draw_weights(self, tags: Tensor, progress: float) -> Tensor | None:  # noqa: ARG002
        """Give each slice's chance to be drawn, any scale; None draws each once an epoch.

        Parameters
        ----------
        tags : Tensor
            Of all slices ``(slices, classes)``.
        progress : float
            Share of the training that is done.
        """
        return None

    @property
    def phase_starts(self) -> tuple[float, ...]:
        """The progress at which each stage begins, 0..1; `losses` are those of one stage."""
        return (0.0,)

    def phase_progress(self, progress: float) -> float:
        """Give the share of the present stage that is done; the learning rate follows it."""
        *_, start = (at for at in self.phase_starts if at <= progress)
        end = min((at for at in self.phase_starts if at > progress), default=1.0)
        return (progress - start) / (end - start)

    @abstractmethod
    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Give each loss term of the present stage by name, weighted: their sum is minimised."""

    @abstractmethod
    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Give scores and CAMs of slices ``(slices, channels, h, w)``."""

    def other_maps(
        self,
        images: Tensor,
        foreground: Tensor,
        references: Tensor | None = None,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Give maps to compare the CAMs with, by name; prediction never makes them.

        Parameters
        ----------
        images, foreground : Tensor
            As in `predict`.
        references : Tensor, optional
            ``(slices, channels, h, w)``: a slice of another scan for each, for
            presets that compare slices in pairs; without it such maps are left out.

        Returns
        -------
        dict of str to Tensor
            Each ``(slices, classes, h, w)`` in 0..1. Networks have ``LayerCAM``
            of the module that `inspected` names.
        """
        if self.no_other_maps:
            return {}
        return {"LayerCAM": layer_cam(self.score, self.inspected, images, foreground)}

    @property
    @abstractmethod
    def inspected(self) -> nn.Module:
        """The module whose features LayerCAM is made of."""

    def score(self, images: Tensor, foreground: Tensor) -> Tensor:
        """Give the scores of `predict` alone, which may take less."""
        return self.predict(images, foreground).scores
