"""The journal: every keystroke is on the disk before the screen shows it."""

import json
import warnings
from pathlib import Path

from napari_mcwss.errors import McwssError
from napari_mcwss.files import append_line
from napari_mcwss.tags.table import Tag, TagTable


class Journal:
    """Changes of one scan's tags that its csv file does not hold yet.

    One JSON object a line: ``{"slice": 12, "class": "TC", "tag": 1}``.

    Parameters
    ----------
    path : Path
        The journal's file; there is none while nothing is pending.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, slice_index: int, class_name: str, tag: Tag) -> None:
        """Note a change; when this returns it is on the disk.

        Raises
        ------
        McwssError
            If it cannot be written.
        """
        entry = {"slice": slice_index, "class": class_name, "tag": int(tag)}
        append_line(self.path, json.dumps(entry))

    def replay(self, table: TagTable) -> None:
        """Apply the pending changes to a table.

        A line that is no change (the machine died while writing it) is passed
        over with a warning; all others count.
        """
        if not self.path.exists():
            return
        for number, line in enumerate(self.path.read_text("utf-8", "replace").splitlines(), 1):
            try:
                entry = json.loads(line)
                table.set(entry["slice"], entry["class"], Tag(entry["tag"]))
            except (ValueError, KeyError, TypeError, McwssError):
                warnings.warn(
                    f"{self.path}, line {number} is no tag and was passed over: {line[:60]!r}",
                    stacklevel=2,
                )

    def clear(self) -> None:
        """Forget the pending changes: the csv file holds them now."""
        self.path.unlink(missing_ok=True)
