"""Command `lightwell`: the server, training, conversion and comparison of networks."""

import runpy
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from api import VERSION
from lightwell.extras import MissingExtraError, needing


class Command(NamedTuple):
    """Command of `lightwell`.

    Attributes:
        module: Module that is run, as by `python -m`.
        extra: Extra that installs the packages of the command.
        summary: Line of the help.
    """

    module: str
    extra: str
    summary: str


COMMANDS: Mapping[str, Command] = {
    "serve": Command("api.__main__", "server", "start the server"),
    "train": Command("scripts.train", "train", "train a network"),
    "convert": Command("scripts.convert", "server", "convert a network of another library"),
    "verify": Command("scripts.verify", "server", "compare a network with its original"),
    "activations": Command("scripts.activations", "activations", "write activations of a data set"),
}
"""Commands of `lightwell` by name; one whose module an installation lacks is left out."""

MISSING, WRONG = 1, 2


def main() -> int:
    """Run the command `lightwell`; return the exit status.

    It is 1 for a package that is not installed, 2 for a command that does not exist, and else that
    of the command.
    """
    available = {name: one for name, one in COMMANDS.items() if find_spec(one.module)}
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(_help(available))
        return 0
    if name == "--version":
        print(f"lightwell {VERSION}")
        return 0
    if name not in available:
        print(f"lightwell: {name!a} is none of {', '.join(available)}", file=sys.stderr)
        return WRONG
    return _run(name, available[name], arguments)


def _run(name: str, command: Command, arguments: list[str]) -> int:
    """Run the module of a command of `lightwell`, which ends by `sys.exit`."""
    sys.argv = [f"lightwell {name}", *arguments]
    try:
        with needing(command.extra, f"lightwell {name}"):
            # As `python -m` does, so that child processes and the module's guard see the same.
            runpy.run_module(command.module, run_name="__main__", alter_sys=True)
    except MissingExtraError as error:
        print(error, file=sys.stderr)
        return MISSING
    return 0


def _help(available: Mapping[str, Command]) -> str:
    """Return the help of `lightwell`: a line for each command."""
    lines = [f"  {name:<12} {one.summary}" for name, one in available.items()]
    return "\n".join(
        (
            "usage: lightwell [--help | --version] COMMAND ...",
            "",
            *lines,
            "",
            "lightwell COMMAND --help has the options of a command.",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
