"""Events as lines of JSON, for another process that follows a training."""

import json
import os
import socket
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, TypeAdapter, ValidationError

from napari_mcwss.base.errors import McwssError, first_problem
from napari_mcwss.base.json_text import parse_json
from napari_mcwss.base.lock import Holder, ProcessNumber, system_key
from napari_mcwss.base.version import __version__
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress, Segmented
from napari_mcwss.training.events import Event, Finished
from napari_mcwss.training.process.steering import Paused, Resumed


def _checked_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


@dataclass(frozen=True)
class Began:
    """The first line: which process writes the others, and since when, in ISO 8601."""

    model: str
    process: ProcessNumber = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    time: Annotated[str, AfterValidator(_checked_time)] = field(
        default_factory=lambda: datetime.now().astimezone().isoformat()
    )
    software: str = __version__
    system: str = field(default_factory=system_key)

    @property
    def holder(self) -> Holder:
        """The process, which can be asked whether it has ended."""
        since = datetime.fromisoformat(self.time)
        return Holder(self.process, self.host, since, system=self.system)


@dataclass(frozen=True)
class Cancelled:
    """The last line of a training that was cancelled; what it has learnt is kept."""


@dataclass(frozen=True)
class Error:
    """The last line of a training that failed, with the reason in one line."""

    text: str


Line = Event | Began | Paused | Resumed | ScanProgress | ScanDone | Segmented | Cancelled | Error
"""All kinds of lines, those of a training and those of a segmentation."""

End = Finished | Segmented | Cancelled | Error
"""Kinds of last lines, unless the process was killed."""


def to_line(event: Line) -> str:
    """Return an event as a line of JSON, without a line break.

    The key ``event`` is the name of its class in lower case, the others are its fields.
    """
    kind = _kind(type(event))
    return json.dumps({"event": kind, **_adapters()[kind].dump_python(event, mode="json")})


def from_line(line: str) -> Line:
    """Read a line of `to_line`, without unknown fields; refuse damage and unknown kinds."""
    try:
        values = parse_json(line)
        kind = values.pop("event")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise McwssError(f"{_shortened(line)} is not an event: expected a line of JSON") from error
    if not isinstance(kind, str) or kind not in _adapters():
        raise McwssError(
            f"unknown event {_shortened(str(kind))}, expected one of {', '.join(_adapters())}: it "
            f"may be from a newer version than {__version__}, use the same version on both sides"
        )
    try:
        read: Line = _adapters()[kind].validate_python(values)
    except ValidationError as error:
        raise McwssError(f"the event {kind!r} is damaged: {first_problem(error)}") from error
    return read


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {_kind(kind): TypeAdapter(kind) for kind in get_args(Line)}


def _kind(event: type) -> str:
    return event.__name__.lower()


def _shortened(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
