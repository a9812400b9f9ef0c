"""Where the choices of a user are kept, beside napari's own settings."""

from pathlib import Path

from napari.settings import get_settings


def preferences_file() -> Path | None:
    """Give the file of the preferences, beside napari's own; None where napari keeps nothing."""
    settings = get_settings().config_path
    return None if settings is None else Path(settings).with_name("napari-mcwss.json")
