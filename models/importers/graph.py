"""Graph of an imported network: layers that a declaration can say, added one by one.

Importers of ONNX and Keras walk through their graph and call a method for each layer; shapes,
orders of axes and constant factors are followed in `Value`, and layers made only where needed.
"""

from dataclasses import replace
from math import prod
from typing import Literal

import numpy as np

from models.declaration.operations import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Embed,
    Flatten,
    GlobalPool,
    Merge,
    Norm,
    Operation,
    Padding,
    Pool,
    Recurrent,
)
from models.importers.errors import ConversionError
from models.importers.graph_layer import GraphLayer, Origin
from models.importers.limits import bounded, check_bytes
from models.importers.paddings import whole_padding
from models.importers.values import (
    IDENTITY,
    INPUT,
    Affine,
    Axis,
    Factor,
    Value,
    joined_rows,
    simplified,
)
from models.layer_shapes import Source, output_of

NOT_NEGATIVE = {"relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "exp"}
"""Activations after which padding with zeros changes no maximum of an imported network."""


NO_EPSILON = 1e-12
"""Least epsilon of a layer line, which adds nothing to a variance of 1 in float32."""


class Graph:
    """Graph of an imported network.

    Attributes:
        layers: Layers by key, in the order of computation.
        input_affine: Factor and summand of the first value of the input that a layer reads, which
            the declaration's mean and deviation apply: all layers read the input after it.
    """

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self.input_shape = input_shape
        self.layers: dict[str, GraphLayer] = {}
        self.input_affine: Affine | None = None
        self._reads_input = False
        self._bytes = 0
        self._constants: list[tuple[str, Affine, str]] = []

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input of an imported network in our order."""
        return self._input_shape

    @input_shape.setter
    def input_shape(self, shape: tuple[int, ...]) -> None:
        self._input_shape = bounded(shape)

    def shape(self, value: Value) -> tuple[int, ...]:
        """Return the shape of an imported value's layer in our order."""
        return self.input_shape if value.layer == INPUT else self.layers[value.layer].shape

    def operation(self, value: Value) -> Operation | None:
        """Return the operation of an imported value's layer; None for the input."""
        return None if value.layer == INPUT else self.layers[value.layer].operation

    def add(
        self,
        operation: Operation,
        read: list[Value],
        parameters: dict[str, np.ndarray] | None = None,
        origin: Origin | None = None,
    ) -> str:
        """Add a layer to the imported graph, and return its key.

        Raises:
            LayerError: It does not fit what it reads.
        """
        return self._added(operation, [self.settled(one) for one in read], parameters, origin)

    def _added(
        self,
        operation: Operation,
        settled: list[Value],
        parameters: dict[str, np.ndarray] | None = None,
        origin: Origin | None = None,
    ) -> str:
        """Add a layer that reads the outputs of other layers as they are."""
        sources = [Source(value.layer, self.shape(value), None) for value in settled]
        shape = bounded(output_of(operation, sources)[0])
        key = f"{len(self.layers)}"
        whole = {name: np.asarray(one, np.float32) for name, one in (parameters or {}).items()}
        self._bytes += sum(one.nbytes for one in whole.values())
        check_bytes(self._bytes)
        inputs = [value.layer for value in settled]
        self.layers[key] = GraphLayer(operation, inputs, shape, origin or Origin(), whole)
        return key

    def settled(self, value: Value) -> Value:
        """Return an imported value whose factor and summand a layer computes.

        Raises:
            ConversionError: Padding is left, which only convolutions and pools can take.
        """
        if value.stack:
            msg = "final states of several layers are read together, which cannot be declared"
            raise ConversionError(msg)
        if any(value.padding):
            msg = "padding can be declared only before a convolution or a pool"
            raise ConversionError(msg)
        if value.layer == INPUT:
            self._read_input(value.affine)
        value = self._remaining(value)
        if value.affine is None:
            return value
        return replace(value, layer=self._affine_layer(value, value.affine), affine=None)

    def _read_input(self, affine: Affine | None) -> None:
        """Move the factor and summand of an imported image that is read first into its mean."""
        is_image = len(self.input_shape) == 3  # noqa: PLR2004
        if not self._reads_input and is_image and affine and (affine.scale > 0).all():
            self.input_affine = affine
        self._reads_input = True

    def _remaining(self, value: Value) -> Value:
        """Return an imported value with its remaining factor and summand."""
        known = self.input_affine
        if value.layer != INPUT or known is None:
            return value
        affine = value.affine or IDENTITY
        scale = affine.scale / known.scale
        return replace(value, affine=simplified(scale, affine.shift - scale * known.shift))

    def _affine_layer(self, value: Value, affine: Affine) -> str:
        """Return the normalisation of mean 0 and variance 1 for a factor and a summand."""
        found = self._constant_layer(value)
        if found is not None:
            return found
        channels = self.shape(value)[-1:]
        scale, shift = (np.broadcast_to(one, channels) for one in affine)
        statistics = {"mean": np.zeros(channels), "var": np.ones(channels)}
        parameters = {"scale": scale, "bias": shift, **statistics}
        key = self._added(Norm("batch", NO_EPSILON), [replace(value, affine=None)], parameters)
        self._constants.append((value.layer, affine, key))
        return key

    def _constant_layer(self, value: Value) -> str | None:
        """Return the normalisation for a factor and a summand that was added before, if any."""
        for layer, affine, key in self._constants:
            is_same = value.affine and all(map(np.array_equal, affine, value.affine))
            if layer == value.layer and is_same:
                return key
        return None

    def computing_layer(self, value: Value) -> str | None:
        """Return the layer that computes an imported value whole; None if there is none yet."""
        value = self._remaining(value)
        return value.layer if value.affine is None else self._constant_layer(value)

    def scaled(self, value: Value, scale: np.ndarray, shift: np.ndarray) -> Value:
        """Return an imported value times a factor plus a summand, of each channel or of all."""
        if any(value.padding) and shift.any():
            msg = "a summand after padding cannot be declared"
            raise ConversionError(msg)
        if value.rows is not None:
            scale, shift = (one[value.rows] if one.ndim else one for one in (scale, shift))
        before = value.affine or IDENTITY
        affine = simplified(before.scale * scale, before.shift * scale + shift)
        return replace(value, affine=affine)

    def computed(self, key: str, like: Value, axes: tuple[Axis, ...] | None = None) -> Value:
        """Return the value of a new layer of the imported graph."""
        axes = like.axes if axes is None else axes
        is_vector = len(self.layers[key].shape) == 1
        return Value(key, axes, is_last=like.is_last, rows=like.rows if is_vector else None)

    def conv(
        self, value: Value, conv: Conv, parameters: dict[str, np.ndarray], origin: Origin
    ) -> Value:
        """Add a convolution; its kernel is HWIO. One of 1×1 on a vector is a dense layer."""
        if len(self.shape(value)) == 1:
            if conv.kernel != (1, 1) or conv.groups > 1:
                msg = "a convolution of a vector cannot be declared"
                raise ConversionError(msg)
            kernel = {"kernel": parameters["kernel"][0, 0]}
            return self.dense(value, parameters | kernel, origin, value.axis("C"))
        if value.pads_least:
            msg = "padding with other values than 0 cannot be declared"
            raise ConversionError(msg)
        value, padding = self._padded(value, conv)
        conv = replace(conv, padding=padding)
        key = self.add(conv, [value], parameters, origin)
        return self._mapped(key, value)

    def pool(self, value: Value, pool: Pool, origin: Origin) -> Value:
        """Add a pool; one window over whole maps is a pool of whole maps."""
        if pool.kind == "max" and any(value.padding) and not value.pads_least:
            found = self.operation(value)
            is_safe = isinstance(found, Activation) and found.function in NOT_NEGATIVE
            if value.affine is not None or not is_safe:
                msg = "zeros around maps before a max pool cannot be declared: use its padding"
                raise ConversionError(msg)
        if value.pads_least and pool.kind != "max":
            msg = "padding with other values than 0 cannot be declared"
            raise ConversionError(msg)
        is_padded = any(value.padding)
        value, padding = self._padded(value, pool)
        sides = self.shape(value)[:2]
        if pool.kernel == sides and padding in {"valid", (0, 0, 0, 0)}:
            return self.global_pool(value, pool.kind, origin, keeps_axes=True)
        counts = pool.kind == "avg" and padding != "valid" and (pool.count_padding or is_padded)
        pool = replace(pool, padding=padding, count_padding=counts)
        key = self.add(pool, [value], None, origin)
        return self._mapped(key, value)

    def _mapped(self, key: str, value: Value) -> Value:
        """Return the maps of a new layer of the imported graph, with its sizes on the axes."""
        sizes = dict(zip("HWC", self.layers[key].shape, strict=True))
        axes = tuple(
            (Factor(label, sizes[label]),) if label in sizes else axis
            for label, axis in zip(value.labels, value.axes, strict=True)
        )
        return Value(key, axes)

    def _padded(self, value: Value, operation: Conv | Pool) -> tuple[Value, Padding]:
        """Return an imported value without its padding, and that of the layer that takes it."""
        needed = {"N", "C", "H", "W"}
        if set(value.labels) - {""} != needed or len(value.axes) != 4:  # noqa: PLR2004
            msg = f"maps of axes N, C, H and W are needed, not {', '.join(value.labels)}"
            raise ConversionError(msg)
        bare = replace(value, padding=(0, 0, 0, 0), pads_least=False)
        return bare, whole_padding(operation, value.padding, self.shape(value)[:2])

    def global_pool(
        self, value: Value, kind: Literal["avg", "max"], origin: Origin, *, keeps_axes: bool
    ) -> Value:
        """Add a pool of whole maps, whose axes of rows and columns go or become of size 1."""
        key = self.add(GlobalPool(kind), [value], None, origin)
        whole = [
            () if label in {"H", "W"} else axis
            for label, axis in zip(value.labels, value.axes, strict=True)
        ]
        if not keeps_axes:
            whole = [
                axis
                for axis, label in zip(whole, value.labels, strict=True)
                if label not in {"H", "W"}
            ]
        return Value(key, tuple(whole))

    def flattened(self, value: Value, axis: int) -> Value:
        """Return an imported value with one axis as a vector; a flatten is added for maps."""
        factors = value.axes[axis]
        shape = self.shape(value)
        labels = [factor.label for factor in factors]
        if len(shape) == 1:
            if (
                labels not in (["C"], [])
                and set(labels) - {"C"}
                and prod(factor.size for factor in factors if factor.label != "C") > 1
            ):
                msg = f"values along {' and '.join(labels)} together cannot be declared"
                raise ConversionError(msg)
            return value
        if any(factor.label not in "CHW" for factor in factors) or prod(shape) != prod(
            factor.size for factor in factors
        ):
            msg = "a part of maps as a vector cannot be declared"
            raise ConversionError(msg)
        key = self.add(Flatten(), [value])
        indices = np.arange(prod(shape)).reshape([factor.size for factor in factors])
        places = [labels.index(label) for label in "HWC" if label in labels]
        rows = indices.transpose(places).reshape(-1)
        ours = None if (rows == np.arange(rows.size)).all() else rows
        axes = list(value.axes)
        axes[axis] = (Factor("C", rows.size),)
        return Value(key, tuple(axes), is_last=value.is_last, rows=ours)

    def dense(
        self, value: Value, parameters: dict[str, np.ndarray], origin: Origin, axis: int = -1
    ) -> Value:
        """Add a dense layer over one axis; over the channels of maps it is a 1×1 convolution."""
        kernel = parameters["kernel"]
        has_bias = "bias" in parameters
        axis %= len(value.axes)
        is_map = len(self.shape(value)) == 3  # noqa: PLR2004
        if is_map and value.labels[axis] == "C" and {"H", "W"} <= set(value.labels):
            conv = Conv(kernel.shape[1], (1, 1), padding="same", bias=has_bias)
            key = self.add(conv, [value], parameters | {"kernel": kernel[None, None]}, origin)
            return self._mapped(key, value)
        value = self.flattened(value, axis)
        if value.rows is not None:
            kernel = kernel[value.rows]
        key = self.add(
            Dense(kernel.shape[1], has_bias), [value], parameters | {"kernel": kernel}, origin
        )
        axes = list(value.axes)
        axes[axis] = (Factor("C", kernel.shape[1]),)
        return Value(key, tuple(axes), is_last=value.is_last)

    def norm(
        self, value: Value, norm: Norm, parameters: dict[str, np.ndarray], origin: Origin, axis: int
    ) -> Value:
        """Add a normalisation over one axis."""
        if value.labels[axis] != "C":
            value = self.flattened(value, axis)
        if value.rows is not None:
            parameters = {name: one[value.rows] for name, one in parameters.items()}
        return self.computed(self.add(norm, [value], parameters, origin), value)

    def activation(self, value: Value, function: str, slope: float = 0.0, name: str = "") -> Value:
        """Add an activation function."""
        key = self.add(Activation(function, slope), [value], None, Origin(name))
        return self.computed(key, value)

    def dropout(self, value: Value, rate: float, name: str) -> Value:
        """Add a dropout, which changes no answer."""
        if value.layer == INPUT or value.affine is not None or any(value.padding):
            return value
        rate = min(max(rate, 0.0), 0.999)
        return self.computed(self.add(Dropout(rate), [value], None, Origin(name)), value)

    def merged(self, values: list[Value], kind: Literal["add", "concat"], name: str) -> Value:
        """Add the sum of several values, or their channels one after another."""
        first = values[0]
        if len({value.is_last for value in values}) > 1:
            msg = "the last step and all steps are merged, which cannot be declared"
            raise ConversionError(msg)
        if kind == "concat":
            axis = next(i for i, label in enumerate(first.labels) if "C" in label)
            values = [self.flattened(v, axis) if v.labels[axis] != "C" else v for v in values]
        if len({value.labels for value in values}) > 1:
            found = dict.fromkeys(" x ".join(value.labels) for value in values)
            msg = f"merged values must have equal axes, not {' and '.join(found)}"
            raise ConversionError(msg)
        sizes = [self.shape(value)[-1] for value in values]
        rows = joined_rows([value.rows for value in values], sizes, kind)
        key = self.add(Merge(kind, ()), values, None, Origin(name))
        axes = tuple(
            (Factor("C", self.layers[key].shape[-1]),) if label == "C" else axis
            for label, axis in zip(values[0].labels, values[0].axes, strict=True)
        )
        return Value(key, axes, is_last=first.is_last, rows=rows)

    def recurrent(
        self, value: Value, layer: Recurrent, parameters: dict[str, np.ndarray], origin: Origin
    ) -> Value:
        """Add a recurrent layer; the value's axes are those of its input."""
        if value.is_last:
            msg = "a recurrent layer reads the last step alone, which cannot be declared"
            raise ConversionError(msg)
        key = self.add(layer, [value], parameters, origin)
        axes = tuple(
            (Factor("C", layer.units),) if "C" in label else axis
            for label, axis in zip(value.labels, value.axes, strict=True)
        )
        return Value(key, axes)

    def embedded(self, value: Value, table: np.ndarray, origin: Origin) -> Value:
        """Add an embedding of the input's symbols."""
        key = self.add(Embed(table.shape[1]), [value], {"embedding": table}, origin)
        return Value(key, (*value.axes, (Factor("C", table.shape[1]),)))
