"""Parameters by name: `conv1.kernel` ↔ the leaf of a Flax module."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import jax
import numpy as np
from flax import nnx

from models.checkpoints import CheckpointError

Module = TypeVar("Module", bound=nnx.Module)
Parameters = Mapping[str, jax.Array]
"""What a compiled program takes: arrays on the device by their module path."""


def named(module: nnx.Module) -> dict[str, jax.Array]:
    """List the parameters of a module by their module path."""
    flat = nnx.to_flat_state(nnx.state(module, nnx.Param))
    return {".".join(map(str, path)): variable[...] for path, variable in flat}


class Skeleton(Generic[Module]):
    """A module without values, into which named parameters are put.

    Args:
        build: Makes the module. It is traced only: nothing is drawn or allocated.
    """

    def __init__(self, build: Callable[[], Module]) -> None:
        self._graph, state = nnx.split(nnx.eval_shape(build))
        self._variables = {
            ".".join(map(str, path)): (path, v) for path, v in nnx.to_flat_state(state)
        }
        self.shapes = {name: v.shape for name, (_, v) in self._variables.items()}

    def fill(self, parameters: Parameters) -> Module:
        """Return the module with these parameters."""
        flat = [(path, v.replace(parameters[name])) for name, (path, v) in self._variables.items()]
        return nnx.merge(self._graph, nnx.from_flat_state(flat))

    def check(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Refuse tensors that are not exactly this module's finite float32 parameters.

        Raises:
            CheckpointError: A tensor is missing, unknown, of another shape or type, or not finite.
        """
        for name in sorted(set(tensors) ^ set(self.shapes)):
            msg = f"tensor {name} is {'not expected' if name in tensors else 'missing'}"
            raise CheckpointError(msg)
        for name, shape in self.shapes.items():
            value = tensors[name]
            if value.shape != shape or value.dtype != np.float32:
                msg = f"tensor {name} must be float32 {shape}, not {value.dtype} {value.shape}"
                raise CheckpointError(msg)
            if not np.isfinite(value).all():
                msg = f"tensor {name} holds values that are not finite"
                raise CheckpointError(msg)
