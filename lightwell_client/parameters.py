"""Query parameters of the Python client's methods, and their form in a URL."""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from lightwell_client.inputs import State


class MapParameters(TypedDict, total=False):
    """Python client: query parameters of the CNN's probes; docs/probes.md has their defaults."""

    layers: str | Iterable[str]
    channels: int | Iterable[int]
    preprocess: str
    range: str
    cmap: str
    model: str


class StepParameters(TypedDict, total=False):
    """Python client: query parameters of the LSTM's probes, and the initial state.

    `initial_steps` is the number of steps before that state, which count for the warning about long
    sequences.
    """

    steps: int | Iterable[int]
    units: int | Iterable[int]
    values: str | Iterable[str]
    cmap: str
    initial_state: State
    initial_steps: int
    model: str


def written(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return query string values of a client's request: lists comma-separated, None left out."""
    return {
        name: value if isinstance(value, str) else ",".join(map(str, _as_iterable(value)))
        for name, value in parameters.items()
        if value is not None
    }


def _as_iterable(value: Any) -> Iterable[Any]:
    return value if isinstance(value, Iterable) else (value,)
