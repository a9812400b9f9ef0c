"""The one kind of error that a user is meant to read."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


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
    message = problem["msg"].removeprefix("Value error, ")
    return ": ".join(filter(None, (".".join(map(str, problem["loc"])), message)))
