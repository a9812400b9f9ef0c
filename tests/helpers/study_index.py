"""A study of nothing but names, for the store of its tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_mcwss.tags.class_names import ClassNames


@dataclass(frozen=True)
class Index:
    folder: Path
    sizes: Mapping[str, int]
    class_names: tuple[str, ...]

    @property
    def known_classes(self) -> ClassNames:
        return ClassNames(self.class_names)

    @property
    def scan_names(self) -> tuple[str, ...]:
        return tuple(self.sizes)

    def check_there(self) -> None:
        """Be there always."""

    def check_inside(self, path: Path) -> None:
        """Have no links."""

    def slices(self, scan: str) -> int:
        return self.sizes[scan]
