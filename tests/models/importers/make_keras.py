"""Golden files of Keras networks: `.keras` archives, ONNX files, inputs, outputs of all layers.

Run with Keras, which the tests themselves do not need:

    KERAS_BACKEND=torch python tests/models/importers/make_keras.py  # the ONNX file
    KERAS_BACKEND=jax python tests/models/importers/make_keras.py    # all others

With PyTorch behind it, Keras pads average pools by repeated values; elsewhere by none.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import layers
from safetensors.numpy import save_file

GOLDEN = Path(__file__).parent / "golden"
STEPS = 9


def sequential() -> keras.Model:
    """Return a Sequential CNN with strides, padding and activations in the layers."""
    return keras.Sequential(
        [
            keras.Input((19, 22, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            layers.ZeroPadding2D(((1, 0), (2, 1))),
            layers.Conv2D(8, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.MaxPooling2D(2, padding="same"),
            layers.SeparableConv2D(6, 3, padding="same", depth_multiplier=2),
            layers.Activation("gelu"),
            layers.AveragePooling2D(3, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(12, activation="elu"),
            layers.Dense(5, activation="softmax"),
        ]
    )


def functional() -> keras.Model:
    """Return a functional CNN with a skip, a branch and depthwise convolutions."""
    given = keras.Input((16, 16, 1))
    x = layers.Normalization(mean=[33.0], variance=[900.0])(given)
    x = layers.Conv2D(6, 3, padding="same", name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = first = layers.ReLU()(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="deep")(x)
    x = layers.Activation("swish")(x)
    x = layers.Conv2D(6, 1, name="mixed")(x)
    x = layers.Add()([first, x])
    x = layers.ReLU(max_value=6)(x)
    other = layers.Conv2D(4, 3, strides=2, padding="valid", dilation_rate=1, name="other")(x)
    x = layers.Conv2D(5, 3, strides=2, padding="valid", name="main")(x)
    x = layers.Concatenate()([x, other])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, layers.Dense(1, activation="sigmoid", name="answer")(x))


def lstm() -> keras.Model:
    """Return two LSTM layers over an embedding of five symbols."""
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(5, 4),
            layers.LSTM(7, return_sequences=True),
            layers.LSTM(6),
            layers.Dense(3, activation="softmax"),
        ]
    )


def gru() -> keras.Model:
    """Return a GRU over rows of numbers that answers at every step."""
    return keras.Sequential(
        [
            keras.Input((STEPS, 3)),
            layers.GRU(6, return_sequences=True),
            layers.LayerNormalization(),
            layers.TimeDistributed(layers.Dense(4, activation="tanh")),
            layers.Dense(2),
        ]
    )


def simple() -> keras.Model:
    """Return a plain RNN with the ReLU."""
    return keras.Sequential(
        [
            keras.Input((STEPS, 2)),
            layers.SimpleRNN(5, activation="relu"),
            layers.Dense(3),
        ]
    )


def before_reset() -> keras.Model:
    """Return a GRU that resets before the product, which cannot be declared."""
    return keras.Sequential(
        [keras.Input((STEPS, 3)), layers.GRU(4, reset_after=False), layers.Dense(2)]
    )


def bidirectional() -> keras.Model:
    """Return a bidirectional LSTM, which cannot be declared."""
    return keras.Sequential(
        [keras.Input((STEPS, 3)), layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)]
    )


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "keras_sequential": sequential,
    "keras_functional": functional,
    "keras_lstm": lstm,
    "keras_gru": gru,
    "keras_simple": simple,
    "keras_before_reset": before_reset,
    "keras_bidirectional": bidirectional,
}


def randomised(network: keras.Model, random: np.random.Generator) -> keras.Model:
    """Draw all weights, of which biases and statistics are constant before training."""
    for variable in network.variables:
        if "seed" in variable.path or (
            "normalization" in variable.path.split("/")[0]
            and (variable.name in {"count", "mean", "variance"})
        ):
            continue
        if not str(variable.dtype).startswith("float"):
            continue
        values = random.normal(0, 0.3, variable.shape)
        if variable.name in {"gamma", "moving_variance"}:
            values = random.uniform(0.5, 1.5, variable.shape)
        variable.assign(values.astype(np.float32))
    return network


def record(name: str, network: keras.Model, random: np.random.Generator) -> None:
    """Write the archive, inputs, and the outputs of all layers."""
    shape = [STEPS if size is None else size for size in network.input_shape[1:]]
    inputs = random.integers(0, 256, (2, *shape)).astype(np.float32)
    if name in {"keras_gru", "keras_simple", "keras_before_reset", "keras_bidirectional"}:
        inputs = random.normal(0, 1, (2, *shape)).astype(np.float32)
    if name == "keras_lstm":
        inputs = random.integers(0, 5, (2, *shape)).astype(np.int32)
    outputs = [layer.output for layer in network.layers]
    values = keras.Model(network.inputs, outputs)(inputs)
    tensors = {"inputs": inputs, "output": keras.ops.convert_to_numpy(network(inputs))}
    for layer, value in zip(network.layers, values, strict=True):
        tensors[f"value.{layer.name}"] = keras.ops.convert_to_numpy(value)
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    save_file(tensors, GOLDEN / f"{name}.reference.safetensors")
    network.save(GOLDEN / f"{name}.keras")


def compress(path: Path) -> None:
    """Compress the archive, which Keras stores as it is."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, 8)


def main() -> None:
    """Write all golden files of Keras."""
    GOLDEN.mkdir(exist_ok=True)
    for name, build in NETWORKS.items():
        random = np.random.default_rng(len(name))
        network = randomised(build(), random)
        record(name, network, random)
        compress(GOLDEN / f"{name}.keras")
        if keras.backend.backend() == "torch" and name == "keras_functional":
            network.export(GOLDEN / f"{name}.onnx", format="onnx", verbose=False)


if __name__ == "__main__":
    main()
