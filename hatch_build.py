"""Give readers on the package index and the napari hub addresses that lead back to the sources."""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)]+)\)")
"""A link or image of Markdown whose address is a path in the repository."""

RELATIVE_PICTURE = re.compile(r'(<img\b[^>]*\bsrc=")(?![a-z]+:)([^"]+)')
"""The same, for an image in HTML, which alone can have a width."""


class Addresses(MetadataHookInterface):
    """Turn the paths in README into addresses, and name those of the project.

    The workflows that build what is published say in ``PROJECT_REPOSITORY`` (``owner/name``) and
    ``PROJECT_COMMIT`` where the sources are. Elsewhere, README stays as it is.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set README and the project's addresses."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        if repository := os.environ.get("PROJECT_REPOSITORY"):
            commit = os.environ.get("PROJECT_COMMIT", "HEAD")
            home = f"https://github.com/{repository}"
            raw = f"https://raw.githubusercontent.com/{repository}/{commit}"
            text = RELATIVE.sub(
                lambda found: (
                    f"{found[1]}{found[2]}"
                    f"({raw if found[1] else f'{home}/blob/{commit}'}/{found[3]})"
                ),
                text,
            )
            text = RELATIVE_PICTURE.sub(rf"\g<1>{raw}/\g<2>", text)
            metadata["urls"] = {
                "Source": home,
                "Documentation": f"{home}/blob/HEAD/docs/index.md",
                "Changes": f"{home}/blob/HEAD/CHANGELOG.md",
                "Issues": f"{home}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
