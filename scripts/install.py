"""Install pinned packages with a progress: `python -m scripts.install requirements/serve.txt`.

It runs in a new environment: with Python's standard library and pip alone.
"""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TextIO

PINNED = re.compile(r"^[\w.-]+(\[.*\])?==", re.MULTILINE)

ROUND = 10
"""Packages between two lines of the progress where the output is no terminal."""

LAST = 15
"""Lines of pip that are printed where it has failed."""


class Progress:
    """Progress of pip: packages collected of all, the present one, and the time since the start.

    Args:
        pinned: Packages in the file of requirements, those for other platforms too.
        out: Terminal, where one line is written again and again, or file, with a line now and then.
    """

    def __init__(self, pinned: int, out: TextIO) -> None:
        self._pinned, self._out = pinned, out
        self._collected, self._present, self._is_unpacking = 0, "", False
        self._began = time.monotonic()
        self._stopped = threading.Event()

    def read(self, line: str) -> None:
        """Take account of a line that pip has printed."""
        first, _, rest = line.strip().partition(" ")
        if first == "Ignoring":  # for another platform or version of Python
            self._pinned -= 1
        elif first in ("Collecting", "Processing", "Requirement"):  # the second is a file
            self._collected += 1
            name = rest.removeprefix("already satisfied: ").split()[0].rpartition("/")[2]
            self._present = re.split(r"[=\[]|-\d", name)[0]
            self._show(self._collected % ROUND == 0)
        elif first in ("Downloading", "Using") and (size := re.search(r"\(.*B\)", rest)):
            self._present += f" {size[0]}"
        elif line.startswith("Installing collected"):
            self._is_unpacking, self._present = True, ""
            self._show(is_due=True)

    def tick(self) -> None:
        """Show the time that has passed once a second, until `stop`: in a thread of its own."""
        while not self._stopped.wait(1):
            self._show(is_due=False)

    def stop(self) -> None:
        """End the line of the progress."""
        self._stopped.set()
        if self._out.isatty():
            self._out.write("\r\033[K")

    def _show(self, is_due: bool) -> None:
        """Write the progress where it is due, and on a terminal always."""
        seconds = f"{time.monotonic() - self._began:.0f} s"
        if self._is_unpacking:
            text = f"  {self._collected} packages collected, unpacking them, {seconds}"
        else:
            text = f"  {self._collected} of {self._pinned} packages, {seconds}  {self._present}"
        if self._out.isatty():
            self._out.write(f"\r\033[K{text[:79]}")
        elif is_due:
            self._out.write(f"{text.rstrip()}\n")
        self._out.flush()


def main() -> int:
    """Install the packages of a file of requirements by pip; return its exit code."""
    requirements = Path(sys.argv[1])
    began = time.monotonic()
    progress = Progress(len(PINNED.findall(requirements.read_text(encoding="utf-8"))), sys.stdout)
    pip = subprocess.Popen(  # noqa: S603 - constant arguments
        [
            *(sys.executable, "-m", "pip", "install", "--no-color", "--progress-bar", "off"),
            *("--disable-pip-version-check", "--require-hashes", "-r", str(requirements)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert pip.stdout is not None  # noqa: S101 - by the argument above
    threading.Thread(target=progress.tick, daemon=True).start()
    printed = deque[str](maxlen=LAST)
    try:
        for line in pip.stdout:
            progress.read(line)
            printed.append(line)
        status = pip.wait()
    except KeyboardInterrupt:
        pip.wait()
        status = 130
    progress.stop()
    if status == 0:
        print(f"  Packages of {requirements} installed after {time.monotonic() - began:.0f} s.")
    else:
        print("".join(printed), end="")
        print("  The installation has not finished; the same command continues it.")
    return status


if __name__ == "__main__":
    sys.exit(main())
