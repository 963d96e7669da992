"""Roofline of a device: launch time, float32 products and copies, and the limit of a program."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from models.runtime.programs import MATMUL_PRECISION
from scripts.bench.programs import Function, costs


@dataclass(frozen=True)
class Roofline:
    """Roofline of a device, measured: the times below which no program can be.

    Attributes:
        launch_s: Seconds of a call that computes nothing.
        flops_per_s: Float32 operations per second of a large matrix product.
        bytes_per_s: Bytes read and written per second by an addition to a large array.
    """

    launch_s: float
    flops_per_s: float
    bytes_per_s: float

    def limit(self, seconds: float, flops: float, moved: float) -> tuple[str, float]:
        """Return the limit of a call on the roofline, and its share of the measured time.

        Args:
            flops, moved: Operations, and bytes read and written, by the compiler's estimate.
        """
        least = {
            "launch": self.launch_s,
            "arithmetic": flops / self.flops_per_s,
            "memory": moved / self.bytes_per_s,
        }
        name = max(least, key=lambda one: least[one])
        return name, least[name] / seconds


def measure(side: int, size: int) -> Roofline:
    """Measure the roofline of the default device.

    Args:
        side: Rows and columns of the matrices.
        size: Bytes of the copied array.
    """
    one, matrix = jnp.zeros(1), jnp.ones((side, side))
    array = jnp.zeros(size // 4)
    add = jax.jit(lambda x: x + 1)
    multiply = jax.jit(lambda x: jnp.matmul(x, x, precision=MATMUL_PRECISION))
    functions: Mapping[str, Function] = {
        "launch": lambda: jax.block_until_ready(add(one)),
        "product": lambda: jax.block_until_ready(multiply(matrix)),
        "copy": lambda: jax.block_until_ready(add(array)),
    }
    found = {name: cost.wall for name, cost in costs(functions).items()}
    return Roofline(found["launch"], 2 * side**3 / found["product"], 2 * size / found["copy"])


def estimates(executable: Any) -> tuple[float, float]:
    """Return operations and moved bytes of an executable for the roofline; 0 where unknown.

    The compiler counts the body of a loop once.
    """
    found = executable.cost_analysis() or {}
    return max(0.0, found.get("flops", 0.0)), max(0.0, found.get("bytes accessed", 0.0))
