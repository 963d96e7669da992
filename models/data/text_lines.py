"""Lines of a text file of a data set."""

from pathlib import Path

from models.data.datasets import DatasetError
from models.printable import printable, printable_reason


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file of a data set.

    Raises:
        DatasetError: It is missing, or is not UTF-8.
    """
    try:
        # Editors on Windows may write a byte order mark, which is no symbol of line 1.
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{printable(path.name)} cannot be read as UTF-8 text: {printable_reason(error)}"
        raise DatasetError(msg) from error
