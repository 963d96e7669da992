"""Windows of convolutions and pools along one axis: padding, output size, receptive field."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from models.declaration.operations import Conv, LayerError, Padding, Pool


@dataclass(frozen=True)
class Windows:
    """Windows of a convolution or a pool along one axis of a map.

    Attributes:
        size: Positions of one window.
        stride: Distance of two windows.
        dilation: Distance of two positions of a window.
        before: Padding at the low end.
        after: Padding at the high end, with that of a last window that is partly outside.
        count: Number of windows, which is the size of the output.
        inputs: Size of the input.
    """

    size: int
    stride: int
    dilation: int
    before: int
    after: int
    count: int
    inputs: int

    def span(self, index: int) -> tuple[int, int]:
        """Return the first and the last input position of a window, within the map.

        The first is greater than the last where the window has padding alone.
        """
        start = index * self.stride - self.before
        # A dilated window that begins in the padding begins in the map at its next position.
        first = start if start >= 0 else start % self.dilation
        last = start + (self.size - 1) * self.dilation
        if last >= self.inputs:
            last -= -(-(last - self.inputs + 1) // self.dilation) * self.dilation
        return first, last

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """First and last input position of every window."""
        return tuple(self.span(index) for index in range(self.count))


def windows(operation: Conv | Pool, axis: int, inputs: int) -> Windows:
    """Return the windows of a convolution or a pool along one axis of its input.

    Args:
        axis: 0 for rows, 1 for columns.
        inputs: Size of the input along it.

    Raises:
        LayerError: No window fits.
    """
    size, stride = operation.kernel[axis], operation.stride[axis]
    dilation = operation.dilation[axis] if isinstance(operation, Conv) else 1
    extent = (size - 1) * dilation + 1
    before, after = _padding(operation.padding, axis, inputs, extent, stride)
    ceil = isinstance(operation, Pool) and operation.ceil
    free = inputs + before + after - extent
    if free < 0:
        msg = (
            f"its windows of {extent} {('rows', 'columns')[axis]} do not fit into {inputs}"
            f"{f' and {before + after} of padding' if before + after else ''}: use smaller windows "
            "or same"
        )
        raise LayerError(msg)
    count = free // stride + 1
    # As in PyTorch: a last window that would begin beyond the map is left out.
    if ceil and free % stride and count * stride < inputs + before:
        count += 1
    beyond = (count - 1) * stride + extent - inputs - before
    found = Windows(size, stride, dilation, before, max(after, beyond), count, inputs)
    if isinstance(operation, Pool) and any(first > last for first, last in found.spans):
        msg = "a window has padding alone: use less padding"
        raise LayerError(msg)
    return found


def _padding(padding: Padding, axis: int, inputs: int, extent: int, stride: int) -> tuple[int, int]:
    """Return the padding at the low and the high end of one axis."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        # As many windows as strides fit into the map; an odd rest goes to the high end.
        total = max((-(-inputs // stride) - 1) * stride + extent - inputs, 0)
        return total // 2, total - total // 2
    top, bottom, left, right = padding
    return (top, bottom) if axis == 0 else (left, right)


class ReceptiveField(NamedTuple):
    """Receptive field of a layer's values along one axis of the image.

    Without the borders, output row i reads `size` input rows from jump · i - before on; where
    layers of different jumps are merged, that holds for row 0.

    Attributes:
        spans: First and last input row of each output row, in the image; (0, -1) where it reads
            padding alone.

    References:
        Araujo, Norris & Sim (2019), Computing receptive fields of convolutional neural networks.
    """

    size: int
    jump: int
    before: int
    spans: tuple[tuple[int, int], ...]

    def span(self, index: int) -> tuple[int, int]:
        """Return first and last row of the image in the receptive field of output row `index`."""
        return self.spans[index]


def input_field(side: int) -> ReceptiveField:
    """Return the receptive field of the input itself: each row reads itself."""
    return ReceptiveField(1, 1, 0, tuple((index, index) for index in range(side)))


def behind(field: ReceptiveField, axis: Windows) -> ReceptiveField:
    """Return the receptive field of windows over values that have a receptive field."""
    spans = [
        _hull(field.spans[at] for at in range(first, last + 1, axis.dilation))
        for first, last in axis.spans
    ]
    extent = (axis.size - 1) * axis.dilation
    return ReceptiveField(
        field.size + extent * field.jump,
        field.jump * axis.stride,
        field.before + axis.before * field.jump,
        tuple(spans),
    )


def united(fields: list[ReceptiveField]) -> ReceptiveField:
    """Return the receptive field of values that read several layers of one size."""
    spans = tuple(_hull(each) for each in zip(*(field.spans for field in fields), strict=True))
    before = max(field.before for field in fields)
    size = max(field.size - field.before for field in fields) + before
    return ReceptiveField(size, fields[0].jump, before, spans)


def _hull(spans: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the first and the last row of several spans; (0, -1) if all of them are empty."""
    # A window of padding alone reads nothing, and must not stretch the field to row 0.
    filled = [span for span in spans if span[0] <= span[1]]
    return min((first for first, _ in filled), default=0), max((e for _, e in filled), default=-1)
