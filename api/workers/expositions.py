"""Expositions: metrics of several processes in Prometheus' text format, joined into one.

Counters and histograms are added; so are gauges of which a sum means something. Any other gauge has
the label `worker`. A process that has ended keeps its counters in the sum, or they would decrease,
which a monitor takes for a restart of the server.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.utils import floatToGoString

ADDED_GAUGES = frozenset(
    {
        "lightwell_rows_waiting",
        *(
            f"lightwell_memory_{name}_bytes"
            for name in ("budget", "resident", "capacity", "held", "unsent")
        ),
        "nv_inference_pending_request_count",
    }
)
"""Gauges that are added over processes."""

CREATED = "_created"
"""Suffix of gauges that are times of creation, of which the first counts."""


class Exposition(NamedTuple):
    """Exposition of one process.

    Attributes:
        text: Metrics in Prometheus' text format, without times.
        worker: Value of the label `worker`; None for a process that has ended, of which only the
            counters and histograms count.
    """

    text: str
    worker: str | None


@dataclass
class _Family:
    """Metric family of a joined exposition: its lines of HELP and TYPE, and its samples.

    Attributes:
        kind: Type of the family, such as `counter`.
        values: Value of each sample, as text, by name and labels.
    """

    head: list[str] = field(default_factory=list)
    kind: str = "untyped"
    values: dict[str, str] = field(default_factory=dict)


def joined(expositions: Sequence[Exposition]) -> str:
    """Join the expositions of several processes of one server."""
    families: dict[str, _Family] = {}
    for one in expositions:
        for name, family in _families(one.text).items():
            found = families.setdefault(name, _Family(family.head, family.kind))
            _add(found, name, family, one.worker)
    return "".join(f"{line}\n" for one in families.values() if one.values for line in _lines(one))


def _lines(family: _Family) -> Iterator[str]:
    yield from family.head
    yield from (f"{key} {value}" for key, value in family.values.items())


def _families(text: str) -> dict[str, _Family]:
    """Parse an exposition into its metric families by name."""
    found: dict[str, _Family] = {}
    family = _Family()
    for line in text.splitlines():
        if line.startswith("# "):
            _, word, name, rest = (*line.split(" ", 3), "")[:4]
            family = found.setdefault(name, _Family())
            family.head.append(line)
            if word == "TYPE":
                family.kind = rest
        elif line:
            key, _, value = line.rpartition(" ")
            family.values[key] = value
    return found


def _add(found: _Family, name: str, family: _Family, worker: str | None) -> None:
    """Add the samples of one process to the family of a joined exposition."""
    is_created = name.endswith(CREATED)
    is_gauge = family.kind == "gauge" and not is_created
    if is_gauge and worker is None:
        return
    for key, value in family.values.items():
        if is_gauge and name not in ADDED_GAUGES:
            found.values[_labelled(key, worker)] = value
        elif key not in found.values:
            found.values[key] = value
        elif is_created:
            found.values[key] = min(found.values[key], value, key=float)
        else:
            found.values[key] = _sum(found.values[key], value)


def _labelled(key: str, worker: str | None) -> str:
    """Return the name and labels of a gauge's sample with the label `worker`."""
    bare, separator = (key[:-1], ",") if key.endswith("}") else (key, "{")
    return f'{bare}{separator}worker="{worker}"}}'


def _sum(one: str, other: str) -> str:
    """Add two values of an exposition; integers stay without a decimal point."""
    if one.isdigit() and other.isdigit():
        return str(int(one) + int(other))
    return str(floatToGoString(float(one) + float(other)))  # type: ignore[no-untyped-call]
