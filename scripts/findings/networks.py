"""Reference networks of the findings: their names and kinds, and a folder that keeps them."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

from models.runtime import checkpoints
from models.runtime.checkpoints import Tensors
from probes.shared.statements import Measurement


class Network(NamedTuple):
    """Network on which findings are measured, with the reason why it is among them.

    Attributes:
        name: Name in the table, such as `shuffled-2`.
        kind: Description of its training, such as `8 units, coins, 2,000 steps of Adam`.
        weights: Parameters.
    """

    name: str
    kind: str
    weights: Tensors


class Family(Protocol):
    """Family of reference networks of the findings: a module with these two functions.

    Attributes:
        PARTS: Parts of the networks, in the order of the table, with a description of each.
    """

    PARTS: Mapping[str, str]

    def reference_networks(self, part: str, folder: Path | None) -> Iterator[Network]:
        """Train or load the networks of a part of the findings' table, one after the other."""

    def measure(self, weights: Tensors) -> Mapping[str, Measurement]:
        """Measure all findings on a network, by the name of the statement."""


def kept(folder: Path | None, recipe: object, train: Callable[[], Tensors]) -> Tensors:
    """Return the weights of a findings' network: from the folder, else trained and kept there.

    Args:
        folder: Folder of kept weights; None keeps none.
        recipe: Recipe whose text identifies the weights.
        train: Trains the network.
    """
    if folder is None:
        return train()
    path = folder / f"{sha256(repr(recipe).encode()).hexdigest()[:16]}.safetensors"
    if path.exists():
        return checkpoints.load(path).tensors
    folder.mkdir(parents=True, exist_ok=True)
    weights = train()
    checkpoints.save(path, weights, {"recipe": repr(recipe)})
    return weights
