"""SimpleCNN against other implementations of the same network."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from models.cnn import ood_detector
from models.cnn.gradients import convolve_for_training
from models.cnn.programs import image_programs, network_definition
from models.cnn.simple_cnn import simple_architecture, simple_cnn
from models.runtime.parameters import named
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace
from tests.oracles.parameters import CNN_SHAPES, draw, draw_images

GOLDEN = Path(__file__).parents[2] / "golden" / "cnn.npz"
LAYERS = simple_architecture().layers
GRAPHDEF = network_definition(simple_architecture())
PROGRAM = jax.jit(image_programs(simple_architecture())[1])


def trace(image: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Run the trace program on one image with drawn parameters; channels last."""
    parameters = jax.device_put(draw(CNN_SHAPES, seed) | ood_detector.load().program_parameters)
    made = PROGRAM(parameters, {"image": jnp.asarray(image[None])})
    return {name: np.moveaxis(made[name][0], 0, -1) for name in made.keys() & SIMPLE_CNN.layers}


def test_the_architecture_has_458570_parameters() -> None:
    """The network is exactly the one that is promised, layer by layer."""
    assert GRAPHDEF.shapes == CNN_SHAPES
    assert sum(int(np.prod(shape)) for shape in GRAPHDEF.shapes.values()) == 458_570


@pytest.mark.parametrize("seed", [1, 2])
def test_every_layer_equals_float64_numpy(seed: int) -> None:
    """Each activation equals the definition in float64, to float32 rounding."""
    image = draw_images(1, seed)[0]

    expected = cnn_trace(image, draw(CNN_SHAPES, seed))
    made = trace(image, seed)

    assert set(SIMPLE_CNN.layers) == set(expected) == set(made)
    for name, value in expected.items():
        np.testing.assert_allclose(made[name], value, rtol=1e-4, atol=2e-6, err_msg=name)


def test_every_layer_equals_pytorch() -> None:
    """Each activation equals that of PyTorch with these weights."""
    made = trace(draw_images(1, 7)[0], 7)

    with np.load(GOLDEN) as golden:
        assert set(golden) == set(SIMPLE_CNN.layers)
        for name, value in golden.items():
            np.testing.assert_allclose(made[name], value, rtol=1e-4, atol=2e-6, err_msg=name)


def test_the_oracle_notices_a_flipped_kernel() -> None:
    """The oracle distinguishes cross-correlation from convolution with a flipped kernel."""
    held = draw(CNN_SHAPES, 7)
    held["conv1.kernel"] = held["conv1.kernel"][::-1, ::-1]

    flipped = cnn_trace(draw_images(1, 7)[0], held)

    assert np.abs(flipped["logits"] - trace(draw_images(1, 7)[0], 7)["logits"]).max() > 1e-3


def test_layer_table_describes_the_trace() -> None:
    """Shapes in the table are those that the program gives."""
    made = trace(draw_images(1, 3)[0], 3)

    assert {name: value.shape for name, value in made.items()} == {
        name: layer.shape for name, layer in SIMPLE_CNN.layers.items()
    }


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_training_convolves_as_inference_does(batch: int, channels: int) -> None:
    """Training's convolution has the values of inference's, and the gradients that JAX derives."""
    random = np.random.default_rng(4)
    maps = jnp.asarray(random.normal(size=(batch, 6, 5, channels)), jnp.float32)
    kernel = jnp.asarray(random.normal(size=(3, 3, channels, 4)), jnp.float32)
    weight = jnp.asarray(random.normal(size=(batch, 6, 5, 4)), jnp.float32)

    def plain(maps: jax.Array, kernel: jax.Array) -> jax.Array:
        layout = ("NHWC", "HWIO", "NHWC")
        made = jax.lax.conv_general_dilated(maps, kernel, (1, 1), "SAME", dimension_numbers=layout)
        return (made * weight).sum()

    def for_training(maps: jax.Array, kernel: jax.Array) -> jax.Array:
        return (convolve_for_training(maps, kernel) * weight).sum()

    expected = jax.value_and_grad(plain, (0, 1))(maps, kernel)
    made = jax.value_and_grad(for_training, (0, 1))(maps, kernel)
    for one, other in zip(jax.tree.leaves(expected), jax.tree.leaves(made), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("sides", "stride", "padding", "dilation", "groups"),
    [
        ((3, 3), (2, 2), ((0, 1), (0, 1)), (1, 1), 1),
        ((5, 3), (1, 2), ((0, 0), (2, 1)), (2, 1), 1),
        ((1, 1), (1, 1), ((1, 1), (1, 2)), (1, 1), 1),
        ((3, 3), (2, 1), ((1, 1), (1, 1)), (1, 1), 6),
        ((3, 2), (1, 1), ((1, 0), (1, 1)), (1, 2), 2),
        ((8, 7), (1, 1), ((0, 0), (0, 0)), (1, 1), 3),
    ],
)
def test_training_convolves_in_every_geometry(
    sides: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    """Values and gradients are those of JAX's convolution and its derivative."""
    random = np.random.default_rng(5)
    maps = jnp.asarray(random.normal(size=(3, 9, 8, 6)), jnp.float32)
    kernel = jnp.asarray(random.normal(size=(*sides, 6 // groups, 12)), jnp.float32)
    options = {"rhs_dilation": dilation, "feature_group_count": groups}

    def plain(maps: jax.Array, kernel: jax.Array) -> jax.Array:
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            maps, kernel, stride, padding, dimension_numbers=layout, **options
        )

    expected, back = jax.vjp(plain, maps, kernel)
    made, own = jax.vjp(
        lambda *given: convolve_for_training(*given, stride, padding, **options), maps, kernel
    )
    weight = jnp.asarray(random.normal(size=expected.shape), jnp.float32)
    for one, other in zip((expected, *back(weight)), (made, *own(weight)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name", [name for name, layer in SIMPLE_CNN.layers.items() if layer.receptive_field]
)
def test_receptive_fields_are_where_the_gradient_is(name: str) -> None:
    """A value depends on exactly the pixels that the table names."""
    model = simple_cnn(nnx.Rngs(0))
    state = nnx.state(model)
    nnx.update(model, jax.tree.map(lambda value: jnp.abs(value) + 0.01, state))
    fields, side = SIMPLE_CNN.layers[name].receptive_field, SIMPLE_CNN.layers[name].shape[0]
    assert fields is not None

    @jax.jit
    @jax.grad
    def gradient(image: jax.Array, index: jax.Array) -> jax.Array:
        return model.trace(image)[name][0, index, index].sum()

    for index in (0, side // 2, side - 1):
        # Brightening a quarter of the pixels at a time makes each the winner of its window once.
        seen = np.zeros((28, 28))
        for y, x in np.ndindex(2, 2):
            image = jnp.full((1, 28, 28, 1), 0.5).at[:, y::2, x::2].add(0.3)
            seen += np.abs(np.asarray(gradient(image, jnp.asarray(index))))[0, ..., 0]
        rows = np.flatnonzero(seen.sum(axis=1))
        assert (rows.min(), rows.max()) == fields[0].span(index) == fields[1].span(index)


def test_named_and_fill_are_inverse() -> None:
    """Parameters taken from a module and put back are the same parameters."""
    model = simple_cnn(nnx.Rngs(5))
    names = named(model)

    again = named(GRAPHDEF.merge(names))

    assert set(names) == set(CNN_SHAPES)
    for name, value in names.items():
        np.testing.assert_array_equal(value, again[name])
