"""Input of attributions of sequences: encoded steps, absent steps, and the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int

from models.architecture import Architecture
from models.rnn.layout import Layout, layout_of
from models.runtime.programs import Outputs, Row
from probes.declaration import ModelContext
from probes.rnn.targets import LogitWeights

Encoded = Float32[np.ndarray, "steps *features"]
"""Steps of an attributed sequence as the first layer reads them: numbers, or vectors."""

BIT_BASELINES = ("zero", "one", "half")
"""Baselines of attributions to counted bits: either bit, or the mean of both."""


def baseline_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the baselines of attributions to a network's steps: `zero`, `mean` and symbols."""
    if architecture.declaration.counts_bits:
        return BIT_BASELINES
    return tuple(dict.fromkeys(("zero", "mean", *architecture.sequence.alphabet)))


def default_baseline(architecture: Architecture) -> str:
    """Return the baseline of attributions that a request does not name."""
    counts = architecture.declaration.counts_bits
    return "mean" if architecture.sequence.alphabet and not counts else "zero"


def absent_step(model: ModelContext, present: Encoded, baseline: str) -> np.ndarray:
    """Return an absent step of an attributed sequence, as the first layer reads it.

    Args:
        model: Network and weights, of which an embedding is read.
        present: Steps of the sequence.
        baseline: One of `baseline_names`.
    """
    architecture = model.architecture
    alphabet = architecture.sequence.alphabet
    if not alphabet:
        return np.asarray(present.mean(axis=0) if baseline == "mean" else np.zeros_like(present[0]))
    indices = np.arange(len(alphabet), dtype=np.uint8)
    symbols = layout_of(architecture).encode(indices, model.weights)
    if architecture.declaration.counts_bits:
        zero, one = symbols
        return np.asarray({"zero": zero, "one": one}.get(baseline, symbols.mean(axis=0)))
    if baseline == "zero":
        return np.zeros_like(symbols[0])
    if baseline == "mean":
        return np.asarray(symbols.mean(axis=0))
    return np.asarray(symbols[alphabet.index(baseline)])


@dataclass(frozen=True, eq=False)
class AttributionInput:
    """Input of the attribution methods: sequence, baseline, attributed steps and target.

    Attributes:
        architecture: Network.
        row: Program row: the sequence and its initial state.
        present: Sequence as the first layer reads it.
        absent: The same with the attributed steps absent.
        free: Positions of the attributed steps, counted from 0.
        target: Logit weights of the attribution target.
        n_steps: Quadrature nodes of integrated gradients.
    """

    architecture: Architecture
    row: Row
    present: Encoded
    absent: Encoded
    free: Int[np.ndarray, " free"]
    target: LogitWeights
    n_steps: int

    @property
    def layout(self) -> Layout:
        """Layout of the programs that attribution methods call."""
        return layout_of(self.architecture)

    @property
    def length(self) -> np.ndarray:
        """Number of steps of an attributed sequence, for the rows of programs."""
        return np.array(len(self.present), np.int32)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """State of the network before the first step of an attributed sequence."""
        return {state.name: self.row[state.name] for state in self.architecture.states}

    @property
    def players(self) -> Int[np.ndarray, " players"]:
        """Attributed steps that differ from the baseline, counted from 0."""
        apart = self.present[self.free] != self.absent[self.free]
        found: np.ndarray = self.free[apart.reshape(len(self.free), -1).any(axis=1)]
        return found

    def scores(self, found: Sequence[Outputs]) -> np.ndarray:
        """Return the attribution's target for each row, a weighted sum of its logits."""
        logits = [one["logits"] for one in found]
        # A network that answers at every step has a row of logits for each, and for padding.
        last = [one[len(self.present) - 1] if one.ndim > 1 else one for one in logits]
        scores: np.ndarray = np.stack(last).astype(float) @ self.target
        return scores
