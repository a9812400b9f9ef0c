"""The folder by which a training in a process of its own is followed and steered."""

import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path

import psutil

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import cannot_write, refuse_link_out
from napari_mcwss.base.reading import refuse_devices
from napari_mcwss.study.study import Study
from napari_mcwss.training.process.event_json import Began, from_line
from napari_mcwss.training.process.reporting import commands_file

WORK = {".run": "training", ".segmenting": "segmentation"}
"""What a process does, by the ending of its folder."""

STARTING_SECONDS = 60.0
"""Seconds that a process may take to write its first line."""


class RunFolder:
    """A hidden folder ``models/.<model>.run`` beside a model in training.

    It has the events, as lines of `napari_mcwss.training.process.event_json`, the commands, and the
    output, which are warnings and tracebacks. It exists from the start of the process until a user
    has seen how it ended, so that a program that is opened in between can follow the training.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder.stem.removeprefix(".")
        self.what = WORK.get(folder.suffix, "training")
        self.events = folder / "events.jsonl"
        self.output = folder / "output.txt"
        self._elsewhere = folder / "elsewhere"

    @classmethod
    def of(cls, study: Study, model: str) -> "RunFolder":
        """Return the folder of a model, which need not exist; refuse an impossible name."""
        return cls(study.model_folder(model).with_name(f".{model}.run"))

    @classmethod
    def of_segmentation(cls, study: Study, model: str) -> "RunFolder":
        """Return the folder of a process that segments with a model; trainings do not list it."""
        return cls(study.model_folder(model).with_name(f".{model}.segmenting"))

    @classmethod
    def all(cls, study: Study) -> "list[RunFolder]":
        """Return the folders of a study, those of running processes last."""
        found = sorted((study.folder / "models").glob(".*.run"))
        return sorted(map(cls, found), key=lambda run: run.live)

    @property
    def began(self) -> Began | None:
        """The first event, which names the process; None if there is none yet."""
        try:
            refuse_devices(self.events)
            with self.events.open(encoding="utf-8") as file:
                first = from_line(file.readline())
        except (OSError, UnicodeError, McwssError):
            return None
        return first if isinstance(first, Began) else None

    @property
    def elsewhere(self) -> bool:
        """Whether the user's own command runs the process: on another computer, or in a queue."""
        return self._elsewhere.exists()

    @property
    def ours(self) -> bool:
        """Whether it is for programs of this computer to follow it."""
        return self.here or self.elsewhere

    def mark_elsewhere(self) -> None:
        """Note that nobody can tell from here whether the process waits, runs or has died."""
        try:
            self._elsewhere.touch()
        except OSError as error:
            raise cannot_write(self._elsewhere, error) from error

    @property
    def live(self) -> bool:
        """Whether the process runs, as far as can be known from here, or has just been started."""
        if (began := self.began) is not None:
            return not began.holder.gone
        if self.elsewhere:
            return True  # it may wait in a queue for days
        try:
            # The clock of a drive, or of this computer, may be wrong by years.
            return abs(time.time() - self.folder.stat().st_mtime) < STARTING_SECONDS
        except OSError:
            return False

    @property
    def here(self) -> bool:
        """Whether the process is on this computer, which knows whether it runs."""
        return (began := self.began) is None or began.host == socket.gethostname()

    def make(self) -> None:
        """Create the folder for a new process, in place of that of an ended one."""
        if self.live:
            raise McwssError(
                f"the {self.what} of {self.model} is still running in a separate process"
                f"{f' ({self.began.holder})' if self.began else ''}: wait or cancel it"
                f"{'' if self.here else f'; if it no longer runs, remove {str(self.folder)!r}'}"
            )
        self._refuse_links_out()
        self.remove()
        try:
            # Not the study's own folder: it may be gone.
            self.folder.parent.mkdir(exist_ok=True)
            self.folder.mkdir()
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def tell(self, command: str) -> None:
        """Write a command for the process; without a folder, the training is over."""
        self._refuse_links_out()
        path = commands_file(self.events)
        refuse_link_out(path, self.folder)
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{command}\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise cannot_write(path, error) from error

    def kill(self) -> None:
        """Kill the process and those that it has started; what it has written stays.

        One that runs `elsewhere` is followed no more, and the user has to end it there.

        Raises
        ------
        McwssError
            If it has written no event yet, or runs on another computer.
        """
        began = self.began
        if self.elsewhere and (began is None or not self.here):
            self.remove()
            return
        if began is None or not self.here:
            reason = "it has just started: wait" if began is None else f"it runs on {began.host}"
            raise McwssError(f"cannot end the {self.what} of {self.model}: {reason}")
        if began.holder.gone:
            return
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(began.process)
            for each in (process, *process.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    each.kill()

    def output_text(self) -> str:
        """Return what the process wrote beside its events."""
        try:
            return self.output.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def _refuse_links_out(self) -> None:
        models = self.folder.parent
        for path in (models, self.folder):
            refuse_link_out(path, models.parent)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
