"""Files of a network: its folder in a model repository, or the user's folder of weights."""

from dataclasses import dataclass
from pathlib import Path

from models.declaration.declaration import FILE, Declaration
from models.runtime.checkpoints import CheckpointError

SHIPPED = Path(__file__).parent / "shipped"
"""Model repository of the networks that ship."""

SUFFIX = ".safetensors"

WEIGHTS = f"weights{SUFFIX}"
"""Name of the weights file in the folder of a network, where it has several files."""

ARTIFACT_KINDS = ("milestones", "units", "layers")
"""Kinds of training artifacts, in optional files next to the weights.

`milestones` are the training checkpoints: the name of a file that users' folders hold.
"""


@dataclass(frozen=True)
class ModelFiles:
    """Paths of the files of one network.

    Attributes:
        weights: Parameters by name.
        prefix: What precedes the kind in the names of the other files: empty in the folder of a
            network, `cnn.` in a folder of weights.
    """

    weights: Path
    prefix: str = ""

    @property
    def report(self) -> Path:
        """Path of the training report of a network."""
        return self.weights.with_name(f"{self.prefix}report.json")

    def artifact(self, kind: str) -> Path:
        """Path of a training artifact of a network."""
        return self.weights.with_name(f"{self.prefix}{kind}{SUFFIX}")


def shipped_names() -> tuple[str, ...]:
    """Return the names of the networks that ship, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob(f"*/{FILE}")))


def shipped_files(name: str) -> ModelFiles:
    """Return the files of a shipped network."""
    return ModelFiles(SHIPPED / name / WEIGHTS)


def chosen_files(name: str, folder: Path | None) -> ModelFiles:
    """Return the files of a network in a folder of weights, or of the shipped one without it."""
    return ModelFiles(folder / f"{name}{SUFFIX}", f"{name}.") if folder else shipped_files(name)


def repository_files(folder: Path, declaration: Declaration) -> ModelFiles:
    """Return the files in the folder of a network.

    Raises:
        CheckpointError: It holds no weights, or several files that could be the weights.
    """
    others = {f"{kind}{SUFFIX}" for kind in ARTIFACT_KINDS} | {declaration.reference}
    found = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.name not in others)
    named = [path for path in found if path.name == WEIGHTS]
    if named or len(found) == 1:
        return ModelFiles((named or found)[0])
    if not found:
        msg = (
            f"no weights: put {WEIGHTS} next to {FILE}; python -m scripts.convert makes it from "
            "files of PyTorch, Keras, ONNX and Flax"
        )
        raise CheckpointError(msg)
    names = ", ".join(path.name[:60] for path in found[:8])
    msg = f"which file has the weights? It may be one of {names}: name it {WEIGHTS}"
    raise CheckpointError(msg)
