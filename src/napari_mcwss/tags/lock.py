"""The lock on the tags of a study: one program changes them, any number reads them."""

from __future__ import annotations

from napari_mcwss.base.lock import Holder, Lock, LockedError


class TagsLockedError(LockedError):
    """Another program is changing the tags of the study."""


class TagLock(Lock):
    """The right to change the tags of a study."""

    def refusal(self, holder: Holder | None) -> TagsLockedError:
        """Return an error that names the program that changes the tags."""
        if holder is None:
            return TagsLockedError(
                f"another program has just started to change the tags ('{self.path}'): try again"
            )
        return TagsLockedError(
            f"the tags of this study can only be read: {holder} changes them: close the study "
            f"there{self.advice(holder)}"
        )
