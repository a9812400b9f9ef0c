"""Run a command on a screen of its own: ``python run_with_display.py COMMAND...``.

napari draws nothing without a screen, and keyboard shortcuts reach a window
only where a window manager gives it the focus. On Linux the command gets a
private Xvfb with herbstluftwm, so that no window opens on the user's desktop;
elsewhere it runs as it is. Where tests run side by side, each process takes a
screen for itself with `take_screen`: the keyboard belongs to one window a screen.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PACKAGES = [
    *("xvfb", "herbstluftwm", "fonts-dejavu-core", "libegl1", "libgl1", "libxkbcommon-x11-0"),
    *("libxcb-cursor0", "libxcb-icccm4", "libxcb-image0", "libxcb-keysyms1"),
    *("libxcb-render-util0", "libxcb-shape0", "libxcb-xinerama0"),
]
INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]


def install_packages() -> None:
    """Install what is missing where that needs no question: as root on Debian."""
    if os.geteuid() or not shutil.which("apt-get"):
        return
    if subprocess.run(["dpkg", "-s", *PACKAGES], capture_output=True, check=False).returncode:
        # Closed input and no front end: nothing may wait for an answer.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], INSTALL):
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a process with the block."""
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(command: list[str], environment: dict[str, str], seconds: float = 60) -> None:
    """Wait until a command succeeds."""
    end = time.monotonic() + seconds
    while subprocess.run(command, env=environment, capture_output=True, check=False).returncode:
        if time.monotonic() > end:
            raise TimeoutError(f"{command[0]} still fails after {seconds:g} seconds")
        time.sleep(0.1)


def run_on_private_display(command: list[str]) -> int:
    """Run a command under Xvfb and herbstluftwm and return its exit code."""
    read, write = os.pipe()
    server = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with ended(subprocess.Popen(server, pass_fds=[write], stderr=subprocess.DEVNULL)):
        os.close(write)
        with os.fdopen(read) as number:
            display = number.readline().strip()
        if not display:
            raise RuntimeError("Xvfb ended before it had a screen")
        environment = {**os.environ, "DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
        # Its usual autostart script opens panels and sets a wallpaper.
        manager = ["herbstluftwm", "--autostart", shutil.which("true") or "true"]
        with ended(subprocess.Popen(manager, env=environment, stderr=subprocess.DEVNULL)):
            wait_for(["herbstclient", "version"], environment)
            return subprocess.run(command, env=environment, check=False).returncode


def take_screen() -> Callable[[], None]:
    """Open a screen for this process from here on; return what closes it.

    Another process holds the screen until the pipe between them is closed, by
    the death of this one, too. Where no screen can be had, nothing changes.
    """
    if not sys.platform.startswith("linux") or not shutil.which("Xvfb"):
        return lambda: None
    script = 'echo "$DISPLAY" && exec cat'
    holder = subprocess.Popen(
        [sys.executable, __file__, "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        holder.communicate()

    display = holder.stdout.readline().strip() if holder.stdout else ""
    if display:
        os.environ.update(DISPLAY=display, QT_QPA_PLATFORM="xcb")
    return end


def main(command: list[str]) -> int | str:
    """Run the command; return its exit code, or what has to be done first."""
    if not sys.platform.startswith("linux"):
        return subprocess.run(command, check=False).returncode
    install_packages()
    if not (shutil.which("Xvfb") and shutil.which("herbstluftwm")):
        return f"The tests open windows on a screen of their own. Install it: {' '.join(INSTALL)}"
    try:
        return run_on_private_display(command)
    except TimeoutError:
        # Two servers that start in one moment can choose the same screen.
        return run_on_private_display(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
