"""Targets of the comparison with PyTorch: CPU time a request, the measured bound, speeds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from scripts.bench.baselines import Baseline

LIGHTWELL = "lightwell"
PYTORCH: Mapping[str, str] = {"careful": "PyTorch", "careful-batched": "PyTorch, batched"}
"""PyTorch servers that each target is judged beside: system → name in the table."""

ECHO, BOUND = "echo", "bound"
HOLDS, MISSED, DROPPED = "holds", "MISSED", "dropped (over the bound)"


@dataclass(frozen=True)
class Target:
    """Target of Lightwell's CPU time a request, as a ratio to that of PyTorch servers.

    Attributes:
        clients: Connections, each with one request in flight.
    """

    workload: str
    clients: int
    most: float

    @property
    def title(self) -> str:
        """Workload and clients of a target."""
        return f"{self.workload}, {self.clients} client{'s' if self.clients > 1 else ''}"


TARGETS = (
    Target("predict", 1, 1.0),
    Target("predict", 32, 0.5),
    Target("activations-json", 1, 1.05),
    Target("activations-json", 32, 1.0),
    Target("activations-safetensors", 1, 1.0),
    Target("activations-safetensors", 32, 0.5),
    Target("gates-100", 1, 1 / 3),
    Target("gates-100", 32, 1 / 3),
)

SPEEDS: Mapping[str, float] = {"integrated_gradients": 1.5, "occlusion": 4.5}
"""Attribution method → target of its speed, as a ratio to Captum's as documented."""


@dataclass
class Comparison:
    """Comparison of one target, a value a round.

    Attributes:
        costs: CPU seconds a request by system, and those of the bound.
        baselines: CPU seconds of the bound's parts.
    """

    target: Target
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    baselines: list[Baseline] = field(default_factory=list)

    def add(self, costs: Mapping[str, float], baseline: Baseline) -> None:
        """Add a round to a comparison: CPU seconds by system, and the parts of the bound."""
        for name, cost in {**costs, BOUND: baseline.seconds}.items():
            self.costs[name].append(cost)
        self.baselines.append(baseline)

    def ratio(self, one: str, other: str) -> float:
        """Return the median over the rounds of CPU time by that of another system."""
        pairs = zip(self.costs[one], self.costs[other], strict=True)
        return median(cost / beside for cost, beside in pairs)

    def verdict(self, other: str) -> str:
        """Return whether a target holds beside a PyTorch server, is missed, or is dropped.

        One that does not hold is dropped where the bound is above it, as no server of this design
        could hold it.
        """
        if self.ratio(LIGHTWELL, other) <= self.target.most:
            return HOLDS
        return DROPPED if self.ratio(BOUND, other) > self.target.most else MISSED

    def rows(self) -> list[list[str]]:
        """Return the table rows of a comparison, one for each PyTorch server."""
        return [
            [
                self.target.title,
                title,
                *(_microseconds(self.costs[one]) for one in (LIGHTWELL, other, BOUND)),
                f"{self.ratio(LIGHTWELL, other):.2f}",
                f"{self.ratio(BOUND, other):.2f}",
                f"≤ {self.target.most:.2f}",
                f"{self.ratio(LIGHTWELL, BOUND):.2f}",
                self.verdict(other),
            ]
            for other, title in PYTORCH.items()
        ]

    def bound_row(self) -> list[str]:
        """Return the table row of the bound's parts, their sum and the program's rows."""
        parts = (
            [getattr(one, name) for one in self.baselines]
            for name in ("echo_s", "decode_s", "program_s", "encode_s", "seconds")
        )
        rows = "/".join(map(str, sorted({one.bucket for one in self.baselines})))
        return [self.target.title, *map(_microseconds, parts), rows]


HEAD = (
    *("workload", "beside", "Lightwell µs", "PyTorch µs", "bound µs"),
    *("÷ PyTorch", "bound ÷ PyTorch", "target", "÷ bound", ""),
)
BOUND_HEAD = ("bound, µs", "echo", "decode", "program", "encode", "sum", "rows of the program")
SPEED_HEAD = ("speed of", "Captum's time ÷ Lightwell's", "target", "")


def speed_row(name: str, ratios: Sequence[float]) -> list[str]:
    """Return the table row of an attribution method's speed by that of Captum's."""
    found, least = median(ratios), SPEEDS[name]
    return [name, f"{found:.2f}", f"≥ {least:.2f}", HOLDS if found >= least else MISSED]


def _microseconds(seconds: Sequence[float]) -> str:
    """Return the median of CPU times as text in microseconds."""
    return f"{1e6 * median(seconds):,.0f}"
