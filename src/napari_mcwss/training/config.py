"""The settings of a training: validated, frozen, and shown as options and in the dock."""

import math
from difflib import get_close_matches
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from napari_mcwss.base.errors import McwssError, problem_text
from napari_mcwss.base.settings import Shown
from napari_mcwss.base.text import number_text
from napari_mcwss.model.encoders.registry import DEFAULT_ENCODER
from napari_mcwss.model.presets.registry import DEFAULT_PRESET, FirstStageName, first_stages

DEFAULT_EPOCHS = 20
"""Epochs of each stage if neither epochs nor minutes are set, but see `DEFAULT_DRAWS`."""

DEFAULT_DRAWS = 10_000
"""Slices that such a stage draws at least: a network needs steps, however few the slices."""

AUTO_MINUTES = 2.5
"""Longest training of a preset that was not the user's choice, if the user sets no length."""

DEFAULT_PATIENCE = 5
"""Epochs without improvement that a training waits if the user sets no number."""


class TrainingConfig(BaseModel):
    """Settings of one training, each with the text that options and dock show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Annotated[FirstStageName, Shown(choices=first_stages)] = Field(
        default=DEFAULT_PRESET, title="Method", description="The network and its losses"
    )
    refine: bool = Field(
        default=False,
        title="Refine",
        description="Add a second stage of the same length, in which a U-Net learns from the "
        "masks that the first stage makes of the scans trained on.",
    )
    volumetric: Annotated[bool, Shown(form=False)] = Field(
        default=False,
        title="3-D",
        description="Train that U-Net in 3-D, which takes about three times as long.",
    )
    epochs: Annotated[int | None, Shown(form=False)] = Field(
        default=None,
        ge=1,
        title="Epochs",
        description="Length of each stage in epochs, each of which draws as many slices as are "
        f"tagged; {DEFAULT_EPOCHS} by default, more if the slices are few.",
    )
    minutes: Annotated[float | None, Shown(form=False)] = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        title="Minutes",
        description="Length of each stage in minutes; features, and the choice that auto makes, "
        "take their own time before.",
    )
    patience: Annotated[int | None, Shown(form=False)] = Field(
        default=None,
        ge=1,
        title="Patience",
        description="Train each stage until this many epochs have not improved it, for example 5.",
    )
    encoder: Annotated[str, Shown(form=False)] = Field(
        default=DEFAULT_ENCODER,
        title="Encoder",
        description="Encoder whose features the method 'features' reads, as the command encoders "
        "lists them.",
    )
    width: int = Field(
        default=16,
        ge=1,
        le=256,
        title="Width",
        description="Features of the network's first block: more are slower.",
    )
    pixel: Annotated[float | None, Shown(unit="mm", step=0.5)] = Field(
        default=None,
        ge=0.1,
        le=10,
        title="Pixels",
        description="Pixel size in mm that the network reads: 2 is about six times as fast as 1, "
        "and less exact. By default that of the scans, but at least 1; pictures and the method "
        "'features' have sizes in pixels that suit them.",
    )
    place: Annotated[bool, Shown(form=False)] = Field(
        default=False,
        title="Position",
        description="Let the network read the position of each pixel: for aligned scans.",
    )
    batch_size: Annotated[int, Shown(form=False)] = Field(
        default=16,
        ge=2,
        multiple_of=2,
        title="Slices per step",
        description="Slices per step, reference slices included, of all processes together.",
    )
    learning_rate: Annotated[float, Shown(option=False, form=False)] = Field(
        default=2e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="Highest learning rate of AdamW: it warms up, then falls as a cosine.",
    )
    weight_decay: Annotated[float, Shown(option=False, form=False)] = Field(
        default=1e-4, ge=0, title="Weight decay", description="Weight decay of AdamW."
    )
    validation_share: Annotated[float, Shown(option=False, form=False)] = Field(
        default=0.2,
        ge=0,
        le=0.5,
        title="Validation",
        description="Share of the scans that are not trained on, but choose the best epoch by "
        "their tags. Fewer than 10 scans are all trained on.",
    )
    seed: Annotated[int, Shown(form=False)] = Field(
        default=0,
        ge=0,
        lt=2**63,
        title="Seed",
        description="Seed of all random numbers: makes a run on the CPU repeatable.",
    )
    device: Annotated[str, Shown(form=False)] = Field(
        default="auto",
        title="Device",
        description="auto, cpu, cuda, cuda:1, mps ...; the command devices lists them.",
    )

    @field_validator("patience")
    @classmethod
    def _goes_without_minutes(cls, patience: int | None, info: ValidationInfo) -> int | None:
        if patience is not None and info.data.get("minutes") is not None:
            raise ValueError("cannot be combined with minutes, leave one of them out")
        return patience

    @property
    def known_epochs(self) -> int | None:
        """Epochs of each stage; None if minutes or patience decide."""
        return self.epochs if self.patience is None else None

    @property
    def has_length(self) -> bool:
        """Whether epochs, minutes or patience are set."""
        return (self.epochs, self.minutes, self.patience) != (None, None, None)

    def with_length(self, slices: int) -> "TrainingConfig":
        """Return the settings with a length for so many slices, if they have none."""
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

    Examples
    --------
    >>> training_config(epochs=3).epochs
    3
    >>> training_config(epoch=3)
    Traceback (most recent call last):
    napari_mcwss.base.errors.McwssError: there is no setting 'epoch': did you mean 'epochs'?
    """
    names = TrainingConfig.model_fields
    for unknown in [name for name in settings if name not in names]:
        near = get_close_matches(unknown, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(names)}"
        raise McwssError(f"there is no setting {unknown!r}: {hint}")
    try:
        return TrainingConfig.model_validate(settings)
    except ValidationError as error:
        name, value, message = setting_problem(error)
        raise McwssError(f"{name} = {value}: {message}") from error


def setting_problem(error: ValidationError) -> tuple[str, str, str]:
    """Return the first setting that is out of range, its value, and what is wrong with it."""
    problem = error.errors()[0]
    value = problem["input"]
    text = number_text(value) if isinstance(value, float) else repr(value)
    return ".".join(map(str, problem["loc"])), text, problem_text(problem)
