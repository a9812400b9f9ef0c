"""The one kind of error that a user is meant to read."""

from typing import TYPE_CHECKING, Any

from napari_mcwss.base.text import number_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError

_EXPECTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
}
"""What is expected, by pydantic's kinds of errors whose own words do not suit users."""


class McwssError(Exception):
    """Something that the user can mend.

    Its message is one line that says what was found, what was expected and
    what to do. The command line prints it and exits with code 2; the plugin
    shows it as a notification. Nothing has been written when it is raised.
    """

    def __init__(self, message: object = "") -> None:
        # Names and values of files, which can be anything, are in many messages.
        super().__init__(" ".join(str(message).splitlines()))


def first_problem(error: "ValidationError") -> str:
    """Return the first problem that pydantic found, in one line with the field's name."""
    problem = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem_text(problem))))


def problem_text(problem: "Mapping[str, Any]") -> str:
    """Return what is wrong with a value in the words of a user, of one of pydantic's errors."""
    if expected := _EXPECTED.get(problem["type"]):
        limits = {
            name: number_text(limit) if isinstance(limit, float) else limit
            for name, limit in problem.get("ctx", {}).items()
        }
        return f"expected {expected.format(**limits)}"
    return str(problem["msg"]).removeprefix("Value error, ")
