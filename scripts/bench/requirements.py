"""Performance requirements of Lightwell and whether one benchmark run met them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.bench.measure import Cell
from scripts.bench.startup import COLD_LIMIT_S, WARM_LIMIT_S

PEERS = ("litserve", "mlserver", "bentoml")
"""Python servers that run Lightwell's compiled program; requirements count the fastest of them."""

HEAVY = (
    *("activations-json", "activations-base64", "activations-safetensors", "activations-png"),
    *("gates-100", "gates-1000", "gates-mixed"),
)
BOUND_SHARE = 0.6
BATCHING_LIMIT_S = 150e-6
MIXED_LOAD_LIMIT = 2.0
GRADIENT_LIMIT = 4.0
CAPTUM_LEAST = 5.0
TRAINING_LEAST = 1.0
FASTER_THAN_CAPTUM = ("integrated_gradients", "occlusion")
MEMORY_LIMIT = 16 * 2**20


@dataclass(frozen=True)
class Requirement:
    """Throughput requirement: minimum ratio of Lightwell to other systems in a workload.

    Attributes:
        against: Names of the other systems, of which the fastest counts.
        other: Workload in which the other systems are measured, if it is a different one.
    """

    workload: str
    concurrency: int
    against: tuple[str, ...]
    least: float
    other: str | None = None


REQUIREMENTS = (
    Requirement("predict", 32, ("careful",), 3.5),
    Requirement("predict", 32, ("naive",), 5),
    Requirement("predict", 32, PEERS, 3),
    Requirement("predict", 32, ("triton",), 1),
    Requirement("predict", 1, ("careful",), 1.5),
    Requirement("activations-json", 1, ("naive",), 50),
    Requirement("activations-json", 32, ("naive",), 50),
    Requirement("activations-json", 1, ("careful",), 1.2),
    Requirement("activations-json", 32, ("careful",), 2),
    Requirement("activations-safetensors", 32, ("lightwell",), 3, other="activations-json"),
    Requirement("gates-100", 1, ("naive",), 20),
    Requirement("gates-100", 32, ("naive",), 20),
    Requirement("gates-100", 1, ("careful",), 3),
    Requirement("gates-100", 32, ("careful",), 3),
)


@dataclass(frozen=True)
class Verdict:
    """Verdict on one performance requirement: a row of the table of requirements.

    Attributes:
        found: None if it was not measured.
        met: None if it was not measured; a missing measurement does not meet a requirement.
    """

    what: str
    against: str
    required: str
    found: str | None
    met: bool | None


def throughputs(cells: Sequence[Cell]) -> dict[tuple[str, str, int], float]:
    """Return closed-loop requests per second for the requirements, by system, workload, clients."""
    return {
        (cell.system, cell.workload, cell.concurrency): cell.window.per_second
        for cell in cells
        if cell.concurrency is not None
    }


def verdicts(
    cells: Sequence[Cell],
    bounds: Mapping[tuple[str, int], float],
    found: Mapping[str, Any],
) -> list[Verdict]:
    """Return the verdicts on all performance requirements for one benchmark run.

    Args:
        bounds: Upper bounds of requests per second, by workload and concurrency.
        found: Results of the sections other than throughput; may lack some.
    """
    reached = throughputs(cells)
    ratios = [_ratio(one, reached) for one in REQUIREMENTS]
    shares = [
        _share(workload, concurrency, reached, bounds)
        for workload, concurrency in bounds
        if workload in HEAVY and concurrency in {1, 32}
    ]
    return [*ratios, *shares, *_other_requirements(found)]


def _ratio(one: Requirement, reached: Mapping[tuple[str, str, int], float]) -> Verdict:
    own = reached.get(("lightwell", one.workload, one.concurrency))
    others = {
        name: reached[key]
        for name in one.against
        if (key := (name, one.other or one.workload, one.concurrency)) in reached
    }
    what, required = f"{one.workload}, concurrency {one.concurrency}", f"{one.least:g}×"
    # A system without a timely response has a throughput of 0, which gives no ratio.
    if own is None or not any(others.values()):
        return Verdict(what, " / ".join(one.against), required, None, None)
    best = max(others, key=lambda name: others[name])
    against = best if one.other is None else f"{best}, {one.other}"
    ratio = own / others[best]
    return Verdict(what, against, required, f"{ratio:.2f}×", ratio >= one.least)


def _share(
    workload: str,
    concurrency: int,
    reached: Mapping[tuple[str, str, int], float],
    bounds: Mapping[tuple[str, int], float],
) -> Verdict:
    what, required = f"{workload}, concurrency {concurrency}", f"{BOUND_SHARE:g}"
    own = reached.get(("lightwell", workload, concurrency))
    if own is None:
        return Verdict(what, "bound", required, None, None)
    share = own / bounds[workload, concurrency]
    return Verdict(what, "bound", required, f"{share:.2f}", share >= BOUND_SHARE)


def _other_requirements(found: Mapping[str, Any]) -> list[Verdict]:
    """Return the verdicts on performance requirements other than throughput."""
    return [
        _predict_hlo(found.get("predict_hlo_is_bare")),
        _batching(found.get("batching_added_s")),
        *_starts(found),
        _mixed_load(found),
        _training(found.get("training")),
        *_attributions(found.get("attributions")),
        _memory(found.get("memory_requests", 100_000), found.get("memory_grown_bytes")),
        _interleavings(found.get("interleavings") or {}),
    ]


def _predict_hlo(equal: bool | None) -> Verdict:
    """Return the verdict on the HLO requirement: predict equals a bare forward pass."""
    shown = None if equal is None else "equal" if equal else "different"
    return Verdict("HLO of predict", "a forward pass without probes", "equal", shown, equal)


def _batching(added_s: float | None) -> Verdict:
    """Return the verdict on the batcher requirement: a limit on time added to a program call."""
    return Verdict(
        "time added by the batcher, concurrency 1",
        "direct call of the program",
        f"{1e6 * BATCHING_LIMIT_S:.0f} µs",
        None if added_s is None else f"{1e6 * added_s:.0f} µs",
        None if added_s is None else added_s <= BATCHING_LIMIT_S,
    )


def _memory(requests: int, grown: int | None) -> Verdict:
    """Return the verdict on the memory requirement: a limit on growth over many requests."""
    return Verdict(
        f"memory after {requests:,} requests",
        "after 1,000",
        f"+{MEMORY_LIMIT // 2**20} MiB",
        None if grown is None else f"{grown / 2**20:+.1f} MiB",
        None if grown is None else grown <= MEMORY_LIMIT,
    )


def _interleavings(found: Mapping[str, Any]) -> Verdict:
    """Return the verdict on the interleavings requirement: requests never mix up rows."""
    held = found.get("held")
    shown = None if held is None else "none" if held else "some"
    return Verdict(
        f"rows mixed up in {found.get('cases', 0):,} interleavings", "", "none", shown, held
    )


def _attributions(found: Mapping[str, Mapping[str, float]] | None) -> list[Verdict]:
    """Return the verdicts on the attribution requirements: against forward pass and Captum."""
    what = "input gradients, 16 rows"
    if found is None:
        return [Verdict(what, "the fastest forward pass", f"{GRADIENT_LIMIT:g}×", None, None)]
    own, others = found["lightwell"], found["captum"]
    cost = own["gradient"] / own["forward"]
    cheap = cost <= GRADIENT_LIMIT
    against, limit = "the fastest forward pass", f"{GRADIENT_LIMIT:g}×"
    ratios = {name: others[name] / own[name] for name in FASTER_THAN_CAPTUM}
    return [
        Verdict(what, against, limit, f"{cost:.2f}×", cheap),
        *(
            Verdict(name, "Captum on PyTorch", f"{CAPTUM_LEAST:g}×", f"{x:.2f}×", x >= CAPTUM_LEAST)
            for name, x in ratios.items()
        ),
    ]


def _training(found: Mapping[str, float] | None) -> Verdict:
    """Return the verdict on the training requirement: an epoch against plain PyTorch's."""
    what, against, required = "an epoch of training", "pytorch", f"{TRAINING_LEAST:g}×"
    if found is None:
        return Verdict(what, against, required, None, None)
    ratio = found["pytorch"] / found["lightwell"]
    return Verdict(what, against, required, f"{ratio:.2f}×", ratio >= TRAINING_LEAST)


def _mixed_load(found: Mapping[str, Any]) -> Verdict:
    """Return the verdict on the mixed load requirement: a limit on p99 against the idle one."""
    what, required = "predict's p99 during sequences of 1,000 steps", f"{MIXED_LOAD_LIMIT:g}×"
    if "mixed_load_p99_s" not in found:
        return Verdict(what, "idle", required, None, None)
    ratio = found["mixed_load_p99_s"] / found["idle_p99_s"]
    return Verdict(what, "idle", required, f"{ratio:.2f}×", ratio <= MIXED_LOAD_LIMIT)


def _starts(found: Mapping[str, Any]) -> list[Verdict]:
    """Return the verdicts on the startup requirements: limits of cold and warm startup times."""
    what = ("ready with nothing compiled", "ready with everything compiled")
    against = ("process start", "the bare imports")
    limits = (COLD_LIMIT_S, WARM_LIMIT_S)
    spent = [None, None]
    if "start_cold_s" in found:
        spent = [found["start_cold_s"], found["start_warm_s"] - found["start_bare_s"]]
    return [
        Verdict(
            name,
            other,
            f"{limit:g} s",
            None if seconds is None else f"{seconds:.2f} s",
            None if seconds is None else seconds <= limit,
        )
        for name, other, limit, seconds in zip(what, against, limits, spent, strict=True)
    ]
