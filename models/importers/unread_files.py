"""Files that are named and never opened, with the lines that make an importable one of each."""

from collections.abc import Mapping
from pathlib import Path

from models.importers.errors import ConversionError, printable

TORCH = (
    "a PyTorch file, a pickle, which can run any code when it is opened. Where the model is made:",
    "torch.onnx.export(model.eval(), (example,), 'model.onnx', external_data=False)",
    "or safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), with --declaration",
)
KERAS = (
    "an HDF5 file of Keras, whose graph may have code. Where the model is made:",
    "model = keras.models.load_model('{name}')",
    "model.save('model.keras')",
)
TENSORFLOW = (
    "{kind} of TensorFlow, which is not read. Where TensorFlow is installed:",
    "pip install tf2onnx",
    "python -m tf2onnx.convert {flag} {name} --output model.onnx",
)
PICKLE = (
    "a pickle, which can run any code when it is opened. Where the arrays are made:",
    "import numpy",
    "numpy.savez('model.npz', **arrays)",
)

UNREAD: Mapping[str, tuple[str, ...]] = {
    ".pt": TORCH,
    ".pth": TORCH,
    ".pt2": TORCH,
    ".bin": TORCH,
    ".ckpt": TORCH,
    ".torchscript": TORCH,
    ".h5": KERAS,
    ".hdf5": KERAS,
    ".tflite": TENSORFLOW,
    ".pb": TENSORFLOW,
    ".pkl": PICKLE,
    ".pickle": PICKLE,
    ".joblib": PICKLE,
}
"""Formats that are not imported: a sentence and the two lines that make one that is."""


def check_is_read(path: Path) -> None:
    """Refuse files of formats that are never opened, with the lines that make another of them.

    Raises:
        ConversionError: The suffix is that of such a format, or a folder is a SavedModel.
    """
    is_saved_model = path.is_dir() and (path / "saved_model.pb").exists()
    lines = TENSORFLOW if is_saved_model else UNREAD.get(path.suffix.lower())
    if lines is None or (path.is_dir() and not is_saved_model):
        return
    kind, flag = ("a SavedModel", "--saved-model") if is_saved_model else ("a graph", "--graphdef")
    if path.suffix.lower() == ".tflite":
        kind, flag = "a TFLite file", "--tflite"
    name = printable(path.name)
    first, *rest = (line.format(name=name, kind=kind, flag=flag) for line in lines)
    raise ConversionError("\n".join([f"{name} is {first}", *(f"  {line}" for line in rest)]))
