"""Networks of images from declarations against a float64 interpreter."""

from collections.abc import Callable
from functools import partial

import jax
import numpy as np
import pytest
from flax import nnx

from models.cnn.analyses import image_analyses
from models.cnn.layout import layout_of
from models.cnn.network import ImageNetwork
from models.cnn.programs import image_programs, network_definition
from models.declaration.declaration import parse_declaration
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from models.runtime.parameters import GraphDefinition, named
from models.runtime.programs import Program
from tests.models.cnn.networks import LAYERS, architecture, drawn, on_device
from tests.oracles.interpreter import Values, interpret
from tests.oracles.window_positions import along

STEP = 1e-5

TWO_CLASSES = """
format = 1
classes = ["no", "yes"]
input = { image = [6, 5, 1], mean = 0.5, std = 0.25 }
layers = ["conv 3", "relu", "globalpool", "dense 1", "sigmoid"]
"""


def channel_last(values: dict[str, jax.Array]) -> Values:
    """Return outputs of one image with their channels last, as the interpreter has them."""
    return {name: np.moveaxis(np.asarray(value[0]), 0, -1) for name, value in values.items()}


def program(found: list[Program], name: str) -> Callable[..., dict[str, jax.Array]]:
    """Return a program by its name, compiled."""
    return jax.jit(next(one for one in found if one.name == name))


def close(made: np.ndarray, expected: np.ndarray) -> bool:
    """Whether float32 values are close to those of the oracle, in units of the largest."""
    return bool(np.abs(made - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_every_value_equals_the_interpreter(layers: tuple[str, ...]) -> None:
    """Each activation of the trace program equals the definition in float64."""
    found = architecture(layers)
    parameters, image = drawn(found, 1)

    expected = interpret(found.declaration, parameters, image)
    trace = program(image_programs(found), "trace")
    made = channel_last(trace(on_device(parameters), {"image": image[None]}))

    assert made.keys() == expected.keys() == found.layers.keys()
    assert [name for name in expected if not close(made[name], expected[name])] == []


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_image_gradients_are_slopes_of_the_interpreter(layers: tuple[str, ...]) -> None:
    """Along a drawn direction the gradients by the image are differences in float64."""
    found = architecture(layers)
    layout, random = layout_of(found), np.random.default_rng(2)
    parameters, image = drawn(found, 2)
    target = random.normal(size=3).astype(np.float32)
    weights = random.normal(size=layout.linear_count).astype(np.float32)
    direction = random.normal(size=image.shape)

    ends = [
        interpret(found.declaration, parameters, image + sign * STEP * direction)
        for sign in (1, -1)
    ]
    flat = [np.concatenate([end[name].ravel() for name in layout.linear_layers]) for end in ends]
    slopes = {
        "gradient": target @ (ends[0]["logits"] - ends[1]["logits"]) / (2 * STEP),
        "push": weights @ (flat[0] - flat[1]) / (2 * STEP),
    }
    for name, row in (("gradient", {"target": target}), ("push", {"weights": weights})):
        rows = {key: value[None] for key, value in {"image": image, **row}.items()}
        (gradient,) = program(image_analyses(found), name)(on_device(parameters), rows)["gradient"]
        assert gradient.shape == image.shape
        size = max(1.0, float(np.linalg.norm(gradient)))
        assert abs((np.asarray(gradient) * direction).sum() - slopes[name]) < 1e-5 * size


@pytest.mark.parametrize("name", ["norms", "max pools", "skip", "branches"])
def test_layer_gradients_are_those_of_the_plain_network(name: str) -> None:
    """Gradients by every map equal the derivative of the network without faster gradients."""
    found = architecture(LAYERS[name])
    parameters, image = drawn(found, 3)
    target = np.array([1.0, -2.0, 0.5], np.float32)
    held = on_device(parameters)
    halve = partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2))
    plain = GraphDefinition(lambda: ImageNetwork(found, nnx.Rngs(0), halve=halve))

    def score(offset: jax.Array, at: str) -> jax.Array:
        shown = jax.numpy.asarray(image[None])
        trace = plain.merge(held).trace(shown, lambda n, v: v + offset if n == at else v)
        return (trace["logits"] * target[None]).sum()

    rows = {"image": image[None], "target": target[None]}
    made = channel_last(program(image_analyses(found), "layer_gradient")(held, rows))
    for layer in found.maps:
        zeros = jax.numpy.zeros((1, *found.layers[layer].shape))
        (expected,) = jax.jit(jax.grad(score), static_argnums=1)(zeros, layer)
        assert close(made[f"{layer}.gradient"], np.asarray(expected)), layer


POOLS = {
    "pool": "[6, 8, 3]",
    "pool 2x2": "[7, 5, 3]",
    "pool ceil": "[7, 5, 1]",
    "pool 3x3 stride 1 same": "[6, 5, 3]",
    "pool 3x2 stride 2 pad 1": "[7, 6, 1]",
}


@pytest.mark.parametrize("line", POOLS)
def test_the_first_of_equal_maxima_has_the_gradient(line: str) -> None:
    """Ties are decided alike in every max pool: by row, then by column, as in PyTorch."""
    found = architecture((line,), POOLS[line])
    node, random = found.nodes[0], np.random.default_rng(4)
    height, width, channels = (found.image.height, found.image.width, found.image.channels)
    image = random.integers(0, 3, (height, width, channels)).astype(np.float32)
    parameters, _ = drawn(found, 4)
    target = np.array([1.0, 2.0, -1.0], np.float32)

    by_pool = (parameters["output.kernel"] @ target).reshape(node.shape)
    expected = np.zeros(image.shape)
    rows, columns = (along(node.operation, axis, image.shape[axis]) for axis in (0, 1))
    for y, x, channel in np.ndindex(node.shape):
        read = np.ix_(rows.positions[y][rows.inside[y]], columns.positions[x][columns.inside[x]])
        at = np.unravel_index(image[..., channel][read].argmax(), image[..., channel][read].shape)
        place = (read[0][at[0], 0], read[1][0, at[1]], channel)
        expected[place] += by_pool[y, x, channel]

    row = {"image": image[None], "target": target[None]}
    made = program(image_analyses(found), "gradient")(on_device(parameters), row)["gradient"][0]
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_a_global_maximum_has_the_gradient_once() -> None:
    """Of equal maxima of a whole map the first has the gradient, too."""
    found = architecture(("globalpool max",), "[3, 4, 1]")
    parameters, _ = drawn(found, 5)
    image = np.full((1, 3, 4, 1), 2.0, np.float32)

    row = {"image": image, "target": np.array([[0.0, 1.0, 0.0]], np.float32)}
    made = program(image_analyses(found), "gradient")(on_device(parameters), row)["gradient"][0]

    expected = np.zeros((3, 4, 1), np.float32)
    expected[0, 0, 0] = parameters["output.kernel"][0, 1]
    np.testing.assert_array_equal(made, expected)


def test_one_unit_is_the_second_of_two_logits() -> None:
    """A network with a sigmoid unit has its value and the logits 0 and z."""
    found = derive(parse_declaration(TWO_CLASSES))
    parameters, image = drawn(found, 6)

    expected = interpret(found.declaration, parameters, image)
    trace = program(image_programs(found), "trace")
    made = channel_last(trace(on_device(parameters), {"image": image[None]}))

    assert made.keys() == found.layers.keys()
    assert made["logits"][0] == 0
    assert made["logits"][1] == made["output"][0]
    assert close(made["logits"], expected["logits"])


def test_edits_reach_all_that_read_the_layer() -> None:
    """A replaced value is what a skip reads; without edits every value is that of the trace."""
    found = architecture(LAYERS["skip"])
    layout = layout_of(found)
    parameters, image = drawn(found, 7)
    held, run = on_device(parameters), program(image_analyses(found), "intervene")
    scale = np.ones(layout.value_count, np.float32)
    shift = np.zeros(layout.value_count, np.float32)

    plain = run(held, {"image": image[None], "scale": scale[None], "shift": shift[None]})
    # On CPU the device may still read the arrays of the first call.
    scale, shift = scale.copy(), shift.copy()
    scale[layout.slices["stem"]], shift[layout.slices["stem"]] = 0, 0.5
    made = channel_last(
        run(held, {"image": image[None], "scale": scale[None], "shift": shift[None]})
    )

    expected = interpret(found.declaration, parameters, image)
    assert all(close(value, expected[name]) for name, value in channel_last(plain).items())
    assert (made["stem"] == 0.5).all()
    assert (made["relu1"] == 0.5).all()
    assert close(made["add1"], made["norm1"] + 0.5)
    assert close(made["add2"], made["relu2"] + 1.0)


def test_an_infinite_value_is_replaced_by_an_edit() -> None:
    """A scale of 0 leaves the shift alone, and everything that reads it is finite."""
    found = architecture(("stem: conv 4", "exp", "globalpool"))
    layout = layout_of(found)
    parameters, image = drawn(found, 7)
    parameters["stem.bias"] = np.full(4, 200, np.float32)
    scale = np.ones((1, layout.value_count), np.float32)
    shift = np.zeros((1, layout.value_count), np.float32)
    scale[:, layout.slices["exp1"]], shift[:, layout.slices["exp1"]] = 0, 0.5
    rows = {"image": image[None], "scale": scale, "shift": shift}

    made = program(image_analyses(found), "intervene")(on_device(parameters), rows)

    assert (made["exp1"] == 0.5).all()
    assert np.isfinite(made["logits"]).all()


def test_infinite_values_of_other_layers_are_not_maximised() -> None:
    """A unit before a layer that overflows has its value, and the gradient of its own sum."""
    found = architecture(("stem: conv 4", "exp", "top: conv 4", "exp", "globalpool"))
    layout = layout_of(found)
    parameters, image = drawn(found, 7)
    weights = np.zeros((1, layout.linear_count), np.float32)
    weights[0, 100] = 1.0
    run = program(image_analyses(found), "push")
    rows = {"image": image[None], "weights": weights}

    plain = jax.device_get(run(on_device(parameters), rows))
    moved = {**parameters, "stem.bias": parameters["stem.bias"] + np.float32(200)}
    steep = jax.device_get(run(on_device(moved), rows))

    assert layout.linear_layers[0] == "stem"
    np.testing.assert_allclose(steep["value"], plain["value"] + 200, rtol=1e-5)
    np.testing.assert_allclose(steep["gradient"], plain["gradient"], rtol=1e-5, atol=1e-6)
    assert np.abs(steep["gradient"]).max() > 0


def test_parameters_have_the_names_of_the_declaration() -> None:
    """Also the statistics of batch normalisation, which training measures and does not learn."""
    found = architecture(LAYERS["norms"])
    network = ImageNetwork(found, nnx.Rngs(0))

    made = named(network)

    assert {name: value.shape for name, value in made.items()} == found.parameters
    assert network_definition(found).shapes == found.parameters
    assert {"norm1.scale", "norm1.bias", "norm1.mean", "norm1.var"} < made.keys()


@pytest.mark.parametrize("name", ["trace", "train", "eval"])
def test_a_layer_cannot_have_the_name_of_a_method(name: str) -> None:
    """It would hide a method of the module; the sentence names a way out."""
    with pytest.raises(DeclarationError, match=f"the name '{name}' is reserved: give another"):
        architecture((f"{name}: conv 4",))


def test_rows_hold_what_the_network_reads() -> None:
    """Float32 maps of a declared size; the detector of other marks is for digits alone."""
    found = architecture(LAYERS["halving"])

    predict, trace = image_programs(found)

    assert predict.row == trace.row == {"image": jax.ShapeDtypeStruct((9, 8, 3), np.float32)}
    rows = {"image": np.zeros((2, 9, 8, 3), np.float32)}
    shapes = jax.eval_shape(predict, on_device(drawn(found, 8)[0]), rows)
    assert {name: one.shape for name, one in shapes.items()} == {"logits": (2, 3)}
    assert "convolve" not in {one.name for one in image_analyses(found)}
