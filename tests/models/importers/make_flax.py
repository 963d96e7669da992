"""Golden files of Flax networks: NNX and Linen weights in several formats, inputs and outputs.

python -m tests.models.importers.make_flax
"""

# ruff: noqa: D102 - forward and __call__ are the network itself

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx, serialization, traverse_util
from safetensors.numpy import save_file

GOLDEN = Path(__file__).parent / "golden"
STEPS = 9


class Images(nnx.Module):
    """CNN of Flax NNX with batch normalisation and a stride."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv1 = nnx.Conv(3, 6, (3, 3), strides=2, rngs=rngs)
        self.norm = nnx.BatchNorm(6, use_running_average=True, rngs=rngs)
        self.conv2 = nnx.Conv(6, 6, (3, 3), rngs=rngs)
        self.dropout = nnx.Dropout(0.2, deterministic=True, rngs=rngs)
        self.fc = nnx.Linear(6 * 4 * 4, 5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.norm(self.conv1(x)))
        x = nnx.max_pool(nnx.relu(self.conv2(x)), (2, 2), (2, 2))
        return self.fc(self.dropout(x.reshape(len(x), -1)))


class Sequences(nnx.Module):
    """Two recurrent layers of Flax NNX and a readout of the last step."""

    def __init__(self, cells: list[Any], units: int, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([nnx.RNN(cell) for cell in cells])
        self.readout = nnx.Linear(units, 3, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = layer(x)
        return self.readout(x[:, -1])


class LinenImages(linen.Module):
    """CNN of Flax Linen with layers that have no names."""

    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = linen.relu(linen.Conv(6, (3, 3))(x))
        x = linen.BatchNorm(use_running_average=True)(x)
        x = linen.avg_pool(linen.relu(linen.Conv(6, (3, 3))(x)), (2, 2), (2, 2))
        x = linen.relu(linen.Dense(12)(x.reshape((len(x), -1))))
        return linen.Dense(4)(x)


class LinenSequences(linen.Module):
    """Recurrent network of Flax Linen over an embedding."""

    cell: Any

    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = linen.RNN(self.cell)(linen.Embed(5, 6)(x))
        return linen.Dense(3)(x[:, -1])


def randomised(tree: Any, random: np.random.Generator) -> Any:
    """Draw all floats of a tree, of which biases and statistics are constant before training."""

    def draw(path: Any, value: Any) -> Any:
        if not jnp.issubdtype(value.dtype, jnp.floating):
            return value
        is_scale = any(word in str(path) for word in ("scale", "var"))
        drawn = (
            random.uniform(0.5, 1.5, value.shape)
            if is_scale
            else random.normal(0, 0.3, value.shape)
        )
        return jnp.asarray(drawn, jnp.float32)

    return jax.tree_util.tree_map_with_path(draw, tree)


def record(name: str, inputs: np.ndarray, output: jax.Array) -> None:
    """Write inputs and output."""
    tensors = {"inputs": inputs, "output": np.ascontiguousarray(output)}
    save_file(tensors, GOLDEN / f"{name}.reference.safetensors")


def nnx_files() -> None:
    """Write the networks of Flax NNX: safetensors of flat paths, and Orbax."""
    random = np.random.default_rng(3)
    images = random.uniform(0, 1, (2, 16, 16, 3)).astype(np.float32)
    rows = random.normal(0, 1, (2, STEPS, 4)).astype(np.float32)
    rngs = nnx.Rngs(0)
    networks: dict[str, tuple[nnx.Module, np.ndarray]] = {
        "nnx_images": (Images(rngs), images),
        "nnx_lstm": (
            Sequences([nnx.LSTMCell(4, 6, rngs=rngs), nnx.LSTMCell(6, 6, rngs=rngs)], 6, rngs),
            rows,
        ),
        "nnx_optimised": (Sequences([nnx.OptimizedLSTMCell(4, 7, rngs=rngs)], 7, rngs), rows),
        "nnx_gru": (Sequences([nnx.GRUCell(4, 5, rngs=rngs)], 5, rngs), rows),
        "nnx_simple": (Sequences([nnx.SimpleCell(4, 5, rngs=rngs)], 5, rngs), rows),
    }
    for name, (network, inputs) in networks.items():
        graph, state = nnx.split(network)
        state = randomised(state, random)
        record(name, inputs, nnx.merge(graph, state)(inputs))
        pure = nnx.to_pure_dict(state)
        flat = {
            ".".join(map(str, path)): np.ascontiguousarray(value)
            for path, value in traverse_util.flatten_dict(pure).items()
            if not jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
        }
        save_file(flat, GOLDEN / f"{name}.safetensors")


def linen_files() -> None:
    """Write the networks of Flax Linen: msgpack and npz of flat paths."""
    random = np.random.default_rng(4)
    images = random.uniform(0, 1, (2, 8, 8, 1)).astype(np.float32)
    symbols = random.integers(0, 5, (2, STEPS)).astype(np.int32)
    networks: dict[str, tuple[linen.Module, np.ndarray]] = {
        "linen_images": (LinenImages(), images),
        "linen_lstm": (LinenSequences(linen.LSTMCell(6)), symbols),
        "linen_optimised": (LinenSequences(linen.OptimizedLSTMCell(6)), symbols),
        "linen_gru": (LinenSequences(linen.GRUCell(6)), symbols),
        "linen_simple": (LinenSequences(linen.SimpleCell(6)), symbols),
    }
    for name, (network, inputs) in networks.items():
        variables = randomised(network.init(jax.random.key(0), inputs), random)
        record(name, inputs, network.apply(variables, inputs))
        (GOLDEN / f"{name}.msgpack").write_bytes(serialization.to_bytes(variables))
        flat = traverse_util.flatten_dict(variables, sep="/")
        np.savez(GOLDEN / f"{name}.npz", **{key: np.asarray(one) for key, one in flat.items()})


if __name__ == "__main__":
    nnx_files()
    linen_files()
