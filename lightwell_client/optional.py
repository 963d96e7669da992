"""Optional packages of the Python client, which are imported when they are first needed."""

from importlib import import_module
from typing import Any


def optional_package(name: str, missing: str) -> Any:
    """Import an optional package of the Python client: half a second of work, or a whole one.

    Args:
        name: Name of the package.
        missing: Sentence of the error where it is not installed.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(missing) from error
