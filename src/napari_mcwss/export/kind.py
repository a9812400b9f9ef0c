"""The interface of a kind of export."""

import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass


@dataclass(frozen=True)
class ExportOutcome:
    """The end of one scan: why it was not exported, or None for `problem`."""

    scan: str
    problem: str | None


@dataclass(frozen=True)
class ExportKind:
    """A kind of export, from which commands and forms are made.

    Attributes
    ----------
    name, title, description : str
        As the command line spells it, as a form shows it, and what it writes.
    run : callable
        ``run(study, model, names, out, **options)`` exports the results of a model on the named
        scans to `out`, and yields an `ExportOutcome` after each scan.
    example : str
        The end of an example of the command.
    """

    name: str
    title: str
    description: str
    run: Callable[..., Generator[ExportOutcome, None, None]]
    example: str
    out: str = "Folder to make."

    @property
    def options(self) -> list[inspect.Parameter]:
        """The options of `run`: its keyword-only parameters, annotated as magicgui reads them."""
        parameters = inspect.signature(self.run, eval_str=True).parameters.values()
        return [one for one in parameters if one.kind is one.KEYWORD_ONLY]
