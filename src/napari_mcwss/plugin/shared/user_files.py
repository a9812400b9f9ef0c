"""Where what belongs to the user, and to no study, is stored."""

from pathlib import Path

from napari.settings import get_settings


def user_file(name: str) -> Path | None:
    """Return a file beside napari's own settings; None if napari stores none."""
    settings = get_settings().config_path
    return None if settings is None else Path(settings).with_name(name)


def preferences_file() -> Path | None:
    """Return the preferences file."""
    return user_file("napari-mcwss.json")
