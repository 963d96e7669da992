"""Recurrent layers of a network as probes name them: their values, gates, states and units."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from models.architecture import CELL_STATES, CELL_VALUES, Architecture, Node
from models.declaration.operations import Dense, Dropout, Recurrent
from probes.declaration import ParameterError

STATES = ("cell", "hidden")
"""Values of recurrent layers that a step passes to the next."""

# Each request asks several times for these names, which depend on the architecture alone.
_kept = lru_cache(maxsize=256)

CANDIDATE = "candidate"
"""Value of a recurrent layer that its gates write."""


@dataclass(frozen=True)
class RecurrentLayer:
    """Recurrent layer of a network: its operation, and the trace names of its values."""

    architecture: Architecture
    node: Node

    @property
    def name(self) -> str:
        """Name of a recurrent layer."""
        return self.node.name

    @cached_property
    def operation(self) -> Recurrent:
        """Kind of cell and number of units of a recurrent layer.

        Raises:
            TypeError: The layer is of another kind.
        """
        if not isinstance(self.node.operation, Recurrent):
            msg = f"layer '{self.node.name}' is not recurrent"
            raise TypeError(msg)
        return self.node.operation

    @cached_property
    def cell(self) -> str:
        """Kind of a recurrent layer's cell: `lstm`, `gru` or `rnn`."""
        return self.operation.cell

    @cached_property
    def units(self) -> int:
        """Number of a recurrent layer's units."""
        return self.operation.units

    @cached_property
    def gates(self) -> tuple[str, ...]:
        """Gates of a recurrent layer, without its name, in the order of computation."""
        return tuple(one for one in CELL_VALUES[self.cell] if one not in {*STATES, CANDIDATE})

    @property
    def states(self) -> tuple[str, ...]:
        """States of a recurrent layer, without its name: of an LSTM the cell state first."""
        return CELL_STATES[self.cell]

    @cached_property
    def is_bounded(self) -> bool:
        """Whether a recurrent layer's hidden state is within -1 and 1, as a product of tanh."""
        return self.operation.activation == "tanh"

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """Values of a recurrent layer, without its name, in the order in which they are shown."""
        written = [one for one in CELL_VALUES[self.cell] if one == CANDIDATE]
        return (*self.gates, *written, *self.states)

    def value(self, value: str) -> str:
        """Return the name of a recurrent layer's value in the trace, with the layer's in stacks."""
        return self._names[value]

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """Names of a recurrent layer's values in the trace, by those without its name."""
        return {
            value: self.architecture.value_name(self.name, value)
            for value in CELL_VALUES[self.cell]
        }

    @cached_property
    def gates_and_candidate(self) -> tuple[str, ...]:
        """Trace names of a recurrent layer's gates, the forget gate first, and its candidate."""
        gates = sorted(self.gates, key=lambda gate: gate != "forget_gate")
        return tuple(self.value(name) for name in (*gates, CANDIDATE))

    @cached_property
    def prefix(self) -> str:
        """Start of titles of a recurrent layer's values: its name in stacks, else nothing."""
        return f"{self.name}: " if len(self.architecture.recurrent) > 1 else ""

    def titled(self, title: str) -> str:
        """Return the title of a figure of a recurrent layer, which names the layer in stacks."""
        return f"{self.prefix}{title[0].lower()}{title[1:]}" if self.prefix else title


@_kept
def recurrent_layers(architecture: Architecture) -> tuple[RecurrentLayer, ...]:
    """Return the recurrent layers of a network, the first one first."""
    return tuple(RecurrentLayer(architecture, node) for node in architecture.recurrent)


@_kept
def layer_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of a network's recurrent layers."""
    return tuple(node.name for node in architecture.recurrent)


@_kept
def gated_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of a network's recurrent layers that have gates: LSTMs and GRUs."""
    return tuple(one.name for one in recurrent_layers(architecture) if one.gates)


@_kept
def lstm_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of a network's LSTM layers, which have a cell state."""
    return tuple(one.name for one in recurrent_layers(architecture) if one.cell == "lstm")


@_kept
def state_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the trace names of a network's states, which have a step 0."""
    return tuple(state.name for state in architecture.states)


@_kept
def recurrent_values(architecture: Architecture) -> tuple[str, ...]:
    """Return the trace names of all values of a network's recurrent layers."""
    return tuple(
        layer.value(value)
        for layer in recurrent_layers(architecture)
        for value in CELL_VALUES[layer.cell]
    )


@_kept
def shown_values(architecture: Architecture) -> tuple[str, ...]:
    """Return the trace names of a network's values in the order in which they are shown.

    That is the order of computation, but for the candidate of a recurrent layer behind its gates.
    """
    recurrent = set(recurrent_values(architecture))
    names: list[str] = []
    for name in architecture.layers:
        layer = owner(architecture, name) if name in recurrent else None
        names += [name] if layer is None else map(layer.value, layer.shown)
    return tuple(dict.fromkeys(names))


def owner(architecture: Architecture, name: str) -> RecurrentLayer | None:
    """Return the recurrent layer that a trace value belongs to; None for that of another layer."""
    return _owners(architecture).get(name)


@_kept
def _owners(architecture: Architecture) -> Mapping[str, RecurrentLayer]:
    """Return the recurrent layer of each of its values, by trace name."""
    layers = recurrent_layers(architecture)
    return {layer.value(value): layer for layer in layers for value in layer.shown}


def bare(architecture: Architecture, name: str) -> str:
    """Return the trace name of a recurrent layer's value without the layer's name."""
    return name.rpartition(".")[2] if len(architecture.recurrent) > 1 else name


@_kept
def chosen_layer(
    architecture: Architecture, name: str | None, names: tuple[str, ...] | None = None
) -> RecurrentLayer:
    """Return the recurrent layer that a parameter names; the last one without a name.

    Args:
        architecture: Network.
        name: Name of the layer; None without one.
        names: Names of the layers to choose from; None for all recurrent layers.
    """
    if name is None:
        *_, name = layer_names(architecture) if names is None else names
    return next(layer for layer in recurrent_layers(architecture) if layer.name == name)


def check_units(architecture: Architecture, chosen: Iterable[int] | None) -> None:
    """Check selected units against those of each recurrent layer of a network.

    Raises:
        ParameterError: A unit that one of them does not have, with the number of units.
    """
    check_units_of(min(recurrent_layers(architecture), key=lambda layer: layer.units), chosen)


def check_units_of(layer: RecurrentLayer, chosen: Iterable[int] | None) -> None:
    """Check selected units against those of a recurrent layer.

    Raises:
        ParameterError: A unit that does not exist, with the number of units.
    """
    if (unit := max(chosen or [0])) >= layer.units:
        raise ParameterError("units", unknown_unit(layer, unit))


def unknown_unit(layer: RecurrentLayer, unit: int) -> str:
    """Return the sentence of an error about a unit that a recurrent layer does not have."""
    whose = f"{layer.name}'s" if layer.prefix else "the model's"
    return f"unit {unit} is not one of {whose} {layer.units} (0 to {layer.units - 1})"


def linear_readout(architecture: Architecture) -> Node | None:
    """Return the last dense layer, where it reads a network's only recurrent layer directly.

    Dropout between them drops nothing.
    """
    *_, last = architecture.nodes
    if not isinstance(last.operation, Dense) or len(architecture.recurrent) > 1:
        return None
    (read,) = last.inputs
    nodes = {node.name: node for node in architecture.nodes}
    while read in nodes and isinstance(nodes[read].operation, Dropout):
        (read,) = nodes[read].inputs
    return last if read == architecture.recurrent[0].name else None
