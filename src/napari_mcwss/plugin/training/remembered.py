"""The settings of the last training of a study, which its next one begins with."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.reading import file_bytes
from napari_mcwss.plugin.shared.user_files import user_file

FILE = "napari-mcwss-training.json"

STUDIES = "studies"
"""Key of the settings of each study, by its folder."""

MOST = 100
"""Most studies whose settings are kept."""

OF_THE_MACHINE = ("device", "separate", "template")
"""Settings that suit every study."""


def remember(study: Path, settings: dict[str, Any]) -> None:
    """Keep settings for the next time; they are no data of the user's, so a failure is no news."""
    path = user_file(FILE)
    if path is None:
        return
    studies = _studies()
    studies.pop(str(study), None)
    kept = dict([*studies.items(), (str(study), settings)][-MOST:])
    machine = {name: settings[name] for name in OF_THE_MACHINE if name in settings}
    text = json.dumps({**machine, STUDIES: kept}, indent=2)
    with suppress(McwssError), replacing(path, parents=True) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def remembered(study: Path | None) -> dict[str, Any]:
    """Return the settings of the last training of a study; of any, those `OF_THE_MACHINE`.

    Settings that cannot be read are left out.
    """
    found = _read()
    machine = {name: found[name] for name in OF_THE_MACHINE if name in found}
    own = _studies().get(str(study), {})
    return machine | (own if isinstance(own, dict) else {})


def _studies() -> dict[str, Any]:
    found = _read().get(STUDIES)
    return found if isinstance(found, dict) else {}


def _read() -> dict[str, Any]:
    path = user_file(FILE)
    if path is None:
        return {}
    try:
        found = json.loads(file_bytes(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
