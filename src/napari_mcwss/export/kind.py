"""The interface of a kind of export."""

import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportOutcome:
    """The end of one scan: why it was not exported, or None for `problem`."""

    scan: str
    problem: str | None


@dataclass(frozen=True)
class PlannedFiles:
    """Files of one sort that an export is going to write.

    Attributes
    ----------
    names : str
        Their path in the folder to be made, with ``<...>`` for what differs.
    count : int
        Their number, at most.
    most_bytes : int or None
        Their size together before compression; None if it cannot be known before.
    """

    names: str
    count: int
    most_bytes: int | None = None


@dataclass(frozen=True)
class ExportKind:
    """A kind of export, from which commands and forms are made.

    Attributes
    ----------
    name, title, description : str
        As the command line spells it, as a form shows it, and what it writes.
    run : callable
        ``run(study, model, names, out, **options)`` exports the results of a model on the named
        scans to `out`, and yields an `ExportOutcome` after each scan. Later it may yield None, so
        that it can be closed.
    plan : callable
        ``plan(study, model, names, out, **options)`` lists `PlannedFiles` without writing
        anything, or raises the `McwssError` that `run` would begin with.
    example : str
        The end of an example of the command.
    out : str
        What is made.
    identity : str
        What the files tell of patients, if it is more than the names of scans.
    propose : callable, optional
        ``propose(folder)`` names what is made beside the folder of a study; by default it is
        named as in the example.
    """

    name: str
    title: str
    description: str
    run: Callable[..., Generator[ExportOutcome | None, None, None]]
    plan: Callable[..., list[PlannedFiles]]
    example: str
    out: str = "Folder to make."
    identity: str = ""
    propose: Callable[[Path], str] | None = None

    @property
    def options(self) -> list[inspect.Parameter]:
        """The options of `run`: its keyword-only parameters, annotated as magicgui reads them.

        Beside the entries that magicgui knows, ``study`` can name an attribute of the study that
        lists the values, as ``channels``.
        """
        parameters = inspect.signature(self.run, eval_str=True).parameters.values()
        return [one for one in parameters if one.kind is one.KEYWORD_ONLY]
