"""Windows along one axis against listed positions, and receptive fields of a few layers."""

from itertools import product

import jax
import numpy as np
import pytest
from jaxtyping import Array, Float

from models.cnn.maps import pool
from models.declaration.layer_line import parse_line
from models.declaration.operations import Conv, LayerError, Pool
from models.windows import Windows, behind, input_field, united, windows
from tests.oracles.window_positions import along


def of(line: str, inputs: int, axis: int = 0) -> Windows:
    """The windows of a layer line along an axis."""
    operation = parse_line(line).operation
    assert isinstance(operation, Conv | Pool)
    return windows(operation, axis, inputs)


PADDINGS = ("", "same", "valid", "pad 1", "pad 0 2 0 2", "pad 3 1 3 1")


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("layer", ["conv 1", "pool", "pool avg ceil"])
def test_windows_are_those_that_positions_show(layer: str, padding: str) -> None:
    """Count, padding and span of windows are those of positions that are listed one by one."""
    compared = 0
    for size, stride, dilation, side in product((1, 2, 3, 5), (1, 2, 3), (1, 2, 3), (1, 4, 5, 8)):
        dilated = f"dilation {dilation}" if layer.startswith("conv") else ""
        line = f"{layer} {size}x{size} stride {stride} {padding} {dilated}"
        operation = parse_line(line).operation
        assert isinstance(operation, Conv | Pool)
        try:
            expected = along(operation, 0, side)
        except ValueError:
            expected = None
        is_refused = expected is None or (
            isinstance(operation, Pool) and not expected.inside.any(1).all()
        )
        if is_refused:
            with pytest.raises(LayerError):
                windows(operation, 0, side)
            continue
        assert expected is not None
        found = windows(operation, 0, side)
        compared += 1
        assert found.count == len(expected.positions), (line, side)
        assert found.before == max(-int(expected.positions.min()), 0) or "pad" in padding
        reach = int(expected.positions.max()) - side + 1
        assert found.after >= reach
        for index, inside in enumerate(expected.inside):
            positions = expected.positions[index][inside]
            first, last = found.span(index)
            assert np.array_equal(np.arange(first, last + 1, found.dilation), positions), (
                line,
                side,
            )
    assert compared > 20


@pytest.mark.parametrize("padding", [*PADDINGS, "pad 0 3 0 3"])
@pytest.mark.parametrize("kind", ["max", "avg", "avg countpad"])
def test_pools_compute_maps_of_the_declared_size(kind: str, padding: str) -> None:
    """As many windows are computed as the shape of a layer says, or the line is refused."""
    compared = 0
    for size, stride, side, last in product((2, 3, 5), (1, 2), (4, 5), ("", "ceil")):
        line = f"pool {kind} {size}x{size} stride {stride} {padding} {last}"
        operation = parse_line(line).operation
        assert isinstance(operation, Pool)
        try:
            count = windows(operation, 0, side).count
        except LayerError:
            continue
        compared += 1
        maps = jax.ShapeDtypeStruct((1, side, side, 1), np.float32)
        made = jax.eval_shape(lambda maps, one=operation: pool(one, maps, halved), maps)
        assert made.shape == (1, count, count, 1), (line, side)
    assert compared > 3


def halved(maps: Float[Array, "..."]) -> Float[Array, "..."]:
    """Maps of half the size, as those of a max pool of 2x2 windows."""
    return maps[:, ::2, ::2]


def test_columns_have_their_own_geometry() -> None:
    """Of two numbers the first is for rows; of four the last two are for columns."""
    line = "conv 1 3x5 stride 1x2 pad 0 1 2 3 dilation 2x1"

    assert of(line, 9) == Windows(3, 1, 2, 0, 1, 6, 9)
    assert of(line, 9, axis=1) == Windows(5, 2, 1, 2, 3, 5, 9)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "conv 1 5x5 valid",
            "its windows of 5 rows do not fit into 4: use smaller windows or same",
        ),
        ("conv 1 3x3 dilation 4 pad 1", "its windows of 9 rows do not fit into 4 and 2 of padding"),
        ("pool 2x2 pad 2", "a window has padding alone: use less padding"),
        ("pool 2x2 stride 1 pad 0 2 0 2 ceil", "a window has padding alone: use less padding"),
    ],
)
def test_windows_that_do_not_fit_are_refused(line: str, sentence: str) -> None:
    """The size of the windows and that of the map are named."""
    with pytest.raises(LayerError, match=sentence):
        of(line, 4)


def test_receptive_fields_of_layers_behind_each_other() -> None:
    """Each layer widens the field by its window times the jump before it."""
    field = input_field(28)
    for line, size, jump, before in (
        ("conv 1", 3, 1, 1),
        ("pool", 4, 2, 1),
        ("conv 1", 8, 2, 3),
        ("pool", 10, 4, 3),
        ("conv 1", 18, 4, 7),
    ):
        field = behind(field, of(line, len(field.spans)))
        assert field[:3] == (size, jump, before)
    assert [field.span(index) for index in (0, 3, 6)] == [(0, 10), (5, 22), (17, 27)]


def test_a_window_of_padding_alone_has_an_empty_field() -> None:
    """It reads no pixel, and neither stretches the field of a layer behind it nor of a sum."""
    padded = behind(input_field(4), of("conv 1 1x1 pad 2", 4))
    wide = behind(padded, of("conv 1 3x3 valid", 8))

    assert padded.spans == ((0, -1), (0, -1), (0, 0), (1, 1), (2, 2), (3, 3), (0, -1), (0, -1))
    assert wide.spans == ((0, 0), (0, 1), (0, 2), (1, 3), (2, 3), (3, 3))
    shifted = input_field(8)
    assert united([padded, shifted]).spans[6:] == ((6, 6), (7, 7))


def test_a_merged_field_covers_all_layers_that_are_merged() -> None:
    """The field of a sum is the smallest that has the fields of its summands."""
    field = input_field(12)
    wide = behind(field, of("conv 1 5x5", 12))
    shifted = behind(field, of("conv 1 3x3 pad 0 2 0 2", 12))
    merged = united([field, wide, shifted])

    assert merged[:3] == (5, 1, 2)
    assert merged.span(6) == (4, 8)
    assert united([field, shifted])[:3] == (3, 1, 0)
