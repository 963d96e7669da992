"""Parameters by module path (`conv1.kernel`), and their merge into Flax modules.

Flax is imported on first use: a server that loads all its executables from the cache never does.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

import jax
import numpy as np

from models.architecture import Shapes
from models.printable import printable
from models.runtime.checkpoints import CheckpointError

Module = TypeVar("Module")
Parameters = Mapping[str, jax.Array]
"""Parameters of a network on the device by module path: the first argument of every program."""


def named(module: Any) -> dict[str, jax.Array]:
    """Return the named parameters of a Flax module, by module path."""
    from flax import nnx  # noqa: PLC0415

    flat = nnx.to_flat_state(nnx.state(module, nnx.Any(nnx.Param, nnx.BatchStat)))
    return {".".join(map(str, path)): variable[...] for path, variable in flat}


class GraphDefinition(Generic[Module]):
    """Graph definition: a Flax module without values, to be merged with named parameters.

    Args:
        build: Constructor of the module, called on first use. It is only traced: no values are
            drawn or allocated.
    """

    def __init__(self, build: Callable[[], Module]) -> None:
        self._build = build

    @cached_property
    def _split(self) -> tuple[Any, dict[str, tuple[Any, Any]]]:
        """Graph definition of a Flax module, and its parameters with their paths by name."""
        from flax import nnx  # noqa: PLC0415

        graph, state = nnx.split(nnx.eval_shape(self._build))
        return graph, {".".join(map(str, path)): (path, v) for path, v in nnx.to_flat_state(state)}

    @property
    def shapes(self) -> Shapes:
        """Shape of each parameter of a graph definition by its module path."""
        return {name: v.shape for name, (_, v) in self._split[1].items()}

    def merge(self, parameters: Parameters) -> Module:
        """Merge a graph definition with named parameters to a Flax module."""
        from flax import nnx  # noqa: PLC0415

        graph, variables = self._split
        flat = [(path, v.replace(parameters[name])) for name, (path, v) in variables.items()]
        module: Module = nnx.merge(graph, nnx.from_flat_state(flat))
        return module

    def check(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Check that tensors are exactly the finite float32 parameters of a graph definition.

        Raises:
            CheckpointError: A tensor is missing, unknown, of another shape or type, or not finite.
        """
        check(tensors, self.shapes)


def check(tensors: Mapping[str, np.ndarray], shapes: Shapes) -> None:
    """Check that tensors are exactly finite float32 parameters of given names and shapes.

    Raises:
        CheckpointError: A tensor is missing, unknown, of another shape or type, or not finite.
    """
    for name in sorted(set(tensors) ^ set(shapes)):
        msg = f"tensor {printable(name)} is {'not expected' if name in tensors else 'missing'}"
        raise CheckpointError(msg)
    for name, shape in shapes.items():
        value = tensors[name]
        if value.shape != shape or value.dtype != np.float32:
            msg = f"tensor {name} must be float32 {shape}, not {value.dtype} {value.shape}"
            raise CheckpointError(msg)
        if not np.isfinite(value).all():
            msg = f"tensor {name} holds values that are not finite"
            raise CheckpointError(msg)
