"""Architecture of a declared network: shapes, parameters, trace values and receptive fields.

    Declaration -> Architecture
                   ├── nodes        layers with their inputs, in the order of computation
                   ├── parameters   shape of each parameter by its name
                   └── layers       values of the trace by name

All of it follows from the declaration. Neither JAX nor Flax is imported: both take a third of a
second, and code that needs only names, shapes and limits does not pay for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from models.declaration.declaration import Declaration, ImageSpec, SequenceSpec
from models.declaration.operations import Conv, Dense, Operation, Recurrent
from models.windows import ReceptiveField

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each parameter of an architecture by its name."""

Fields = tuple[ReceptiveField, ReceptiveField]
"""Receptive fields of a layer's values in an architecture, along rows and columns of the image."""

INPUT = "input"
"""Name of the input among the layers of an architecture."""

MAX_STEPS = 4096
"""Longest sequence that a server runs."""

LEAST_CHUNK = 128
"""Fewest steps of a compiled sequence program, for which an architecture is measured."""

CELL_VALUES: Mapping[str, tuple[str, ...]] = {
    "lstm": ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden"),
    "gru": ("reset_gate", "update_gate", "candidate", "hidden"),
    "rnn": ("hidden",),
}
"""Values of one step of a recurrent layer in an architecture, in the order of computation."""

CELL_STATES: Mapping[str, tuple[str, ...]] = {
    "lstm": ("cell", "hidden"),
    "gru": ("hidden",),
    "rnn": ("hidden",),
}
"""Values of a recurrent layer in an architecture that the next step reads."""

CELL_WEIGHTS: Mapping[str, tuple[str, ...]] = {
    "lstm": ("input_gate", "forget_gate", "candidate", "output_gate"),
    "gru": ("reset_gate", "update_gate", "candidate"),
    "rnn": ("hidden",),
}
"""Values whose weights a recurrent layer of an architecture has in one tensor, in that order."""

KEEPING_GATES: Mapping[str, str] = {"lstm": "forget_gate", "gru": "update_gate"}
"""Gate of each kind of recurrent layer by which a step keeps its state."""

Kind = Literal[
    "pre_activation",
    "post_activation",
    "normalised",
    "merged",
    "embedding",
    "pooled",
    "logits",
    "gate",
    "candidate",
    "cell",
    "hidden",
]


class Layer(NamedTuple):
    """Values of one name in the trace of an architecture: kind, shape and receptive field.

    Attributes:
        shape: Shape for one image, channel last; of a sequence, for one step.
        receptive_field: Along rows and columns; None where it is the whole image or a sequence.
        parameters: Layer whose kernel and bias compute it; of a ReLU, a pool or a normalisation,
            that of the layer before. Empty where several layers are merged, and for the input.
    """

    kind: Kind
    shape: tuple[int, ...]
    receptive_field: Fields | None
    parameters: str

    @property
    def has_maps(self) -> bool:
        """Whether the values are feature maps, with rows and columns."""
        return self.receptive_field is not None


class Node(NamedTuple):
    """Layer of an architecture: its operation, the layers that it reads, its output.

    Attributes:
        name: Name of the layer and of its parameters.
        inputs: Names of the layers that it reads; `input` is the network's input.
        shape: Shape of its output, channel last, for one image or one step.
        value: Name of its output in the trace; None where it has none (dropout, flatten), or
            several (recurrent layers).
        line: Index of its layer line.
    """

    name: str
    operation: Operation
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    value: str | None
    line: int


class State(NamedTuple):
    """Recurrent state in an architecture: the layer, its value and its number of units.

    Attributes:
        name: Name among the inputs of a program, and in the trace.
        final: Name of the state after the last step, among the outputs of a program.
    """

    name: str
    final: str
    layer: str
    value: str
    units: int


@dataclass(frozen=True, eq=False)
class Architecture:
    """Architecture of a network, derived from its declaration.

    Attributes:
        nodes: Layers in the order of computation.
        parameters: Shape of each parameter by its name, such as `conv1.kernel`.
        statistics: Names of the parameters that training measures and does not learn.
        layers: Values of the trace by name, in the order of computation.
        removed: Last activation that the declaration has and the network does not; None without.
        flops: Floating-point operations for one image, or for 128 steps of a sequence.
    """

    declaration: Declaration
    nodes: tuple[Node, ...]
    parameters: Shapes
    statistics: frozenset[str]
    layers: Mapping[str, Layer]
    removed: str | None
    flops: int

    @property
    def family(self) -> Literal["image", "sequence"]:
        """Kind of the network's input, on which programs and probes depend."""
        return "image" if isinstance(self.declaration.input, ImageSpec) else "sequence"

    @cached_property
    def image(self) -> ImageSpec:
        """Input of a network of images.

        Raises:
            TypeError: It is a network of sequences.
        """
        if not isinstance(self.declaration.input, ImageSpec):
            msg = "a network of sequences has no image"
            raise TypeError(msg)
        return self.declaration.input

    @cached_property
    def sequence(self) -> SequenceSpec:
        """Input of a network of sequences.

        Raises:
            TypeError: It is a network of images.
        """
        if not isinstance(self.declaration.input, SequenceSpec):
            msg = "a network of images has no sequence"
            raise TypeError(msg)
        return self.declaration.input

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label, in order."""
        return self.declaration.classes

    @cached_property
    def signature(self) -> str:
        """Text that differs between networks that compute different functions."""
        return repr((self.declaration.input, self.declaration.answer, self.nodes))

    @property
    def is_sigmoid(self) -> bool:
        """Whether the last layer has one unit, whose logit is that of label 1 against label 0."""
        return self.nodes[-1].shape == (1,)

    @cached_property
    def maps(self) -> tuple[str, ...]:
        """Names of the trace values that are feature maps, in the order of computation."""
        return tuple(name for name, layer in self.layers.items() if layer.has_maps)

    @cached_property
    def kernels(self) -> tuple[str, ...]:
        """Names of the layers that have a kernel and are not recurrent, in the order of layers."""
        return tuple(n.name for n in self.nodes if isinstance(n.operation, Conv | Dense))

    @cached_property
    def recurrent(self) -> tuple[Node, ...]:
        """Recurrent layers, the first one first."""
        return tuple(node for node in self.nodes if isinstance(node.operation, Recurrent))

    def value_name(self, layer: str, value: str) -> str:
        """Return the trace name of a recurrent layer's value: `cell`, in stacks `lstm1.cell`."""
        return value if len(self.recurrent) == 1 else f"{layer}.{value}"

    @cached_property
    def states(self) -> tuple[State, ...]:
        """Recurrent states, in the order of layers."""
        return tuple(
            State(
                self.value_name(node.name, value),
                self.value_name(node.name, f"final_{value}"),
                node.name,
                value,
                node.shape[0],
            )
            for node in self.recurrent
            for value in CELL_STATES[node.operation.cell]  # type: ignore[union-attr]
        )

    def node(self, name: str) -> Node:
        """Return the layer of a name.

        Raises:
            KeyError: No layer has it.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}
