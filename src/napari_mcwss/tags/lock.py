"""One program at a time changes the tags of a study; any number reads them."""

from __future__ import annotations

from napari_mcwss.base.lock import Holder, Lock, LockedError


class TagsLockedError(LockedError):
    """Another program changes the tags of the study now, so here they can only be read."""


class TagLock(Lock):
    """The right to change the tags of a study.

    Parameters
    ----------
    path : Path
        As in `Lock`.
    """

    def refusal(self, holder: Holder | None) -> TagsLockedError:
        """Say who changes the tags."""
        if holder is None:
            return TagsLockedError(
                f"another program has just begun to change the tags ('{self.path}'): try again"
            )
        return TagsLockedError(
            f"the tags of this study can only be read: {holder} changes them: close the study "
            f"there{self.advice(holder)}"
        )
