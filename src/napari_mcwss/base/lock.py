"""Locks that one program at a time can hold, and that outlive nobody who was killed."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from dataclasses import dataclass
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING

import psutil

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

MAKING_SECONDS = 10.0
"""How long a lock file may stay without content: its program is still writing it."""

CLOCK_SECONDS = 60.0
"""By how much the clocks of a lock and of a process may differ."""


class LockedError(McwssError):
    """Another program holds the lock now."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Parameters
    ----------
    process : int
        Number of the process.
    host : str
        Name of its computer.
    time : str
        Since when, in ISO 8601 with the offset from UTC.
    """

    process: int
    host: str
    time: str

    def __str__(self) -> str:
        """Name the process, the computer and the time, as a message needs it."""
        since = datetime.fromisoformat(self.time).astimezone()
        return f"process {self.process} on {self.host}, since {since:%Y-%m-%d %H:%M}"

    @property
    def gone(self) -> bool:
        """Whether the process is known to have ended; of another computer that is not known."""
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.process)
            started, status = process.create_time(), process.status()
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False
        # Numbers of processes are used again, after a restart above all.
        locked = datetime.fromisoformat(self.time).timestamp()
        return bool(status == psutil.STATUS_ZOMBIE or started > locked + CLOCK_SECONDS)


class Lock:
    """The right to change something on the disk, as a file that only one program can make.

    It can be taken several times by the same object, in any of its threads; the last release gives
    it back. What a killed program has left behind is recognised and taken over.
    What it protects, a class of its own says in `refusal`.

    Parameters
    ----------
    path : Path
        The file; it exists while somebody holds the lock.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "notes.lock"
    >>> with Lock(path):
    ...     path.exists()
    True
    >>> path.exists()
    False
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._times = 0
        self._counting = RLock()
        self._content = b""

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._times > 0

    @property
    def other(self) -> Holder | None:
        """Who else holds the lock, if anybody does; a program that has ended does not count."""
        found = None if self.held else self._read()
        holder = None if found is None else _holder(found)
        return None if holder is None or holder.gone else holder

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        LockedError
            If another holds it; the message names it.
        McwssError
            If the file cannot be made.
        """
        with self._counting:
            if not self.held:
                while not self._make():
                    self._make_way()
            self._times += 1

    def release(self) -> None:
        """Give the lock back, as often as it was taken.

        Raises
        ------
        McwssError
            If the file cannot be removed.
        """
        with self._counting:
            self._times -= 1
            if self.held or self._read() != self._content:
                return
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                raise McwssError(
                    f"cannot remove '{self.path}': {error.strerror or error}: nothing is lost; "
                    "remove it by hand if no program runs that made it"
                ) from error

    def refusal(self, holder: Holder | None) -> LockedError:
        """Make the error for a lock that another has; None is one who has only just begun."""
        who = "another program" if holder is None else f"{holder}{self.advice(holder)}"
        return LockedError(f"'{self.path}' is held by {who}")

    def advice(self, holder: Holder) -> str:
        """Say what to do about a holder of whom nobody here can know whether it still runs."""
        if holder.host == socket.gethostname():
            return ""
        return f"; if that program no longer runs, remove '{self.path}'"

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _make(self) -> bool:
        """Make the file; say whether there was none."""
        holder = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "time": datetime.now().astimezone().isoformat(),
            # Two locks of one program, taken in one tick of the clock, differ by this.
            "key": secrets.token_hex(8),
        }
        content = json.dumps(holder).encode()
        made = False
        try:
            with self.path.open("xb") as file:
                made = True
                file.write(content)
        except FileExistsError:
            return False
        except OSError as error:
            if made:
                self.path.unlink(missing_ok=True)
            raise cannot_write(self.path, error) from error
        self._content = content
        return True

    def _make_way(self) -> None:
        """Remove the file if whoever made it is gone, or say who holds it."""
        if not self._left_behind():
            return
        # Of several programs that find it, a slow one must not remove the new lock
        # of a quick one: they take turns, and each looks again.
        turn = self.path.with_name(f"{self.path.name}-removal")
        try:
            with turn.open("xb"):
                pass
        except FileExistsError:
            if _age(turn) > MAKING_SECONDS:
                turn.unlink(missing_ok=True)
            time.sleep(0.001)
            return
        except OSError as error:
            raise cannot_write(turn, error) from error
        try:
            if self._left_behind():
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        finally:
            turn.unlink(missing_ok=True)

    def _left_behind(self) -> bool:
        """Whether there is a file, by a program that has ended; an error if it has not."""
        found = self._read()
        if found is None:
            return False
        holder = _holder(found)
        if holder is None:
            if _age(self.path) > MAKING_SECONDS:
                return True
            raise self.refusal(None)
        if holder.gone:
            return True
        raise self.refusal(holder)

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise McwssError(f"cannot read '{self.path}': {error.strerror or error}") from error


def _age(path: Path) -> float:
    """Give the seconds since a file was written; none if it is not there any more."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _holder(content: bytes) -> Holder | None:
    """Read a lock file; None if it is not complete."""
    try:
        fields = json.loads(content)
        holder = Holder(int(fields["process"]), str(fields["host"]), str(fields["time"]))
        datetime.fromisoformat(holder.time)
    except (ValueError, TypeError, KeyError):
        return None
    return holder if 0 < holder.process < 2**31 else None
