"""User's weights folder: find a model's weights, and describe a folder that holds none."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from stat import S_ISREG

from safetensors import SafetensorError, safe_open

from models.derivation import read_architecture
from models.model_files import SHIPPED, SUFFIX, shipped_names
from models.printable import printable
from models.runtime.checkpoints import CheckpointError

MAX_LISTED = 8
"""Number of files of a weights folder that an error names."""

FORMATS = {
    ".keras": "a Keras model",
    ".h5": "HDF5, such as Keras weights",
    ".hdf5": "HDF5, such as Keras weights",
    ".onnx": "an ONNX model",
    ".pt": "a PyTorch checkpoint",
    ".pth": "a PyTorch checkpoint",
    ".bin": "a PyTorch checkpoint",
    ".ckpt": "a checkpoint of PyTorch Lightning or TensorFlow",
    ".msgpack": "msgpack, such as Flax serialisation",
    ".npz": "a NumPy archive",
    ".pb": "a TensorFlow graph",
}
"""Formats of files in a weights folder that are not read, by the suffix of the file's name."""

ORBAX_FILES = frozenset({"_METADATA", "_CHECKPOINT_METADATA", "manifest.ocdbt"})
"""Files of which an Orbax checkpoint in a weights folder holds at least one."""


@cache
def tensor_names() -> Mapping[str, frozenset[str]]:
    """Names of each shipped network's tensors, by which weights in a weights folder are recognised.

    A file may have another name than that of its network.
    """
    return {
        name: frozenset(read_architecture(SHIPPED / name).parameters) for name in shipped_names()
    }


def find_weights(folder: Path, model: str) -> Path | None:
    """Return a model's file in the user's weights folder; None where it holds only other models.

    Args:
        folder: Folder that must hold the weights of at least one model.
        model: Name of the model, such as `cnn`.

    Raises:
        CheckpointError: The folder is missing or unreadable, or holds no weights of any model. The
            message is one line that names what the folder holds and its likely format.
    """
    wanted = [f"{name}{SUFFIX}" for name in tensor_names()]
    try:
        entries = {entry.name: entry for entry in sorted(folder.iterdir())}
    except OSError as error:
        hint = f"; name the folder that holds {' or '.join(wanted)}" if folder.is_file() else ""
        msg = f"weights folder {printable(folder, None)}: {error.strerror}{hint}"
        raise CheckpointError(msg) from error
    if not entries.keys() & set(wanted):
        msg = f"weights folder {printable(folder, None)} holds neither {' nor '.join(wanted)}; "
        raise CheckpointError(msg + _contents(entries.values()))
    return entries.get(f"{model}{SUFFIX}")


def _contents(entries: Iterable[Path]) -> str:
    """List visible files of a weights folder with the likely format of each."""
    visible = [entry for entry in entries if not entry.name.startswith(".")]
    if not visible:
        return "it is empty"
    # The folder itself may be the checkpoint, whose file names would tell the user nothing.
    if _is_orbax(entry.name for entry in visible):
        return "it is an Orbax checkpoint, which is not read"
    shown = [f"{printable(entry.name)}{_described(entry)}" for entry in visible[:MAX_LISTED]]
    rest = len(visible) - len(shown)
    return "it holds " + ", ".join(shown) + (f" and {rest} more" if rest else "")


def _described(entry: Path) -> str:
    """Return the likely format of an entry of a weights folder, in brackets; empty if unknown."""
    try:
        if entry.is_dir():
            kind = _folder_kind({inner.name for inner in entry.iterdir()})
        elif entry.suffix == SUFFIX:
            kind = _safetensors_kind(entry)
        else:
            kind = FORMATS.get(entry.suffix.lower(), "")
    except OSError as error:
        kind = printable(f"unreadable: {error.strerror or error}")
    return f" ({kind})" if kind else ""


def _folder_kind(names: Collection[str]) -> str:
    """Return the kind of a sub-folder of a weights folder with these files."""
    if _is_orbax(names):
        return "an Orbax checkpoint"
    if "saved_model.pb" in names:
        return "a TensorFlow SavedModel"
    found = [f"{name}{SUFFIX}" for name in tensor_names() if f"{name}{SUFFIX}" in names]
    return f"a folder with {found[0]}: name this one" if found else "a folder"


def _is_orbax(names: Iterable[str]) -> bool:
    return not ORBAX_FILES.isdisjoint(names)


def _safetensors_kind(path: Path) -> str:
    """Return whose tensors a file of the weights folder holds, by names; values are not read."""
    if not S_ISREG(path.stat().st_mode):  # a FIFO would wait for a writer
        return "not a file"
    try:
        # Reads the header only, so that files of many gigabytes take no time.
        with safe_open(path, "numpy") as tensors:
            names = sorted(tensors.keys())
    except SafetensorError:
        return "not a whole safetensors file"
    for model, expected in tensor_names().items():
        if expected == set(names):
            return f"weights of the {model}: rename it to {model}{SUFFIX}"
    if any(name.endswith(".weight") for name in names):
        return "a PyTorch state_dict: names of its tensors end in .weight"
    shown = ", ".join(printable(name) for name in names[:3])
    return f"tensors of another network: {shown}" if names else "no tensors"
