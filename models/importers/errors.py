"""Error of importing a network: a sentence for the person who converts it."""

from models import printable as text


class ConversionError(Exception):
    """Error of importing a file: it names the file's part, the limit and a way out."""


def missing_package(files: str, package: str) -> ConversionError:
    """Return the error of files of a kind whose reader needs a package that is not installed."""
    return ConversionError(
        f"{files} need the package {package}, which is not installed: "
        "pip install 'lightwell[import]', or in a checkout pip install onnx h5py"
    )


def listed(names: list[str], limit: int = 6) -> str:
    """List names of an imported file for a sentence, the first ones and the number of others."""
    rest = len(names) - limit
    return ", ".join(map(printable, names[:limit])) + (f" and {rest} more" if rest > 0 else "")


def printable(name: object, limit: int = 80) -> str:
    """Return a name in an imported file fit for one line: no control characters, shortened."""
    return text.printable(name, limit)
