"""Map of all states of a network by one step, in float64 on the host, with its Jacobian.

s, the states of every recurrent layer   x, one encoded input   ->   F(s; x)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from models.architecture import INPUT, Architecture, Node
from models.declaration.operations import Activation, Dense, Embed, Merge, Norm, Recurrent
from models.rnn.layout import layout_of
from probes.rnn.float64_activations import activated
from probes.rnn.float64_cell import Float64Cell, Inputs, States, cell_of
from probes.rnn.layers import RecurrentLayer, recurrent_layers

Rows = Float[np.ndarray, "rows state"]

LARGEST_ENTRY = 1e100
"""Largest entry of a state in an analysis of the dynamics: its square is finite in float64.

Networks that diverge exceed it, such as plain RNNs with ReLU.
"""


def is_bounded(states: Float[np.ndarray, "*rows state"]) -> Bool[np.ndarray, "*rows"]:
    """Return which states have entries of at most `LARGEST_ENTRY`."""
    return np.asarray((np.abs(states) <= LARGEST_ENTRY).all(axis=-1))


class Dual(NamedTuple):
    """Values of a layer of a state map, and their derivatives by every entry of the states.

    Attributes:
        slope: Derivatives; None where nothing depends on the states.
    """

    value: Float[np.ndarray, "rows size"]
    slope: Float[np.ndarray, "rows size state"] | None

    def through(self, matrix: Float[np.ndarray, "size outputs"], value: np.ndarray) -> "Dual":
        """Return the values of a layer whose derivative by its input is a matrix."""
        slope = None if self.slope is None else np.einsum("rsk,so->rok", self.slope, matrix)
        return Dual(value, slope)

    def scaled(self, factor: np.ndarray, value: np.ndarray) -> "Dual":
        """Return the values of a layer whose derivative is one factor for each value."""
        return Dual(value, None if self.slope is None else factor[..., None] * self.slope)


@dataclass(frozen=True, eq=False)
class StateMap:
    """Map of the states of a network by one step, in float64.

    A state s has the entries of each recurrent layer, the first one first: of an LSTM its hidden
    states before its cell states, of others the hidden states.

    Attributes:
        architecture: Network of sequences.
        weights: Parameters by name.
    """

    architecture: Architecture
    weights: Mapping[str, np.ndarray]

    @cached_property
    def layers(self) -> tuple[RecurrentLayer, ...]:
        """Recurrent layers of a state map."""
        return recurrent_layers(self.architecture)

    @cached_property
    def cells(self) -> Mapping[str, Float64Cell]:
        """Float64 cells of a state map by layer."""
        return {layer.name: cell_of(layer, self.weights) for layer in self.layers}

    @cached_property
    def places(self) -> Mapping[str, slice]:
        """Entries of a state map's states that belong to each recurrent layer."""
        found, start = {}, 0
        for name, cell in self.cells.items():
            found[name] = slice(start, start + cell.entries)
            start += cell.entries
        return found

    @cached_property
    def _embedded(self) -> Mapping[str, slice]:
        """Places of embedding layers in the vector that encodes a state map's input."""
        nodes = layout_of(self.architecture).embeddings
        ends = (0, *accumulate(node.shape[0] for node in nodes))
        return {node.name: slice(*each) for node, each in zip(nodes, pairwise(ends), strict=True)}

    @property
    def entries(self) -> int:
        """Number of entries of a state map's states."""
        return sum(cell.entries for cell in self.cells.values())

    @cached_property
    def entry_names(self) -> list[str]:
        """Names of the entries of a state map's states: h0 to hN, then c0 to cN of an LSTM."""
        named = []
        for layer in self.layers:
            start = f"{layer.name}." if layer.prefix else ""
            letters = ("h", "c") if layer.cell == "lstm" else ("h",)
            named += [f"{start}{letter}{unit}" for letter in letters for unit in range(layer.units)]
        return named

    @cached_property
    def memory(self) -> np.ndarray:
        """Indices of the entries of a state map that hold memory: cell states, or hidden ones."""
        found = []
        for layer in self.layers:
            end = self.places[layer.name].stop
            found.append(np.arange(end - layer.units, end))
        return np.concatenate(found)

    def step(self, states: States, inputs: Inputs) -> States:
        """Return the next states F(s; x) of a state map.

        Args:
            states: States.
            inputs: Encoded input of each row, or one for all.
        """
        flat = states.reshape(-1, states.shape[-1])
        read = np.broadcast_to(inputs, (*states.shape[:-1], inputs.shape[-1]))
        found, _ = self._run(flat, read.reshape(-1, inputs.shape[-1]), with_slopes=False)
        return found.reshape(states.shape)

    def jacobian(self, states: Rows, inputs: Inputs) -> Float[np.ndarray, "rows state state"]:
        """Return the Jacobian ∂F/∂s of a state map, a row for each entry of F(s; x)."""
        read = np.broadcast_to(inputs, (len(states), inputs.shape[-1]))
        _, slopes = self._run(states, read, with_slopes=True)
        return slopes

    def run(
        self, sequences: Shaped[np.ndarray, "sequences time features"]
    ) -> Float[np.ndarray, "sequences times state"]:
        """Return a state map's states along encoded sequences, from zero on."""
        states = [np.zeros((len(sequences), self.entries))]
        for inputs in np.moveaxis(sequences.astype(np.float64), 1, 0):
            states.append(self.step(states[-1], inputs))
        return np.stack(states, axis=1)

    def _run(
        self, states: Rows, inputs: Float[np.ndarray, "rows features"], *, with_slopes: bool
    ) -> tuple[Rows, np.ndarray]:
        """Run one step up to the last recurrent layer, with derivatives by the states."""
        outputs = {INPUT: Dual(inputs, None)}
        after, slopes = np.empty_like(states), np.zeros((0, 0, 0))
        if with_slopes:
            slopes = np.zeros((*states.shape, states.shape[1]))
        last = self.architecture.nodes.index(self.layers[-1].node)
        for node in self.architecture.nodes[: last + 1]:
            read = [outputs[name] for name in node.inputs]
            if not isinstance(node.operation, Recurrent):
                outputs[node.name] = self._output(node, read)
                continue
            cell, place = self.cells[node.name], self.places[node.name]
            after[:, place] = cell.step(states[:, place], read[0].value)
            hidden = slice(place.start, place.start + cell.units)
            slope = None
            if with_slopes:
                by_state, by_input = cell.jacobians(states[:, place], read[0].value)
                slopes[:, place, place] = by_state
                if read[0].slope is not None:
                    slopes[:, place] += by_input @ read[0].slope
                slope = slopes[:, hidden]
            outputs[node.name] = Dual(after[:, hidden], slope)
        return after, slopes

    def _output(self, node: Node, read: Sequence[Dual]) -> Dual:
        """Compute a layer of a state map that is not recurrent, with its derivatives."""
        first = read[0]
        match node.operation:
            case Dense():
                kernel = self._wide(node, "kernel")
                return first.through(kernel, first.value @ kernel + self._wide(node, "bias"))
            case Activation():
                value, slope = activated(node.operation, first.value)
                return first.scaled(slope, value)
            case Norm():
                return self._normalised(node, node.operation, first)
            case Embed():
                # The input is encoded already: the vectors of all embedding layers.
                return Dual(first.value[:, self._embedded[node.name]], None)
            case Merge(kind):
                return _merged(kind, read)
            case _:
                # Dropout drops nothing.
                return first

    def _normalised(self, node: Node, norm: Norm, read: Dual) -> Dual:
        """Compute a normalisation of a state map, with its derivatives."""
        scale, bias = self._wide(node, "scale"), self._wide(node, "bias")
        if norm.kind == "batch":
            mean, variance = self._wide(node, "mean"), self._wide(node, "var")
            gain = scale / np.sqrt(variance + norm.epsilon)
            wide = np.broadcast_to(gain, read.value.shape)
            return read.scaled(wide, (read.value - mean) * gain + bias)
        centred = read.value - read.value.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + norm.epsilon)
        unit = centred / spread
        if read.slope is None:
            return Dual(unit * scale + bias, None)
        moved = read.slope - read.slope.mean(axis=1, keepdims=True)
        along = (unit[..., None] * moved).mean(axis=1, keepdims=True)
        slope = scale[:, None] * (moved - unit[..., None] * along) / spread[..., None]
        return Dual(unit * scale + bias, slope)

    def _wide(self, node: Node, name: str) -> np.ndarray:
        """Return a parameter of a state map's layer in float64; zero for one that it lacks."""
        found = self.weights.get(f"{node.name}.{name}")
        return np.zeros(()) if found is None else found.astype(np.float64)


def _merged(kind: str, read: Sequence[Dual]) -> Dual:
    """Return several layers of a state map, added or one after another."""

    def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
        return sum(parts[1:], parts[0]) if kind == "add" else np.concatenate(parts, axis=1)

    values = [one.value for one in read]
    states = max(0 if one.slope is None else one.slope.shape[2] for one in read)
    if not states:
        return Dual(joined(values), None)
    slopes = [
        np.zeros((*one.value.shape, states)) if one.slope is None else one.slope for one in read
    ]
    return Dual(joined(values), joined(slopes))
