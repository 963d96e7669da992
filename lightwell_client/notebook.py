"""Notebook display in the Python client: answers as HTML, without scripts and resources."""

import base64
import html
from collections.abc import Iterable, Sequence

import numpy as np

HEAD = ("tensor", "kind", "axes", "shape", "min", "mean", "max")

Row = tuple[str, str, Sequence[str], np.ndarray]
"""Row of the notebook table of tensors: name, kind, axes and values of one."""


def table(rows: Iterable[Row]) -> str:
    """Make the notebook table of tensors in HTML: name, kind, axes, shape, range and mean."""
    lines = [_line("th", HEAD)]
    for name, kind, axes, values in rows:
        shape = " × ".join(map(str, values.shape))
        lines.append(_line("td", (name, kind, ", ".join(axes), shape, *_range(values))))
    return f"<table>{''.join(lines)}</table>"


def answer(said: Iterable[str], picture: bytes | None, tensors: str) -> str:
    """Make the notebook display of an answer in HTML: text, picture, and tensors in <details>."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in said)
    drawn = ""
    if picture is not None:
        # Inside the page: a saved notebook shows the picture without the server.
        data = base64.b64encode(picture).decode()
        source = f'src="data:image/png;base64,{data}"'
        drawn = f'<img alt="The answer as a picture." style="max-width: 100%" {source}>'
    return f"{lines}{drawn}<details><summary>Tensors</summary>{tensors}</details>"


def _range(values: np.ndarray) -> tuple[str, str, str]:
    """Return minimum, mean and maximum of a tensor's finite values for the notebook table."""
    # Time constants may be infinite, and the CKA of a constant layer NaN.
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ("", "", "")
    return (f"{finite.min():.4g}", f"{finite.mean():.4g}", f"{finite.max():.4g}")


def _line(cell: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{html.escape(text)}</{cell}>' for text in texts)}</tr>"
