"""Network of sequences, built from its architecture: every gate, state and layer at every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, Shaped

from models.architecture import INPUT, Architecture, Node
from models.declaration.operations import Embed, Norm, Recurrent
from models.layers import shared_layer, shared_module, two_logits
from models.rnn.cells import Cell, Values, cell_of, run_cell, run_edited_cell

State = Mapping[str, Float[Array, "batch units"]]
"""State of a network of sequences between two steps, by the names of `Architecture.states`."""

Edits = Mapping[str, tuple[Array, Array]]
"""Edits of a network of sequences: scale and shift of every value of each recurrent layer.

Axes are batch, time, values in the order of `CELL_VALUES`, and units.
"""


class SequenceNetwork(nnx.Module):
    """Network of sequences: recurrent layers, and any layers before, between and after them.

    Each layer that has parameters is an attribute by its name, so that parameters have the names of
    `Architecture.parameters`.

    Args:
        architecture: Architecture of a network of sequences.
        rngs: Random streams of the initial parameters.
    """

    def __init__(self, architecture: Architecture, rngs: nnx.Rngs) -> None:
        self._architecture = architecture
        for node in architecture.nodes:
            module = _module(architecture, node, rngs)
            if module is not None:
                setattr(self, node.name, module)

    def initial_state(self, batch: int) -> dict[str, Float[Array, "batch units"]]:
        """Return the state of a network of sequences before the first step: all zeros."""
        states = self._architecture.states
        return {one.name: jnp.zeros((batch, one.units), jnp.float32) for one in states}

    def encode(
        self, sequence: Shaped[Array, "batch time *features"]
    ) -> Float[Array, "batch time features"]:
        """Encode sequences as the vectors that the first layer reads.

        Args:
            sequence: Index of a symbol at each step, or features, oldest first.

        Returns:
            The index as a number, a vector with one 1, the vectors of all embedding layers one
            after another, or the features.
        """
        spec = self._architecture.sequence
        if spec.encoding == "number":
            return sequence[..., None].astype(jnp.float32)
        if spec.encoding == "one-hot":
            return jax.nn.one_hot(sequence, len(spec.alphabet), dtype=jnp.float32)
        if spec.encoding == "embed":
            tables = [
                self.layer(node.name).embedding[...]
                for node in self._architecture.nodes
                if isinstance(node.operation, Embed)
            ]
            return jnp.concatenate([table[sequence] for table in tables], axis=-1)
        return sequence

    def trace(
        self,
        sequence: Shaped[Array, "batch time *features"],
        lengths: Int[Array, " batch"],
        state: State,
    ) -> tuple[Values, Values]:
        """Run a network of sequences and return every value of every step.

        Args:
            sequence: Index of a symbol at each step, or features, oldest first.
            lengths: Number of steps of each sequence, at least 1; the rest is padding, whose values
                are meaningless.
            state: State before the first step.

        Returns:
            Values by trace name, and the state after each sequence's last step, to continue from.
        """
        run = self._run(self.encode(sequence), lengths, state)
        return run.values, run.final

    def edited(
        self,
        sequence: Shaped[Array, "batch time *features"],
        lengths: Int[Array, " batch"],
        state: State,
        edits: Edits,
    ) -> tuple[Values, Values]:
        """Trace a network of sequences with every value v of recurrent layers edited.

        Each is replaced by v · scale + shift. Per step the gates and the candidate are edited, then
        the states that are computed from them; everything after a value reads the edited one.

        Args:
            sequence: Index of a symbol at each step, or features, oldest first.
            lengths: Number of steps of each sequence, at least 1; the rest is padding.
            state: State before the first step, which is not edited.
            edits: Scale and shift of each recurrent layer by its name.
        """
        run = self._run(self.encode(sequence), lengths, state, edits)
        return run.values, run.final

    def __call__(
        self,
        sequence: Shaped[Array, "batch time *features"],
        lengths: Int[Array, " batch"],
        state: State,
        *,
        differentiable: bool = False,
    ) -> tuple[Float[Array, "batch *time classes"], Values]:
        """Return the logits that a network of sequences answers with, and the final state.

        They are those after the last step, or of every step, as the declaration says.

        Args:
            sequence: Index of a symbol at each step, or features, oldest first.
            lengths: Number of steps of each sequence, at least 1; the rest is padding.
            state: State before the first step.
            differentiable: Whether gradients are taken, which padding must not reach.
        """
        encoded = self.encode(sequence)
        if self._architecture.declaration.answer == "every":
            run = self._run(encoded, lengths, state, differentiable=differentiable)
            return run.values["logits"], run.final
        return self.answer(encoded, lengths, state, differentiable=differentiable)

    def answer(
        self,
        encoded: Float[Array, "batch time features"],
        lengths: Int[Array, " batch"],
        state: State,
        *,
        differentiable: bool = False,
    ) -> tuple[Float[Array, "batch classes"], Values]:
        """Return the logits of a network of sequences after the last step, and the final state.

        Args:
            encoded: Vectors that the first layer reads, of symbols or any others.
            lengths: Number of steps of each sequence, at least 1; the rest is padding.
            state: State before the first step.
            differentiable: Whether gradients are taken, which padding must not reach.
        """
        last = self._architecture.recurrent[-1]
        # Of layers after it, the last step alone: batch statistics of training are theirs.
        run = self._run(encoded, lengths, state, differentiable=differentiable, through=last)
        outputs = {name: last_step(value, lengths) for name, value in run.outputs.items()}
        return self.logits_after(last, outputs), run.final

    def outputs_before(self, layer: Node, encoded: Float[Array, "batch time features"]) -> Values:
        """Return the outputs of all layers of a network of sequences before the first recurrent.

        Args:
            layer: The first recurrent layer.
            encoded: Vectors that the first layer reads.
        """
        outputs = {INPUT: encoded}
        for node in self._architecture.nodes[: self._architecture.nodes.index(layer)]:
            outputs[node.name] = self._output(node, [outputs[name] for name in node.inputs])
        return outputs

    def logits_after(self, layer: Node, outputs: Mapping[str, Array]) -> Float[Array, "..."]:
        """Return the logits of a network of sequences from the outputs of layers at some steps.

        Args:
            layer: The last recurrent layer.
            outputs: Outputs of this layer and all before it, by layer name.
        """
        nodes, found = self._architecture.nodes, dict(outputs)
        for node in nodes[nodes.index(layer) + 1 :]:
            found[node.name] = self._output(node, [found[name] for name in node.inputs])
        logits = found[nodes[-1].name]
        return two_logits(logits) if self._architecture.is_sigmoid else logits

    def layer(self, name: str) -> Any:
        """Return the module of a layer of a network of sequences; None where it has none."""
        return vars(self).get(name)

    def _run(
        self,
        encoded: Float[Array, "batch time features"],
        lengths: Int[Array, " batch"],
        state: State,
        edits: Edits | None = None,
        *,
        differentiable: bool = False,
        through: Node | None = None,
    ) -> "_Run":
        """Run the layers of a network of sequences one after another, each over all steps.

        In a differentiable run all layers read the last step again in steps of padding: a value
        that overflowed there would make gradients NaN, as 0 · inf. Statistics of batch
        normalisation, which training measures, do not count them.

        Args:
            encoded: Vectors that the first layer reads.
            lengths: Number of steps of each sequence.
            state: State before the first step.
            edits: Edits of the recurrent layers' values.
            differentiable: Whether gradients are taken.
            through: Last layer to run; None for all.
        """
        run = _Run({INPUT: encoded}, {}, {})
        counted = is_step(encoded.shape[1], lengths) if differentiable else None
        if differentiable:
            run.repeat_last(INPUT, lengths)
        for node in self._architecture.nodes:
            read = [run.outputs[name] for name in node.inputs]
            if isinstance(node.operation, Recurrent):
                goes_on = self._goes_on(node, encoded, lengths) if differentiable else None
                values = self._recur(node, read[0], state, edits, goes_on)
                run.add_recurrent(self._architecture, node, values, lengths)
                if differentiable:
                    run.repeat_last(node.name, lengths)
            else:
                run.add(node, self._output(node, read, counted))
            if node == through:
                return run
        if self._architecture.is_sigmoid:
            run.values["logits"] = two_logits(run.outputs[self._architecture.nodes[-1].name])
        return run

    def _recur(
        self,
        node: Node,
        inputs: Float[Array, "batch time features"],
        state: State,
        edits: Edits | None,
        goes_on: Bool[Array, "batch time 1"] | None,
    ) -> Values:
        """Run a recurrent layer of a network of sequences, perhaps with its values edited."""
        cell: Cell = self.layer(node.name)
        states = (one for one in self._architecture.states if one.layer == node.name)
        before = {one.value: state[one.name] for one in states}
        if edits is None:
            return run_cell(cell, inputs, before, goes_on)
        return run_edited_cell(cell, inputs, before, *edits[node.name])

    def _goes_on(
        self,
        node: Node,
        encoded: Float[Array, "batch time features"],
        lengths: Int[Array, " batch"],
    ) -> Bool[Array, "batch time 1"] | None:
        """Return whether the step after each one is of the sequence; None for bounded states."""
        # The other cells cannot overflow, and an operation more would slow their loop down.
        is_unbounded = isinstance(node.operation, Recurrent) and node.operation.activation == "relu"
        return is_step(encoded.shape[1], lengths - 1) if is_unbounded else None

    def _output(
        self,
        node: Node,
        read: Sequence[Array],
        counted: Bool[Array, "batch time 1"] | None = None,
    ) -> Array:
        """Compute the output of a layer of a network of sequences that is not recurrent.

        Args:
            node: The layer.
            read: Outputs that it reads.
            counted: Whether the batch statistics of training count each step; None for all.
        """
        if isinstance(node.operation, Norm) and node.operation.kind == "batch":
            return jnp.asarray(self.layer(node.name)(read[0], mask=counted))
        if isinstance(node.operation, Embed):
            # The input is encoded already: the vectors of all embedding layers.
            return read[0][..., self._places[node.name]]
        return shared_layer(node.operation, self.layer(node.name), read)

    @property
    def _places(self) -> Mapping[str, slice]:
        """Places of embedding layers in the vector that encodes a step."""
        nodes = [node for node in self._architecture.nodes if isinstance(node.operation, Embed)]
        ends = (0, *accumulate(node.shape[0] for node in nodes))
        return {node.name: slice(*each) for node, each in zip(nodes, pairwise(ends), strict=True)}


@dataclass
class _Run:
    """Run of a network of sequences: outputs by layer, values by trace name, and final state."""

    outputs: Values
    values: Values
    final: Values

    def repeat_last(self, name: str, lengths: Int[Array, " batch"]) -> None:
        """Replace the output of a layer in steps of padding by that of the last step."""
        output = self.outputs[name]
        last = jax.lax.stop_gradient(last_step(output, lengths))[:, None]
        self.outputs[name] = jnp.where(is_step(output.shape[1], lengths), output, last)

    def add(self, node: Node, output: Array) -> None:
        """Add the output of a layer that is not recurrent to a run."""
        self.outputs[node.name] = output
        if node.value:
            self.values[node.value] = output

    def add_recurrent(
        self, architecture: Architecture, node: Node, values: Values, lengths: Int[Array, " batch"]
    ) -> None:
        """Add the values of a recurrent layer to a run, and its state after the last step."""
        self.outputs[node.name] = values["hidden"]
        for name, value in values.items():
            self.values[architecture.value_name(node.name, name)] = value
        for one in architecture.states:
            if one.layer == node.name:
                self.final[one.name] = last_step(values[one.value], lengths)


def last_step(
    values: Float[Array, "batch time size"], lengths: Int[Array, " batch"]
) -> Float[Array, "batch size"]:
    """Return values of a network of sequences at the last step of each sequence."""
    return jnp.take_along_axis(values, (lengths - 1)[:, None, None], axis=1)[:, 0]


def is_step(time: int, lengths: Int[Array, " batch"]) -> Bool[Array, "batch time 1"]:
    """Return whether each of a number of steps is one of a sequence, and not padding."""
    return (jnp.arange(time)[None] < lengths[:, None])[..., None]


def _module(architecture: Architecture, node: Node, rngs: nnx.Rngs) -> nnx.Module | None:
    """Return the module of a layer with initial parameters; None where it has none."""
    features = _size(architecture, node.inputs[0])
    if isinstance(node.operation, Recurrent):
        return cell_of(node.operation, features, rngs)
    if isinstance(node.operation, Embed):
        symbols = len(architecture.sequence.alphabet)
        return nnx.Embed(symbols, node.operation.units, rngs=rngs)
    return shared_module(node.operation, features, rngs)


def _size(architecture: Architecture, name: str) -> int:
    """Return the size of a layer's output at one step, or of the network's input."""
    return architecture.sequence.features if name == INPUT else architecture.node(name).shape[-1]
