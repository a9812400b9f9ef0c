"""What segmenting a folder is going to add to a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted, names_text

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


@dataclass(frozen=True)
class FolderPreview:
    """The scans of a folder, and those among them that the study has, and that are segmented."""

    study: "Study"
    model: str
    folder: Path
    scans: tuple[str, ...]
    known: tuple[str, ...]
    segmented: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is going to happen, in a few lines."""
        new = [scan for scan in self.scans if scan not in self.known]
        left = len(self.scans) - len(self.segmented)
        lines = [f"Found in {self.folder}: {counted(len(self.scans), 'scan')}."]
        if new:
            lines.append(f"Added to the study: {names_text(new)}. The files stay where they are.")
        if self.segmented:
            lines.append(f"Segmented already: {len(self.segmented)}.")
        files = len(self.study.class_names) + 3
        where = self.study.result_folder(self.model, "x").parent
        lines.append(
            f"Written for each of {counted(left, 'scan')}: a folder of {files} files in {where}."
        )
        return "\n".join(lines)


def look_into(study: "Study", model: str, folder: Path) -> FolderPreview | McwssError:
    """Find the scans of a folder; too slow for the main thread."""
    from napari_mcwss.scans.finding import find_scans
    from napari_mcwss.segmentation.results import has_result

    try:
        scans = tuple(find_scans(folder, study.channels))
        known = tuple(scan for scan in scans if scan in study.scan_names)
        done = tuple(scan for scan in known if has_result(study, model, scan))
    except McwssError as error:
        return error
    return FolderPreview(study, model, folder, scans, known, done)
