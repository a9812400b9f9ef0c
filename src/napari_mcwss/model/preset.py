"""The interface of a preset, which training and segmentation use."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

from torch import Tensor, nn

from napari_mcwss.model.inputs import InputSpec
from napari_mcwss.model.layer_cam import layer_cam

UNKNOWN, ABSENT, PRESENT = -1, 0, 1


@dataclass(frozen=True)
class TaggedBatch:
    """Slices with their tags, as the losses take them.

    Attributes
    ----------
    images : Tensor
        ``(slices, channels, h, w)``. If the preset compares slices in pairs, the
        second half are the reference slices of the first half.
    foreground : Tensor
        Bool ``(slices, 1, h, w)``, true where it is not background.
    tags : Tensor
        Integer ``(slices, classes)``: 1 present, 0 absent, -1 unknown.
    frequency : Tensor
        ``(classes,)``, share of present among the known tags of each class.
    progress : float
        Share of the training that is done, 0..1.
    labels : Tensor, optional
        Uint8 ``(slices, h, w)``: 0 background, k + 1 class k. Second stages alone
        have them.
    """

    images: Tensor
    foreground: Tensor
    tags: Tensor
    frequency: Tensor
    progress: float = 0.0
    labels: Tensor | None = None

    @property
    def joint_tags(self) -> Tensor:
        """Tags of the decomposed branch: present if both slices of a pair have the class."""
        slices, references = self.tags.chunk(2)
        # In a product absent (0) wins over all, unknown (-1) over present (1).
        both_unknown = (slices == UNKNOWN) & (references == UNKNOWN)
        return (slices * references).masked_fill(both_unknown, UNKNOWN).repeat(2, 1)


class Maps(NamedTuple):
    """What a preset predicts.

    Attributes
    ----------
    scores : Tensor
        ``(slices, classes)``, probability that the slice has the class, 0..1.
    cams : Tensor
        ``(slices, classes, h, w)`` in 0..1, of the slices' own size. The CAM of a
        class inside another one is its share there, see `Preset.nesting`.
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
        Pixel size in mm that it reads.

    Attributes
    ----------
    needs_complete_tags : bool
        Whether the losses need the tags of all classes on a slice; if not, unknown
        tags are ignored.
    compares_pairs : bool
        Whether batches hold a reference slice for each slice.
    keeps_last_epoch : bool
        Whether the model is the last epoch, not the best one on validation scans.
    trains_in_parts : bool
        Whether a step may leave some parameters without a gradient.
    rate : float
        Factor of the configured learning rate.
    smoothing : tuple of float
        Standard deviation in mm (z, y, x) of the Gaussian that smooths the CAMs of
        a whole scan; 0 leaves an axis as it is.
    follows_image : bool
        Whether the borders of a scan's CAMs are moved to edges of the image.
    adapts_to_scan : bool
        Whether batch norms take their statistics from the scan in prediction.
    depth : int
        Slices of a slab: neighbours that the network reads at once. Batches then
        consist of whole slabs, and `predict` gets a single one, which may be shorter.
    no_other_maps : str
        Why `other_maps` returns none; empty if it returns some.
    fits_features : bool
        Whether its heads are fitted to the features of an encoder, each slice encoded
        once, in place of a training by epochs.
    """

    needs_complete_tags: ClassVar[bool] = False
    compares_pairs: ClassVar[bool] = True
    keeps_last_epoch: ClassVar[bool] = False
    trains_in_parts: ClassVar[bool] = True
    rate: ClassVar[float] = 1.0
    smoothing: tuple[float, float, float] = (0.0, 0.0, 0.0)
    follows_image: ClassVar[bool] = False
    adapts_to_scan: ClassVar[bool] = False
    depth: ClassVar[int] = 1
    no_other_maps: ClassVar[str] = ""
    fits_features: ClassVar[bool] = False

    def __init__(self, channels: int, classes: int, width: int, pixel: float = 1.0) -> None:
        super().__init__()
        self.channels = channels
        self.classes = classes
        self.width = width
        self.pixel = pixel

    @classmethod
    def build(
        cls,
        channels: int,
        classes: int,
        width: int,
        input_spec: InputSpec,
        encoder: str,  # noqa: ARG003
    ) -> Self:
        """Make a preset out of the settings of any, with an encoder if it needs one.

        `channels` are those of scans, without the position.
        """
        return cls(input_spec.channels(channels), classes, width, input_spec.pixel)

    @property
    def nesting(self) -> list[int]:
        """Index of the class that each class lies inside, -1 for none."""
        return [-1] * self.classes

    @property
    def divided_last(self) -> list[tuple[int, int]]:
        """Pairs (class, parent) that only the last phase learns to tell apart."""
        return []

    def learn_relations(self, parents: Sequence[int]) -> None:
        """Set each class's parent, -1 for none, before the training.

        The parent is present on (nearly) all slices with the class, but not the
        other way round.
        """

    def draw_weights(self, tags: Tensor, progress: float) -> Tensor | None:  # noqa: ARG002
        """Return the weight with which each slice is drawn; None draws each once an epoch.

        Parameters
        ----------
        tags : Tensor
            Tags of all slices ``(slices, classes)``.
        progress : float
            Share of the training that is done, 0..1.
        """
        return None

    @property
    def phase_starts(self) -> tuple[float, ...]:
        """Progress at which each phase begins, 0..1; a phase has its own `losses`."""
        return (0.0,)

    def phase_progress(self, progress: float) -> float:
        """Return the share of the current phase that is done; the learning rate follows it."""
        *_, start = (at for at in self.phase_starts if at <= progress)
        end = min((at for at in self.phase_starts if at > progress), default=1.0)
        return (progress - start) / (end - start)

    @abstractmethod
    def losses(self, batch: TaggedBatch) -> dict[str, Tensor]:
        """Return the weighted loss terms of the current phase by name: training adds them."""

    @abstractmethod
    def predict(self, images: Tensor, foreground: Tensor) -> Maps:
        """Return scores and CAMs of slices ``(slices, channels, h, w)``.

        The CAMs are those of the network, before `fit_to_image`.
        """

    def fit_to_image(self, cams: Tensor, images: Tensor, foreground: Tensor) -> Tensor:  # noqa: ARG002
        """Return CAMs of `predict`, or their mean over several views, fitted to the slices."""
        return cams

    def other_maps(
        self,
        images: Tensor,
        foreground: Tensor,
        references: Tensor | None = None,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return other maps by name, to compare with the CAMs; prediction does not use them.

        Parameters
        ----------
        images, foreground : Tensor
            As in `predict`.
        references : Tensor, optional
            A slice of another scan for each slice, ``(slices, channels, h, w)``, for
            presets that compare pairs; without them such maps are left out.

        Returns
        -------
        dict of str to Tensor
            Each ``(slices, classes, h, w)`` in 0..1, among them ``LayerCAM`` of the
            module `inspected`.
        """
        if self.no_other_maps:
            return {}
        return {"LayerCAM": layer_cam(self.score, self.inspected, images, foreground)}

    @property
    @abstractmethod
    def inspected(self) -> nn.Module:
        """Module whose features LayerCAM uses."""

    def score(self, images: Tensor, foreground: Tensor) -> Tensor:
        """Return the scores of `predict` alone, which may be faster."""
        return self.predict(images, foreground).scores
