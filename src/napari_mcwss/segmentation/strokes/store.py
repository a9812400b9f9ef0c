"""The marks of a scan on disk, beside its corrected mask."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, replacing
from napari_mcwss.segmentation.strokes.stroke import Mark


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    marks: tuple[Mark, ...] = ()


def save_marks(path: Path, marks: Sequence[Mark]) -> None:
    """Write the marks of a scan, in the order in which they were drawn; no file if there are none.

    Raises
    ------
    McwssError
        If the file cannot be written.
    """
    if marks:
        with replacing(path) as temporary:
            text = _File(marks=tuple(marks)).model_dump_json()
            temporary.write_text(text + "\n", encoding="utf-8")
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def read_marks(path: Path) -> tuple[Mark, ...]:
    """Read the marks of a scan; none if there is no file.

    Raises
    ------
    McwssError
        If the file is damaged, or of a newer version.
    """
    try:
        return _File.model_validate_json(path.read_bytes()).marks
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise McwssError(f"cannot read '{path}': {error.strerror or error}") from error
    except ValidationError as error:
        raise McwssError(
            f"'{path}' holds no strokes of format 1: it is damaged, or of a newer version; "
            "update napari-mcwss, or remove the file: the mask itself is kept"
        ) from error
