"""Printable text: names and values of files of other origin, fit for one line of an error."""

MAX_NAME = 60
"""Characters of a name that an error shows."""

MAX_REASON = 200
"""Characters of an exception's message that an error shows."""


def printable_line(text: str) -> str:
    """Return a text with its unprintable characters replaced, as a terminal shows it."""
    # It may hold line breaks or control sequences of the terminal that shows the error.
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def printable(name: object, limit: int | None = MAX_NAME) -> str:
    """Return a name as printable text, shortened to the limit."""
    text = str(name)
    # Only what is shown: a name may have millions of characters.
    shown = printable_line(text if limit is None else text[:limit])
    return shown if limit is None or len(text) <= limit else f"{shown[: limit - 1]}…"


def printable_reason(error: BaseException) -> str:
    """Return the first line of an exception's message, or its type where it has none."""
    message = str(error).strip().partition("\n")[0]
    return printable(message or type(error).__name__, MAX_REASON)
