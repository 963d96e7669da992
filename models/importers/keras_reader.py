"""Keras models as imported networks: walk over the layers of a configuration."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.declaration.operations import LayerError
from models.importers.errors import ConversionError, printable
from models.importers.graph import Graph
from models.importers.graph_layer import Origin
from models.importers.imported import Imported
from models.importers.keras_file import KerasFile, container_names, read_keras
from models.importers.limits import check_count
from models.importers.onnx_reader import BATCH, STEPS, finish
from models.importers.values import INPUT, Factor, Value

MODELS = {"Sequential", "Functional", "Model"}
"""Classes of Keras models whose configuration has the graph."""


@dataclass(frozen=True)
class KerasLayer:
    """Layer of a Keras model: its class, name, configuration and variables.

    Attributes:
        path: Group of the layer in the weights.
    """

    kind: str
    name: str
    config: Mapping[str, Any]
    path: str
    variables: list[np.ndarray] = field(default_factory=list)

    def origin(self, *roles: str, name: str | None = None) -> Origin:
        """Return the origin of an imported layer whose parameters have these names."""
        tensors = {role: ((f"{self.name}/{role}",), "as it is") for role in roles}
        return Origin(self.name if name is None else name, tensors)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a switch of the imported layer's configuration."""
        return bool(self.config.get(name, default))


class KerasReader:
    """Reader of a Keras model.

    Attributes:
        graph: Layers that were read.
        symbols: Number of symbols of an embedding; 0 without.
        encoding: Encoding of these.
        suffix: Activation at the end that makes probabilities of logits; None without.
    """

    def __init__(self, file: KerasFile) -> None:
        self.file = file
        self.graph = Graph(())
        self.symbols, self.encoding = 0, "embed"
        self.suffix: str | None = None
        self._has_input = False
        self._count = 0

    def read(self) -> Value:
        """Read the whole model, and return the value of its output."""
        return self._model(self.file.config, [], "")

    def _model(self, model: Mapping[str, Any], inputs: list[Value], prefix: str) -> Value:
        """Read a Keras model, or one inside another; `inputs` is empty for the outer one."""
        kind, config = str(model.get("class_name")), model["config"]
        if kind not in MODELS or "layers" not in config:
            msg = (
                f"{printable(kind)} is a model of its own class, whose configuration has no graph: "
                "build it from layers (Sequential or functional), or export it as ONNX"
            )
            raise ConversionError(msg)
        layers: list[Mapping[str, Any]] = [one for one in config["layers"] if isinstance(one, dict)]
        self._count += len(layers)
        check_count(self._count, "layers")
        names = container_names(
            [one for one in layers if kind != "Sequential" or one.get("class_name") != "InputLayer"]
        )
        if kind == "Sequential":
            return self._sequential(model, layers, names, inputs, prefix)
        return self._functional(config, layers, names, inputs, prefix)

    def _sequential(
        self,
        model: Mapping[str, Any],
        layers: list[Mapping[str, Any]],
        names: list[str],
        inputs: list[Value],
        prefix: str,
    ) -> Value:
        places = iter(names)
        value = inputs[0] if inputs else None
        for layer in layers:
            if layer.get("class_name") == "InputLayer":
                value = value or self._input(layer["config"], layers)
                continue
            if value is None:
                shape = model["config"].get("build_input_shape")
                value = self._input({"batch_shape": shape}, layers)
            value = self._layer(layer, [value], f"{prefix}layers/{next(places)}")
        if value is None:
            msg = "the model has no layers"
            raise ConversionError(msg)
        return value

    def _functional(
        self,
        config: Mapping[str, Any],
        layers: list[Mapping[str, Any]],
        names: list[str],
        inputs: list[Value],
        prefix: str,
    ) -> Value:
        values: dict[str, Value] = {}
        for layer, place in zip(layers, names, strict=True):
            name = str(layer.get("name", layer["config"].get("name")))
            if layer.get("class_name") == "InputLayer":
                values[name] = inputs[0] if inputs else self._input(layer["config"], layers)
                continue
            nodes = layer.get("inbound_nodes", [])
            if len(nodes) != 1:
                msg = f"layer {printable(name)} is used {len(nodes)} times, and may be used once"
                raise ConversionError(msg)
            read = [values[source] for source in _sources(name, nodes[0], values)]
            values[name] = self._layer(layer, read, f"{prefix}layers/{place}")
        return values[_only(config["output_layers"], "outputs")]

    def _input(self, config: Mapping[str, Any], layers: list[Mapping[str, Any]]) -> Value:
        """Return the input of a Keras model with the meaning of its axes."""
        if self._has_input:
            msg = "the model has several inputs, and a declaration has one"
            raise ConversionError(msg)
        self._has_input = True
        shape = list(config.get("batch_shape") or config.get("batch_input_shape") or ())
        is_symbols = any(one.get("class_name") == "Embedding" for one in layers)
        labels = {4: "NHWC", 3: "NTC", 2: "NT" if is_symbols else ""}.get(len(shape), "")
        if not labels:
            msg = (
                f"the input has shape {shape}: an image has 4 axes, a sequence of rows 3, and one "
                "of symbols 2, which an Embedding reads"
            )
            raise ConversionError(msg)
        default = {"N": BATCH, "T": STEPS}
        sizes = [size or default.get(label) for size, label in zip(shape, labels, strict=True)]
        if None in sizes:
            msg = f"the input leaves rows, columns or features open: {shape}; build a fixed size"
            raise ConversionError(msg)
        axes = zip(labels, sizes, strict=True)
        value = Value(INPUT, tuple((Factor(label, int(size or 1)),) for label, size in axes))
        self.graph.input_shape = tuple(int(size or 1) for size in sizes[1:])
        if len(shape) < 4:  # noqa: PLR2004 - a sequence, whose steps are no axis of the shape
            self.graph.input_shape = self.graph.input_shape[1:]
        return value

    def _layer(self, layer: Mapping[str, Any], read: list[Value], path: str) -> Value:
        """Read one layer of a Keras model."""
        from models.importers.keras_layers import LAYERS, unknown  # noqa: PLC0415 - imports this

        kind, config = str(layer.get("class_name")), layer["config"]
        if kind in MODELS:
            return self._model(layer, read, f"{path}/")
        name = str(config.get("name", kind))
        found = KerasLayer(kind, name, config, self._path(path, name))
        found.variables.extend(self.file.variables(found.path))
        try:
            if kind not in LAYERS or not str(layer.get("module", "keras")).startswith("keras"):
                raise unknown(kind)
            if self.suffix is not None:
                msg = f"it follows a {self.suffix}, which is possible at the end only"
                raise ConversionError(msg)  # noqa: TRY301
            return LAYERS[kind](self, found, read)
        except (ConversionError, LayerError) as error:
            msg = f"layer {printable(name)} ({kind}): {error}"
            raise ConversionError(msg) from error
        except (LookupError, TypeError, ValueError) as error:
            msg = f"layer {printable(name)} ({kind}) cannot be read: {printable(error)}"
            raise ConversionError(msg) from error

    def _path(self, path: str, name: str) -> str:
        """Return the group of a layer in a Keras archive: by its name, else by its class."""
        parent = path.rpartition("/")[0]
        named = [
            place
            for place, known in self.file.names.items()
            if known == name and place.rpartition("/")[0] == parent
        ]
        return named[0] if len(named) == 1 else path


def _sources(name: str, node: Any, values: Mapping[str, Value]) -> list[str]:
    """Return the layers that a layer of a functional Keras model reads."""
    if not isinstance(node, dict):
        msg = f"layer {printable(name)} is written as Keras 2 does: save the model with Keras 3"
        raise ConversionError(msg)
    if any(True for _ in _histories(node.get("kwargs", {}))):
        msg = f"layer {printable(name)} has further inputs, such as a state, which it may not have"
        raise ConversionError(msg)
    found = []
    for source, _, tensor in _histories(node.get("args", [])):
        if tensor or source not in values:
            msg = f"layer {printable(name)} reads {printable(source)}, which cannot be declared"
            raise ConversionError(msg)
        found.append(source)
    return found


def _histories(value: Any) -> Iterator[tuple[str, int, int]]:
    """Iterate over the tensors in the arguments of a Keras layer."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            layer, node, tensor = value["config"]["keras_history"]
            yield str(layer), int(node), int(tensor)
            return
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _histories(one)


def _only(layers: Any, what: str) -> str:
    """Return the one output layer of a functional Keras model."""
    while isinstance(layers, list) and len(layers) == 1 and isinstance(layers[0], list):
        layers = layers[0]
    if not isinstance(layers, list) or not layers or isinstance(layers[0], list):
        msg = f"the model has several {what}, and a declaration has one"
        raise ConversionError(msg)
    return str(layers[0])


def import_keras(
    path: Path, title: str, classes: Sequence[str] = (), alphabet: Sequence[str] = ()
) -> Imported:
    """Import a network from a Keras archive: its declaration and its weights.

    Raises:
        ConversionError: The file cannot be read, or has a layer that no declaration says.
    """
    reader = KerasReader(read_keras(path))
    try:
        output = reader.read()
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        msg = f"the configuration of {printable(path.name)} is not one of Keras 3"
        raise ConversionError(msg) from error
    return finish(reader, output, title, (classes, alphabet), ())
