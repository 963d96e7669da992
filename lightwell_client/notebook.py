"""HTML of answers for notebooks, without scripts and external resources."""

import base64
import html
from collections.abc import Iterable, Sequence

import numpy as np

HEAD = ("tensor", "kind", "axes", "shape", "min", "mean", "max")

Row = tuple[str, str, Sequence[str], np.ndarray]
"""Name, kind, axes and values of a tensor."""


def table(rows: Iterable[Row]) -> str:
    """HTML table of tensors: name, kind, axes, shape, range and mean."""
    lines = [_line("th", HEAD)]
    for name, kind, axes, values in rows:
        shape = " × ".join(map(str, values.shape))
        lines.append(_line("td", (name, kind, ", ".join(axes), shape, *_range(values))))
    return f"<table>{''.join(lines)}</table>"


def answer(said: Iterable[str], picture: bytes | None, tensors: str) -> str:
    """HTML of an answer: lines of text, the picture, and the tensors in a closed <details>."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in said)
    drawn = ""
    if picture is not None:
        data = base64.b64encode(picture).decode()
        source = f'src="data:image/png;base64,{data}"'
        drawn = f'<img alt="The answer as a picture." style="max-width: 100%" {source}>'
    return f"{lines}{drawn}<details><summary>Tensors</summary>{tensors}</details>"


def _range(values: np.ndarray) -> tuple[str, str, str]:
    """Least value, mean and largest value of the finite values as text."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ("", "", "")
    return (f"{finite.min():.4g}", f"{finite.mean():.4g}", f"{finite.max():.4g}")


def _line(cell: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{html.escape(text)}</{cell}>' for text in texts)}</tr>"
