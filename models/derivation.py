"""Derivation of an architecture from a declaration: shapes, names, parameters, limits."""

from collections import Counter
from collections.abc import Mapping
from math import prod
from pathlib import Path

from models.architecture import (
    CELL_VALUES,
    INPUT,
    LEAST_CHUNK,
    Architecture,
    Kind,
    Layer,
    Node,
)
from models.declaration.declaration import Declaration, ImageSpec, layer_error, read_declaration
from models.declaration.layer_line import LayerLine
from models.declaration.operations import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Embed,
    Flatten,
    LayerError,
    Merge,
    Norm,
    Operation,
    Recurrent,
)
from models.declaration.toml_file import DeclarationError
from models.layer_shapes import (
    NAMES,
    Source,
    check_family,
    flops_of,
    kind_of,
    output_of,
    parameters_of,
    shown,
)
from models.windows import input_field

OUTPUT = "output"
"""Derived name of an architecture's last layer, whose values are `logits` in the trace."""

RESERVED = frozenset(
    {
        *(INPUT, "image", "sequence", "logits", "all", "unfamiliarity", "length"),
        "metadata",  # the member of NPZ files that is no tensor
        # Outputs of the Open Inference Protocol; a picture ends with the bars of `probabilities`.
        *("label", "probabilities", "running_logits"),
        *(f"final_{value}" for value in ("cell", "hidden")),
        "from",  # the word before a layer's name
        # Attributes of the modules that are built, in which each layer is one by its name.
        *("answer", "edited", "encode", "initial_state", "layer", "logits_after"),
        *("outputs_before", "trace", "eval", "iter_children", "iter_modules", "perturb"),
        *("set_attributes", "sow", "train"),
    }
)
"""Names that no layer of an architecture may have."""

MAX_COUNTING_UNITS = 64  # analyses of 64 units take some 10 ms a call
MAX_PARAMETERS = 5_000_000
MAX_VALUES = 2_000_000
MAX_FLOPS = 2_000_000_000

SUFFIXES = {"softmax", "log_softmax", "sigmoid"}
"""Last activations of a declaration that its architecture takes off: they give probabilities."""


def derive(declaration: Declaration) -> Architecture:
    """Derive the architecture of a declared network.

    Raises:
        DeclarationError: A layer does not fit the one that it reads, or a limit is exceeded; the
            sentence names the line, the layer, the shape that came in and a way out.
    """
    lines, suffix = _without_suffix(declaration)
    builder = _Builder(declaration, lines)
    for index, line in enumerate(lines):
        try:
            builder.add(index, line)
        except LayerError as error:
            raise layer_error(index, line.text, str(error)) from error
        # After each layer, so that no layer is derived from one of an absurd size.
        _check_limits(builder, index, line)
    found = Architecture(
        declaration,
        tuple(builder.nodes),
        builder.parameters,
        frozenset(builder.statistics),
        builder.layers,
        suffix,
        builder.flops * builder.steps,
    )
    _check_output(found)
    return found


def read_architecture(folder: Path) -> Architecture:
    """Derive the architecture of the network that is declared in a folder.

    Raises:
        DeclarationError: The declaration is missing or wrong.
    """
    return derive(read_declaration(folder))


def _without_suffix(declaration: Declaration) -> tuple[list[LayerLine], str | None]:
    """Return a declaration's layer lines without a final softmax, and the name of that."""
    *first, last = declaration.layers
    suffix = last.operation.function if isinstance(last.operation, Activation) else None
    if suffix not in SUFFIXES or not first or last.source is not None:
        return list(declaration.layers), None
    return first, suffix


def _check_output(found: Architecture) -> None:
    """Check that the last layer of an architecture has a value for each class."""
    last, classes = found.nodes[-1], len(found.classes)
    line = found.declaration.layers[last.line]
    if found.removed and (found.removed == "sigmoid") != (last.shape == (1,)):
        reason = (
            f"{found.removed} reads {shown(last.shape)}: sigmoid is for one value, which two "
            "classes may have, softmax for one value a class, which exclude each other"
        )
        raise layer_error(last.line + 1, found.declaration.layers[-1].text, reason)
    if last.shape not in {(classes,), (1,)} or (last.shape == (1,) and classes != 2):  # noqa: PLR2004
        reason = (
            f"the last layer gives {shown(last.shape)}, and classes has {classes}: end with "
            f"dense {classes}" + (", or dense 1 and sigmoid" if classes == 2 else "")  # noqa: PLR2004
        )
        raise layer_error(last.line, line.text, reason)
    if last.value is None:
        reason = f"the last layer is recurrent: end with dense {classes} after it"
        raise layer_error(last.line, line.text, reason)
    counting = found.declaration.counts_bits and found.recurrent
    if counting and max(node.shape[0] for node in found.recurrent) > MAX_COUNTING_UNITS:
        msg = f"a network that counts bits may have at most {MAX_COUNTING_UNITS} recurrent units"
        raise DeclarationError(msg)
    if found.family == "sequence" and not found.recurrent:
        msg = "layers have no recurrent layer, which a sequence needs: lstm, gru or rnn"
        raise DeclarationError(msg)


def _check_limits(built: "_Builder", index: int, line: LayerLine) -> None:
    """Check the size of an architecture, up to a layer, against the limits of served networks."""
    per = " for one image" if built.steps == 1 else f" for {built.steps} steps"
    parameters = sum(prod(shape) for shape in built.parameters.values())
    values = sum(prod(one.shape) for one in built.layers.values())
    sizes = (
        ("parameters", parameters, MAX_PARAMETERS, ""),
        ("trace values", values * built.steps, MAX_VALUES, per),
        ("floating-point operations", built.flops * built.steps, MAX_FLOPS, per),
    )
    for name, size, limit, unit in sizes:
        if size > limit:
            reason = (
                f"up to this layer the network has {size:,} {name}{unit}; "
                f"at most {limit:,} are allowed"
            )
            raise layer_error(index, line.text, reason)


_CELL_KINDS: Mapping[str, Kind] = {"candidate": "candidate", "cell": "cell", "hidden": "hidden"}


class _Builder:
    """Builder of an architecture: adds one layer after another."""

    def __init__(self, declaration: Declaration, lines: list[LayerLine]) -> None:
        self.declaration = declaration
        self.steps = 1 if isinstance(declaration.input, ImageSpec) else LEAST_CHUNK
        self.nodes: list[Node] = []
        self.parameters: dict[str, tuple[int, ...]] = {}
        self.statistics: set[str] = set()
        self.layers: dict[str, Layer] = {}
        self.flops = 0
        self._last = len(lines) - 1
        self._is_stacked = sum(isinstance(line.operation, Recurrent) for line in lines) > 1
        self._counts: Counter[str] = Counter()
        self._sources = {INPUT: _input_source(declaration)}
        self._before = INPUT

    def add(self, index: int, line: LayerLine) -> None:
        """Add the layer of a line to the architecture.

        Raises:
            LayerError: It does not fit its input, or its name is taken.
        """
        operation = line.operation
        read = self._source(line.source or self._before)
        name = self._name(index, line)
        named = operation.others if isinstance(operation, Merge) else ()
        others = [self._source(other) for other in named]
        check_family(operation, self.declaration)
        shape, fields = output_of(operation, [read, *others])
        module = name if isinstance(operation, Conv | Dense) else read.parameters
        module = "" if others or isinstance(operation, Embed | Recurrent) else module
        value = self._trace(index, name, operation, Layer("merged", shape, fields, module))
        self._declare(name, operation, read.shape)
        self.flops += flops_of(operation, read.shape, shape)
        inputs = (read.name, *(other.name for other in others))
        self.nodes.append(Node(name, operation, inputs, shape, value, index))
        self._sources[name] = Source(name, shape, fields, module)
        self._before = name

    def _source(self, name: str) -> Source:
        """Return the output of a layer that a line names."""
        if name not in self._sources:
            msg = f"layer '{name[:32]}' is not one of those before it: {', '.join(self._sources)}"
            raise LayerError(msg)
        return self._sources[name]

    def _name(self, index: int, line: LayerLine) -> str:
        """Return the name of a line's layer: the given one, or its kind and number."""
        word = line.operation
        kind = NAMES[type(word)](word)
        self._counts[kind] += 1
        derived = f"{kind}{self._counts[kind]}"
        if index == self._last and isinstance(word, Dense):
            derived = OUTPUT
        name = line.name or derived
        if name in self._sources or name in RESERVED:
            state = "taken" if name in self._sources else "reserved"
            msg = f"the name '{name}' is {state}: give another"
            raise LayerError(msg)
        return name

    def _trace(self, index: int, name: str, operation: Operation, given: Layer) -> str | None:
        """Add the values of a layer to the trace; return the name where it has one value."""
        is_last = index == self._last
        if isinstance(operation, Dropout | Flatten) and not is_last:
            return None
        if isinstance(operation, Recurrent):
            for value in CELL_VALUES[operation.cell]:
                kind: Kind = _CELL_KINDS.get(value, "gate")
                key = f"{name}.{value}" if self._is_stacked else value
                self._keep(key, Layer(kind, given.shape, None, name))
            return None
        if not is_last:
            self._keep(name, given._replace(kind=kind_of(operation)))
            return name
        if given.shape == (1,):
            self._keep(name, given._replace(kind="pre_activation"))
            self._keep("logits", Layer("logits", (2,), None, given.parameters))
            return name
        self._keep("logits", given._replace(kind="logits"))
        return "logits"

    def _keep(self, name: str, layer: Layer) -> None:
        if name in self.layers:
            msg = f"'{name}' is the name of a value of a recurrent layer: give the layer another"
            raise LayerError(msg)
        self.layers[name] = layer

    def _declare(self, name: str, operation: Operation, read: tuple[int, ...]) -> None:
        """Declare the parameters of a layer."""
        given = self.declaration.input
        symbols = 0 if isinstance(given, ImageSpec) else len(given.alphabet)
        shapes = parameters_of(operation, read, symbols)
        self.parameters |= {f"{name}.{parameter}": shape for parameter, shape in shapes.items()}
        if isinstance(operation, Norm) and operation.kind == "batch":
            self.statistics |= {f"{name}.mean", f"{name}.var"}


def _input_source(declaration: Declaration) -> Source:
    """Return the input of a declared network as the source of its first layer."""
    given = declaration.input
    if isinstance(given, ImageSpec):
        fields = input_field(given.height), input_field(given.width)
        return Source(INPUT, (given.height, given.width, given.channels), fields)
    # A symbol that will be embedded is an index, which no other layer reads.
    return Source(INPUT, () if given.encoding == "embed" else (given.features,), None)
