"""What a user has chosen for good: keys, and the name that the journal notes."""

from collections.abc import Mapping
from pathlib import Path

from napari.utils.notifications import show_error
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
)
from qtpy.QtCore import QObject, Signal

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.plugin.shared.user_files import preferences_file
from napari_mcwss.plugin.tagging.key_table import DEFAULT_KEYS, checked_keys


class Preferences(BaseModel):
    """What a user has chosen.

    Parameters
    ----------
    reader : str, optional
        Who tags, for the journal; empty if no name is to be noted.
    keys : mapping, optional
        Name of an action to its key; only what differs from the defaults is
        written.

    Raises
    ------
    McwssError
        If the keys cannot be used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    reader: str = ""
    keys: Mapping[str, str] = Field(default={}, validate_default=True)

    @field_validator("keys")
    @classmethod
    def _complete(cls, keys: Mapping[str, str]) -> Mapping[str, str]:
        return checked_keys(keys)

    @field_serializer("keys")
    def _changed(self, keys: Mapping[str, str]) -> dict[str, str]:
        return {name: key for name, key in keys.items() if key != DEFAULT_KEYS[name]}

    def write(self, path: Path) -> None:
        """Write the file, atomically.

        Raises
        ------
        McwssError
            If it cannot be written; an older one is untouched then.
        """
        with replacing(path) as temporary:
            temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Preferences":
        """Read the file; where there is none, all is as it comes.

        Raises
        ------
        McwssError
            If it cannot be read, or holds what it should not.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as error:
            reason = error.strerror or str(error)
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()
        except McwssError as error:
            reason = str(error)
        raise McwssError(
            f"cannot use the preferences '{path}' ({reason}): using the default keys and no "
            "reader's name: correct the file, or save new preferences"
        )


class UserPreferences(QObject):  # type: ignore[misc]
    """The preferences of the user at this screen.

    napari's own page of plugin settings cannot refuse two actions with one
    key, and overwrites a file that it cannot read: so this is a file of ours.

    Parameters
    ----------
    parent : QObject
        Its end is theirs.

    Attributes
    ----------
    changed : Signal
        Look at `current` again.
    current : Preferences
        What is chosen now.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.current = Preferences()
        self.load()

    def load(self) -> None:
        """Read the file; what is wrong with it is told in a notification."""
        path = preferences_file()
        try:
            read = self.current if path is None else Preferences.read(path)
        except McwssError as error:
            show_error(str(error))
            read = Preferences()
        self._take(read)

    def save(self, preferences: Preferences) -> None:
        """Choose other preferences, for good.

        Raises
        ------
        McwssError
            If they cannot be written; nothing has changed then.
        """
        path = preferences_file()
        if path is not None:
            preferences.write(path)
        self._take(preferences)

    def _take(self, preferences: Preferences) -> None:
        if preferences != self.current:
            self.current = preferences
            self.changed.emit()
