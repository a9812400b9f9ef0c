"""The table of presets: the one place where a preset is named. It loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import AfterValidator

if TYPE_CHECKING:
    from napari_mcwss.model.preset import Preset


@dataclass(frozen=True)
class PresetEntry:
    """A preset as command line and dock show it, and where its class is.

    `source` is its ``package.module:Class``.

    Attributes
    ----------
    second_stage : {"2-D", "3-D"}, optional
        Which second stage it is: it learns from masks, and follows a first
        stage. A user chooses among the others, which learn from tags.
    learns_from_masks : bool
        Whether it also learns from masks that are given; others need a second stage for that.
    tries : tuple of str
        Presets of which it trains one after the other, and keeps one by the tags of held-back
        scans: the one with the larger reach first. It then has no class of its own.
    """

    title: str
    summary: str
    source: str
    second_stage: Literal["2-D", "3-D"] | None = None
    learns_from_masks: bool = False
    tries: tuple[str, ...] = ()

    @property
    def preset_class(self) -> type[Preset]:
        """The class; loads torch."""
        module, _, name = self.source.partition(":")
        return cast("type[Preset]", getattr(import_module(module), name))


PRESETS: dict[str, PresetEntry] = {
    "auto": PresetEntry(
        "auto",
        "features, or local if that predicts the tags of other scans as well",
        "",
        tries=("features", "local"),
    ),
    "local": PresetEntry(
        "local",
        "a network that sees too little to explain a tag by the surroundings",
        "napari_mcwss.model.presets.local:Local",
    ),
    "features": PresetEntry(
        "features",
        "heads on the features of an encoder that has learnt from photographs",
        "napari_mcwss.model.presets.features:Features",
        learns_from_masks=True,
    ),
    "mcwss": PresetEntry(
        "mcwss (the paper's)",
        "the paper's network and losses, corrected",
        "napari_mcwss.model.presets.mcwss:Mcwss",
    ),
    "published": PresetEntry(
        "published (to compare)",
        "the paper's network and losses as they were published, to compare with",
        "napari_mcwss.model.presets.published:Published",
    ),
    "refined": PresetEntry(
        "refined",
        "a U-Net that learns from masks",
        "napari_mcwss.model.presets.refined:Refined",
        second_stage="2-D",
    ),
    "refined_volume": PresetEntry(
        "refined, in 3-D",
        "a U-Net in 3-D that learns from masks",
        "napari_mcwss.model.presets.refined:RefinedVolume",
        second_stage="3-D",
    ),
}
"""Entries by the names that files and options use; the first one is the default."""

DEFAULT_PRESET = next(iter(PRESETS))


def first_stages() -> dict[str, PresetEntry]:
    """Return the presets that a user can choose, by name."""
    return {name: entry for name, entry in PRESETS.items() if entry.second_stage is None}


def tried(name: str) -> tuple[str, ...]:
    """Return the presets that a preset tries, or itself."""
    return PRESETS[name].tries or (name,)


def learns_from_masks(name: str) -> bool:
    """Tell whether a preset learns from given masks without a second stage."""
    return PRESETS[tried(name)[0]].learns_from_masks


def second_stage(*, volumetric: bool) -> str:
    """Return the name of the preset that learns from the masks of a first stage."""
    kind = "3-D" if volumetric else "2-D"
    return next(name for name, entry in PRESETS.items() if entry.second_stage == kind)


def _known(name: str) -> str:
    return _among(name, {name: entry for name, entry in PRESETS.items() if not entry.tries})


def _first_stage(name: str) -> str:
    return _among(name, first_stages())


def _among(name: str, entries: dict[str, PresetEntry]) -> str:
    if name not in entries:
        raise ValueError(f"unknown preset, expected one of {', '.join(entries)}")
    return name


PresetName = Annotated[str, AfterValidator(_known)]
"""A field that holds the name of a preset."""

FirstStageName = Annotated[str, AfterValidator(_first_stage)]
"""A field that holds the name of a preset that a user can choose."""
