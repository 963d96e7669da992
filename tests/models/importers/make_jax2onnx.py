"""Golden file of an ONNX network that jax2onnx exported from Flax, with inputs and answers.

Run with jax2onnx, which the tests themselves do not need:

    python tests/models/importers/make_jax2onnx.py
"""

# ruff: noqa: D102 - __call__ is the network itself

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from flax import nnx
from jax2onnx import to_onnx
from safetensors.numpy import save_file

GOLDEN = Path(__file__).parent / "golden"


class Images(nnx.Module):
    """CNN with batch normalisation, a stride and the GELU of JAX, which is that by tanh."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv1 = nnx.Conv(3, 6, (3, 3), strides=2, rngs=rngs)
        self.norm = nnx.BatchNorm(6, use_running_average=True, rngs=rngs)
        self.conv2 = nnx.Conv(6, 6, (3, 3), rngs=rngs)
        self.fc = nnx.Linear(6 * 4 * 4, 5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.norm(self.conv1(x)))
        x = nnx.max_pool(nnx.gelu(self.conv2(x)), window_shape=(2, 2), strides=(2, 2))
        return self.fc(x.reshape(x.shape[0], -1))


def main() -> None:
    """Write the golden files."""
    random = np.random.default_rng(5)
    network = Images(nnx.Rngs(0))
    network.norm.mean[...] = jnp.asarray(random.normal(0, 0.3, 6), jnp.float32)
    network.norm.var[...] = jnp.asarray(random.uniform(0.5, 2, 6), jnp.float32)
    onnx.save(to_onnx(network, [("batch", 16, 16, 3)]), GOLDEN / "jax2onnx.onnx")
    inputs = random.uniform(0, 1, (2, 16, 16, 3)).astype(np.float32)
    answers = {"inputs": inputs, "output": np.ascontiguousarray(network(inputs))}
    save_file(answers, GOLDEN / "jax2onnx.reference.safetensors")


if __name__ == "__main__":
    main()
