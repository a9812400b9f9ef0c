"""Locks that one program at a time holds, and that are free again when it is killed."""

import os
import secrets
import socket
import time
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Annotated, Self

import psutil
from filelock import FileLock, Timeout
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, refuse_link_out
from napari_mcwss.base.reading import file_bytes

GUARD_SECONDS = 0.2
"""How long to wait for a guard: another program may hold it just to look."""

WRITING_SECONDS = 10.0
"""How long a lock file may be incomplete while its program is still writing it."""

CLOCK_SECONDS = 60.0
"""By how much the clocks of a lock and of a process may differ."""

START_SECONDS = 2.0
"""By how much two readings of the start of one process may differ."""


ATTEMPTS = 10
"""How often to try to make the file where it seems to be free."""


class LockedError(McwssError):
    """Another program holds the lock."""


ProcessNumber = Annotated[int, Field(gt=0, lt=2**31)]
"""The number of a process, as pydantic checks it."""


@dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False))
class Holder:
    """The holder of a lock.

    `started` is when the process started, in seconds since 1970; `system` tells apart systems in
    which process numbers have a meaning, empty if that is not known; `key` is random, to tell locks
    of one program apart.
    """

    process: ProcessNumber
    host: str
    time: datetime
    started: float | None = None
    key: str = ""
    system: str = ""

    def __str__(self) -> str:
        try:
            since = f"{self.time.astimezone():%Y-%m-%d %H:%M}"
        except (OverflowError, OSError, ValueError):  # a year that the system does not know
            since = self.time.isoformat()
        return f"process {self.process} on {self.host}, since {since}"

    @property
    def here(self) -> bool:
        """Whether it ran on a computer of this name."""
        return self.host == socket.gethostname()

    @property
    def in_other_system(self) -> bool:
        """Whether its process number means nothing here, though the computer's name is the same.

        It ran in another container, or before the computer was started anew.
        """
        return self.here and self.system not in ("", system_key())

    @property
    def gone(self) -> bool:
        """Whether no process of this computer is the holder; False where that is not known."""
        if not self.here or self.in_other_system:
            return False
        try:
            process = psutil.Process(self.process)
            started, status = process.create_time(), process.status()
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False
        # Process numbers are used again, above all after a restart or in containers.
        return bool(
            status == psutil.STATUS_ZOMBIE
            or started > self.time.timestamp() + CLOCK_SECONDS
            or (self.started is not None and abs(started - self.started) > START_SECONDS)
        )


@cache
def system_key() -> str:
    """Return a text that only processes that see each other have; empty if there is none.

    It changes with each start of the computer, and each container has its own.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


_HOLDER = TypeAdapter(Holder)


class Lock:
    """The right to change something on disk: a file that one program at a time can make.

    The file names its holder, for messages. While it exists, its program also
    holds a lock of the operating system on a second file, the guard, which the
    system releases when the program ends, however it ends.

    A file of a killed program is taken over if the guard is free and its
    process does not run on this computer. The guard lets only one program at a
    time take over. It alone decides about a holder whose number means nothing
    here, one in another container or before a restart of the computer; on network
    drives without such locks, the message says to remove the file by hand. There,
    of two programs that find a file left behind at the same moment both may get the
    lock. A file of another computer is never taken over.

    Taking the lock again checks that its file is still this object's, and takes it anew where it
    is not: drives are disconnected, and people remove files. Call `verify` before each write.

    One object can be taken several times, in any thread; the last release gives
    the lock back. Subclasses say in `refusal` what it protects.

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
        self._guard = FileLock(path.with_name(f"{path.name}.guard"), thread_local=False)
        self._times = 0
        self._counting = RLock()
        self._key = ""

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._times > 0

    @property
    def key(self) -> str:
        """The key of the file that this object has made last; empty if it has made none."""
        return self._key

    @property
    def other(self) -> Holder | None:
        """The other holder, if there is one that may still run."""
        with self._counting:
            holder = None if self.held else self._holder()
            if holder is None or not (holder.gone or holder.in_other_system):
                return holder
            if self._take_guard():
                left_behind = self._left_behind(holder)
                self._drop_guard()
                return None if left_behind else holder
            return holder

    def acquire(self) -> None:
        """Take the lock, or raise a `LockedError` that names who holds it."""
        with self._counting:
            if not (self.held and self._is_own()):
                self._drop_guard()
                if not self._take_guard():
                    raise self.refusal(self._holder())
                try:
                    self._take()
                except BaseException:
                    self._drop_guard()
                    raise
            self._times += 1

    def verify(self) -> None:
        """Raise a `LockedError` if this object does not hold the lock, or no longer does."""
        with self._counting:
            if not (self.held and self._is_own()):
                raise self.refusal(self._holder())

    def release(self) -> None:
        """Release the lock once; the last release of as many removes the file."""
        with self._counting:
            self._times -= 1
            if self.held:
                return
            try:
                if self._is_own():
                    self.path.unlink(missing_ok=True)
            except OSError as error:
                raise McwssError(
                    f"cannot remove '{self.path}': {error.strerror or error}: nothing is lost; "
                    "remove it by hand if no program runs that made it"
                ) from error
            finally:
                self._drop_guard()

    def refusal(self, holder: Holder | None) -> LockedError:
        """Return the error for a lock that is held; without `holder`, its file is being written."""
        who = "another program" if holder is None else f"{holder}{self.advice(holder)}"
        return LockedError(f"'{self.path}' is held by {who}")

    def advice(self, holder: Holder) -> str:
        """Return what to do about a holder of which is not known whether it has ended."""
        if holder.here and not holder.in_other_system:
            return ""
        return f"; if that program no longer runs, remove '{self.path}'"

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _take_guard(self) -> bool:
        """Take the guard, unless another holds it; without locks in the file system, do nothing."""
        # Older versions of filelock empty the file that a link leads to.
        guard = Path(self._guard.lock_file)
        refuse_link_out(guard, guard.parent)
        try:
            self._guard.acquire(timeout=GUARD_SECONDS, poll_interval=0.01)
        except Timeout:
            return False
        except (OSError, NotImplementedError):
            return True
        return True

    def _drop_guard(self) -> None:
        if self._guard.is_locked:
            # Removed while it is held, so that no other takes it; Windows removes it on release.
            with suppress(OSError):
                Path(self._guard.lock_file).unlink()
            self._guard.release()

    def _is_own(self) -> bool:
        holder = self._holder()
        return holder is not None and holder.key == self._key

    def _take(self) -> None:
        # Not forever: a link to nothing is no file, but takes its place.
        for _ in range(ATTEMPTS):
            if self._make():
                return
            self._remove_left_behind()
        raise self.refusal(self._holder())

    def _left_behind(self, holder: Holder) -> bool:
        """Whether a holder has ended, asked while this object has the guard."""
        if holder.in_other_system:
            return self._guard.is_locked
        return holder.gone

    def _make(self) -> bool:
        key = secrets.token_hex(8)
        started, now = psutil.Process().create_time(), datetime.now().astimezone()
        holder = Holder(os.getpid(), socket.gethostname(), now, started, key, system_key())
        made = False
        try:
            with self.path.open("xb") as file:
                made = True
                file.write(_HOLDER.dump_json(holder))
        except FileExistsError:
            return False
        except OSError as error:
            if made:
                self.path.unlink(missing_ok=True)
            raise cannot_write(self.path, error) from error
        self._key = key
        return True

    def _remove_left_behind(self) -> None:
        """Remove the file if its program has ended, or raise the error that names the holder."""
        holder = self._holder()
        try:
            # The clock of a drive, or of this computer, may be wrong by years.
            young = abs(time.time() - self.path.stat().st_mtime) < WRITING_SECONDS
            if young if holder is None else not self._left_behind(holder):
                raise self.refusal(holder)
            self.path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _holder(self) -> Holder | None:
        try:
            return _HOLDER.validate_json(file_bytes(self.path))
        except (FileNotFoundError, ValidationError):
            return None
        except OSError as error:
            raise McwssError(f"cannot read '{self.path}': {error.strerror or error}") from error
