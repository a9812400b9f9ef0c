"""The user's preferences: keys, live maps, and the name of the reader that the journal records."""

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

from napari_mcwss.base.errors import McwssError, first_problem
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.plugin.shared.user_files import preferences_file
from napari_mcwss.plugin.tagging.key_table import DEFAULT_KEYS, checked_keys


class Preferences(BaseModel):
    """Preferences of tagging.

    Parameters
    ----------
    reader : str, optional
        Who tags, for the journal; by default, no name is recorded.
    keys : mapping, optional
        Name of an action to its key; the file has only those that differ from the defaults.
    live_maps : bool
        Whether maps follow the tags.

    Raises
    ------
    McwssError
        If the keys cannot be used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    reader: str = ""
    live_maps: bool = False
    keys: Mapping[str, str] = Field(default={}, validate_default=True)

    @field_validator("keys")
    @classmethod
    def _complete(cls, keys: Mapping[str, str]) -> Mapping[str, str]:
        return checked_keys(keys)

    @field_serializer("keys")
    def _changed(self, keys: Mapping[str, str]) -> dict[str, str]:
        return {name: key for name, key in keys.items() if key != DEFAULT_KEYS[name]}

    def write(self, path: Path) -> None:
        """Write the file; if that fails, raise McwssError and leave an existing one untouched."""
        # Versions without live maps refuse the file of a user who has switched them on, no other.
        text = self.model_dump_json(indent=2, exclude=None if self.live_maps else {"live_maps"})
        with replacing(path, parents=True) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Preferences":
        """Read the file; return the defaults if there is none.

        Raises
        ------
        McwssError
            If the file cannot be read or is invalid.
        """
        try:
            return cls.model_validate_json(file_bytes(path))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            reason = error.strerror or str(error)
        except ValidationError as error:
            reason = first_problem(error)
        except McwssError as error:
            reason = str(error)
        raise McwssError(
            f"cannot use the preferences '{path}' ({reason}): using the default keys and no "
            "reader's name: correct the file, or save new preferences"
        )


class UserPreferences(QObject):  # type: ignore[misc]
    """The preferences in the user's file.

    napari's own page of plugin settings cannot refuse two actions with the same key, and overwrites
    a file that it cannot read. So this is a file of its own.

    Attributes
    ----------
    changed : Signal
        `current` has changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.current = Preferences()
        self.load()

    def load(self) -> None:
        """Read the file; show a notification if it cannot be used."""
        path = preferences_file()
        try:
            read = self.current if path is None else Preferences.read(path)
        except McwssError as error:
            show_error(str(error))
            read = Preferences()
        self._take(read)

    def save(self, preferences: Preferences) -> None:
        """Take and write other preferences; if they cannot be written, raise McwssError instead."""
        path = preferences_file()
        if path is not None:
            preferences.write(path)
        self._take(preferences)

    def _take(self, preferences: Preferences) -> None:
        if preferences != self.current:
            self.current = preferences
            self.changed.emit()
