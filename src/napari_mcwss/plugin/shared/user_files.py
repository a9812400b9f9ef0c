"""Where preferences are stored."""

from pathlib import Path

from napari.settings import get_settings


def preferences_file() -> Path | None:
    """Return the preferences file beside napari's own; None if napari stores no settings."""
    settings = get_settings().config_path
    return None if settings is None else Path(settings).with_name("napari-mcwss.json")
