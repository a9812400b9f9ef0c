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
    stacks: bool
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


@dataclass(frozen=True)
class Ambiguous:
    """A folder of pictures, which are slices of one scan or scans of their own."""

    study: "Study"
    model: str
    folder: Path


def look_into(
    study: "Study", model: str, folder: Path, *, stacks: bool | None = None
) -> FolderPreview | Ambiguous | McwssError:
    """Find the scans of a folder; too slow for the main thread.

    `stacks` is what the user says of pictures in a folder: whether they are slices of one scan.
    """
    from napari_mcwss.scans.finding import find_chosen, find_stacks
    from napari_mcwss.segmentation.results import has_result

    try:
        if stacks is None and find_stacks(folder):
            return Ambiguous(study, model, folder)
        scans = tuple(find_chosen(folder, study.channels, stacks=bool(stacks)))
        known = tuple(scan for scan in scans if scan in study.scan_names)
        done = tuple(scan for scan in known if has_result(study, model, scan))
    except McwssError as error:
        return error
    return FolderPreview(study, model, folder, bool(stacks), scans, known, done)
