"""Layer of an imported graph, and its origin in the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.declaration.operations import Operation


@dataclass(frozen=True)
class Origin:
    """Origin of a layer in an imported file.

    Attributes:
        name: Name in the file; empty if it has none.
        tensors: Names of tensors and the transformation of them, by the name of our parameter.
    """

    name: str = ""
    tensors: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)


@dataclass
class GraphLayer:
    """Layer of an imported graph.

    Attributes:
        inputs: Keys of the layers that it reads.
        shape: Shape of its output in our order, for one image or one step.
    """

    operation: Operation
    inputs: list[str]
    shape: tuple[int, ...]
    origin: Origin
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
