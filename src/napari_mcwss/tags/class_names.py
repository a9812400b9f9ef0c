"""The names of a study's classes, as they are now and as its files may still have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class ClassNames:
    """Names of classes of which some were renamed or removed.

    Files are not rewritten when a class is renamed or removed: tags are hours of work, and no
    interruption can leave half of them under another name.

    Parameters
    ----------
    shown : tuple of str
        Classes of the study, in its order.
    removed : tuple of str
        Classes that were removed; their tags are kept.
    former : tuple of (str, str)
        Names that classes had before, each with the name now.

    Examples
    --------
    >>> names = ClassNames(("core", "ED"), removed=("NEC",), former=(("TC", "core"),))
    >>> names.current("TC"), names.current("ED")
    ('core', 'ED')
    >>> names.stored
    ('core', 'ED', 'NEC')
    """

    shown: tuple[str, ...]
    removed: tuple[str, ...] = ()
    former: tuple[tuple[str, str], ...] = ()

    @property
    def stored(self) -> tuple[str, ...]:
        """All classes of which files hold tags."""
        return (*self.shown, *self.removed)

    def current(self, name: str) -> str:
        """Return the name that a class has now; a name that was never changed stays."""
        return next((now for old, now in self.former if old == name), name)

    def all_current(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the names that classes have now."""
        return tuple(self.current(name) for name in names)
