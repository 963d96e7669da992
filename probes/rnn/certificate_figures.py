"""Figures of a counting LSTM's certificate: bounds of every unit, and the length they prove."""

from collections.abc import Iterator, Mapping

import numpy as np

from models.rnn.certificate import Certificate, UnitBounds
from probes.figures import colours
from probes.figures.figures import Bars, Coordinates, Figure, Heatmap, Measure, Panels, Tensor

GATES = ("input gate", "forget gate", "candidate", "output gate")
"""Gates in the order of a certificate's bounds."""

UNIT_VALUES: Mapping[str, str] = {
    "step": "Change per bit",
    "deviation": "Largest distance from it",
    "leak": "Largest share forgotten per step",
    "readout": "Weight in “yes” minus “no”",
    "share": "Largest contribution to it",
}
"""Values of each unit that a certificate follows from, with the titles of their bars."""


def certificate_figures(certificate: Certificate) -> tuple[Figure, ...]:
    """Figures of a certificate: bounds of gates and changes, and values of each unit."""
    bounds = certificate.bounds
    title = "Bounds of each unit over all hidden states from -1 to 1"
    measures = tuple(_measures(certificate))
    return Heatmap(title, _bounds(bounds), "unit", measures), _units(certificate)


def _measures(certificate: Certificate) -> Iterator[Measure]:
    """Yield measures of a certificate: its length, counting units, and logits at that length."""
    yield Measure("certified_length", certificate.length, "bits")
    if certificate.length:
        # "unit 0": the index alone, in a caption, would be taken for a number of units.
        counters = ", ".join(f"unit {unit}" for unit in certificate.counters)
        yield Measure("certified_counters", counters)
        yield Measure("certified_logits.tie", certificate.logits[0], "at most")
        yield Measure("certified_logits.one_more", certificate.logits[1], "at least")


def _bounds(bounds: UnitBounds) -> Tensor:
    """Tensor of a certificate's bounds of gates and changes: a row for each gate, bit and end."""
    # ends gates inputs units -> gates inputs ends units
    gates = bounds.gates.transpose(1, 2, 0, 3).reshape(-1, bounds.gates.shape[-1])
    change = bounds.change.transpose(1, 0, 2).reshape(-1, bounds.change.shape[-1])
    names = [
        f"{gate}, bit {bit}, {end}"
        for gate in (*GATES, "change")
        for bit in (0, 1)
        for end in ("least", "most")
    ]
    values = np.concatenate([gates, change]).astype(np.float32)
    at: Coordinates = {"bound": names}
    colour = colours.tanh_interval()
    return Tensor("certificate.bounds", "statistic", ("bound", "unit"), values, at, colour)


def certified_error(certificate: Certificate) -> tuple[Measure, ...]:
    """Measure of a certificate: largest error of a counter; none without a counter."""
    if not certificate.length:
        return ()
    return (Measure("certified_error", max(certificate.error), "counts"),)


def _units(certificate: Certificate) -> Panels:
    """Bars of the values of each unit that a certificate follows from, one panel for each."""
    bars = [
        Bars(title, Tensor(f"certificate.{name}", "statistic", ("unit",), values))
        for name, title in UNIT_VALUES.items()
        for values in (_float32(certificate.bounds, name),)
    ]
    return Panels("Values of each unit that the certified length follows from", tuple(bars))


def _float32(bounds: UnitBounds, name: str) -> np.ndarray:
    values: np.ndarray = getattr(bounds, name)
    return values.astype(np.float32)
