"""Command lines of scripts: parsers that show a module's description, and errors that end it."""

import argparse
import sys


def script_parser(command: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a script's command line.

    Args:
        command: How it is called, such as `python -m scripts.train`. The wheel has other commands,
            which replace the whole text.
        description: Docstring of the module, whose lines stay as they are.
    """
    return argparse.ArgumentParser(
        prog=command,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def fail(script: str, sentence: str, status: int = 1) -> int:
    """Print why a script ended, and return its exit status."""
    print(f"{script}: {sentence}", file=sys.stderr)
    return status
