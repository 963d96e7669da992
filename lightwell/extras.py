"""Optional packages of an installation, by the extra that installs them."""

from collections.abc import Iterator
from contextlib import contextmanager

OWN = ("api", "lightwell", "lightwell_client", "models", "probes", "scripts")
"""Packages of Lightwell itself, which no extra installs."""


class MissingExtraError(ModuleNotFoundError):
    """A package is not installed; the message is a sentence with the extra that installs it."""


@contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Explain a missing optional package by the extra that installs it.

    Args:
        extra: Extra that installs what the purpose needs.
        purpose: Subject of the sentence, such as `lightwell serve`.

    Raises:
        MissingExtraError: An import in the context found no package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package in OWN or isinstance(error, MissingExtraError):
            raise
        msg = (
            f"{purpose} needs the package {package}, which is not installed: "
            f"pip install 'lightwell[{extra}]'"
        )
        raise MissingExtraError(msg, name=error.name) from None
