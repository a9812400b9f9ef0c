"""Events as lines of JSON, for whoever follows a training from another process."""

import json
import os
import socket
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from napari_mcwss.base.errors import McwssError, first_problem
from napari_mcwss.base.lock import Holder
from napari_mcwss.base.version import __version__
from napari_mcwss.training.events import Event, Finished
from napari_mcwss.training.process.steering import Paused, Resumed


@dataclass(frozen=True)
class Began:
    """The first line: who writes the others.

    Attributes
    ----------
    model : str
        What is to be trained.
    process : int
        Number of the process.
    host : str
        Name of its computer.
    time : str
        Since when, in ISO 8601 with the offset from UTC.
    software : str
        Version of the program.
    """

    model: str
    process: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    time: str = field(default_factory=lambda: datetime.now().astimezone().isoformat())
    software: str = __version__

    @property
    def holder(self) -> Holder:
        """The process, which knows whether it has ended."""
        return Holder(self.process, self.host, datetime.fromisoformat(self.time))


@dataclass(frozen=True)
class Cancelled:
    """The last line of a run that was told to stop; what it had learnt is kept."""


@dataclass(frozen=True)
class Error:
    """The last line of a run that failed.

    Attributes
    ----------
    text : str
        What went wrong, in one line.
    """

    text: str


Line = Event | Began | Paused | Resumed | Cancelled | Error
"""All that a line can say."""

End = Finished | Cancelled | Error
"""What the last line says, unless the run was killed."""


def to_line(event: Line) -> str:
    """Put an event into a line of JSON, without a line break.

    Parameters
    ----------
    event : Line
        What is to be told.

    Returns
    -------
    str
        Its ``event``, the name of its class in small letters, and its fields.
    """
    kind = _kind(type(event))
    return json.dumps({"event": kind, **_adapters()[kind].dump_python(event, mode="json")})


def from_line(line: str) -> Line:
    """Read what `to_line` has written.

    Parameters
    ----------
    line : str
        A line.

    Returns
    -------
    Line
        The event; fields that this version does not know are left out.

    Raises
    ------
    McwssError
        If it is damaged, or of a kind that this version does not know.
    """
    try:
        values = json.loads(line)
        kind = values.pop("event")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise McwssError(f"{_shortened(line)} is no event: expected a line of JSON") from error
    if kind not in _adapters():
        raise McwssError(
            f"unknown event {kind!r}: expected one of {', '.join(_adapters())}: it may come from a "
            f"newer version than {__version__}: use the same version on both sides"
        )
    try:
        read: Line = _adapters()[kind].validate_python(values)
    except ValidationError as error:
        raise McwssError(f"the event {kind!r} is damaged: {first_problem(error)}") from error
    return read


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    """Give what reads and writes each kind."""
    return {_kind(kind): TypeAdapter(kind) for kind in get_args(Line)}


def _kind(event: type) -> str:
    return event.__name__.lower()


def _shortened(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
