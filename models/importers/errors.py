"""Error of importing a network: a sentence for the person who converts it."""

from models import printable as text


class ConversionError(Exception):
    """Error of importing a file: it names the file's part, the limit and a way out."""


def listed(names: list[str], limit: int = 6) -> str:
    """List names of an imported file for a sentence, the first ones and the number of others."""
    rest = len(names) - limit
    return ", ".join(map(printable, names[:limit])) + (f" and {rest} more" if rest > 0 else "")


def printable(name: object, limit: int = 80) -> str:
    """Return a name in an imported file fit for one line: no control characters, shortened."""
    return text.printable(name, limit)
