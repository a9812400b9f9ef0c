"""The one kind of error that a user is meant to read."""


class McwssError(Exception):
    """Something that the user can mend.

    Its message is one line that says what was found, what was expected and
    what to do. The command line prints it and exits with code 2; the plugin
    shows it as a notification. Nothing has been written when it is raised.
    """
