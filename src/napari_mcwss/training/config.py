"""Everything that shapes a training run, validated and frozen."""

import math

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.presets.registry import DEFAULT_PRESET, FirstStageName

DEFAULT_EPOCHS = 20
"""Epochs of each stage where neither epochs nor minutes are set, but see `DEFAULT_DRAWS`."""

DEFAULT_DRAWS = 10_000
"""Slices that such a stage draws at least: a network needs steps, however few the slices."""


DEFAULT_PATIENCE = 5
"""Epochs that a training waits for a better one where it may choose itself."""


class TrainingConfig(BaseModel):
    """Settings of one training run.

    Attributes
    ----------
    preset : str
        ``local``, evidence of a small reach; ``mcwss``, the paper's method
        corrected; or ``published``, for comparison only.
    refine : bool
        Whether a second stage follows, in which a U-Net learns from the masks
        that the first makes of the scans trained on.
    volumetric : bool
        Whether that U-Net is one in 3-D, which takes about three times as long.
    epochs : int, optional
        Length of each stage in epochs; one epoch draws as many slices as are tagged.
    minutes : float, optional
        Length of each stage in minutes. Without epochs and minutes, 20 epochs, or
        of few slices as many as draw 10,000.
    patience : int, optional
        Each stage lasts until so many epochs have not made it better, and then as
        long as its learning rate takes to fall, see `Length`. `epochs` are those of
        a stage that need not wait. Goes without minutes.
    width : int
        Features at full resolution, the network's first block.
    pixel : float, optional
        Millimetres between the pixels that the network reads: 2 is about four
        times as fast as 1, and less exact. Without it those of the scans, but
        not below 1.
    place : bool
        Whether the network reads where a pixel lies in the scan: for scans that
        are aligned.
    batch_size : int
        Slices a step, counting reference slices where there are any: even.
    learning_rate, weight_decay : float
        Of AdamW; the rate warms up, then falls as a cosine.
    validation_share : float
        Share of scans held back to choose the best epoch by their tags, 0 to
        0.5. Fewer than `MIN_SCANS_TO_VALIDATE` scans are all trained on.
    seed : int
        Makes a run on the CPU repeatable.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: FirstStageName = DEFAULT_PRESET
    refine: bool = False
    volumetric: bool = False
    epochs: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    patience: int | None = Field(default=None, ge=1)
    width: int = Field(default=16, ge=1, le=256)
    pixel: float | None = Field(default=None, ge=0.1, le=10)
    place: bool = False
    batch_size: int = Field(default=16, ge=2, multiple_of=2)
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    validation_share: float = Field(default=0.2, ge=0, le=0.5)
    seed: int = Field(default=0, ge=0, lt=2**63)
    device: str = "auto"

    @field_validator("patience")
    @classmethod
    def _goes_without_minutes(cls, patience: int | None, info: ValidationInfo) -> int | None:
        if patience is not None and info.data.get("minutes") is not None:
            raise ValueError("goes without minutes, leave one of both out")
        return patience

    @property
    def known_epochs(self) -> int | None:
        """Epochs of each stage; None where minutes or patience decide."""
        return self.epochs if self.patience is None else None

    def with_length(self, slices: int) -> "TrainingConfig":
        """Settle the length for so many slices, where it is left open."""
        if self.epochs is not None or self.minutes is not None:
            return self
        epochs = max(DEFAULT_EPOCHS, math.ceil(DEFAULT_DRAWS / slices))
        return self.model_copy(update={"epochs": epochs})


def training_config(**settings: object) -> TrainingConfig:
    """Make a configuration out of a user's settings.

    Raises
    ------
    McwssError
        If a setting is unknown or out of range, naming it.
    """
    try:
        return TrainingConfig.model_validate(settings)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        message = problem["msg"].removeprefix("Value error, ")
        raise McwssError(f"{name} = {problem['input']!r}: {message}") from error
