"""The settings of the last training, which the next one begins with."""

import json
from contextlib import suppress
from typing import Any

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.plugin.shared.user_files import user_file

FILE = "napari-mcwss-training.json"


def remember(settings: dict[str, Any]) -> None:
    """Keep settings for the next time; they are no data of the user's, so a failure is no news."""
    path = user_file(FILE)
    if path is not None:
        with suppress(McwssError), replacing(path, parents=True) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def remembered() -> dict[str, Any]:
    """Return the settings of the last time; none if there are none, or they cannot be read."""
    path = user_file(FILE)
    if path is None:
        return {}
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
