"""A receptive field is the support of a gradient, where nothing can hide a dependence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from starlette.testclient import TestClient

from tests.networks import SIMPLE_CNN

LAYERS = SIMPLE_CNN.layers
MAPS = SIMPLE_CNN.maps


def positive_network(image: jax.Array, layer: str) -> jax.Array:
    """The network's architecture with one channel and weights of 1; pools add instead of choosing.

    With these no value can be hidden by another, so that a gradient is zero only where nothing
    connects pixel and unit.
    """
    maps, kernel = image[None, :, :, None], jnp.ones((3, 3, 1, 1), jnp.float32)
    for name in MAPS:
        if name.startswith("conv"):
            maps = lax.conv_general_dilated(
                maps, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
        elif name.startswith("pool"):
            maps = lax.reduce_window(maps, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        if name == layer:
            break
    return maps[0, :, :, 0]


@pytest.mark.parametrize("layer", MAPS)
def test_mask_is_the_support_of_the_gradient(layer: str, client: TestClient) -> None:
    """At the corners, an edge and in the middle."""
    last = LAYERS[layer].shape[0] - 1
    image = jnp.ones((28, 28), jnp.float32)
    _, back = jax.vjp(lambda image: positive_network(image, layer), image)
    for y, x in ((0, 0), (last, last), (0, last // 2), (last // 2, last // 2 + 1), (1, last)):
        (gradient,) = back(jnp.zeros((last + 1, last + 1), jnp.float32).at[y, x].set(1.0))
        answer = client.get("/cnn/field", params={"layer": layer, "y": y, "x": x}).json()
        mask = np.array(answer["tensors"][0]["data"])
        told = {one["name"]: one["value"] for one in answer["measures"]}

        np.testing.assert_array_equal(mask, np.asarray(gradient) > 0)
        rows, columns = np.nonzero(mask)
        assert (told["top"], told["bottom"]) == (rows.min(), rows.max())
        assert (told["left"], told["right"]) == (columns.min(), columns.max())


def test_dense_units_see_everything(client: TestClient) -> None:
    """So do the logits; a place of theirs is refused, as is one that a map does not have."""
    answer = client.get("/cnn/field?layer=logits").json()
    assert np.array(answer["tensors"][0]["data"]).all()
    refused = client.get("/cnn/field?layer=relu4&x=0")
    assert refused.status_code == 422
    assert "relu4 has no maps" in refused.json()["detail"]
    refused = client.get("/cnn/field?layer=conv3&y=7")
    assert refused.json()["detail"] == "y 7 of conv3 is not one of its 7 (0 to 6)."
