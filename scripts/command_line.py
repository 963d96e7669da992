"""Command lines of scripts: parsers that show a module's description, and errors that end it."""

import argparse
import sys


def script_parser(script: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a script's command line.

    Args:
        script: Name of its module, such as `scripts.train`.
        description: Docstring of the module, whose lines stay as they are.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {script}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def fail(script: str, sentence: str, status: int = 1) -> int:
    """Print why a script ended, and return its exit status."""
    print(f"{script}: {sentence}", file=sys.stderr)
    return status
