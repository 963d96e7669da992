"""References: layouts that are read, the sentence for each wrong tensor, and what agrees."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from models import reference as module
from models.architecture import Architecture
from models.declaration.declaration import parse_declaration
from models.derivation import derive
from models.reference import (
    Reference,
    ReferenceFileError,
    compared_values,
    differences,
    most_rows,
    read_reference,
    reproduces,
)
from tests.oracles.declarations import declared, draw_parameters
from tests.oracles.interpreter import interpret

IMAGES = ("conv 3 valid", "relu", "pool", "conv 3", "flatten", "dense 2")
ONE_UNIT = (*IMAGES[:-1], "dense 1", "sigmoid")
PARAMETERS = 7
"""Seed of parameters."""


def of(*layers: str, **keys: Any) -> Architecture:
    """The architecture of layer lines, of grey images of 8 x 9 pixels by default."""
    return derive(parse_declaration(declared(*layers, classes=2, **keys)))


def images(count: int = 3) -> np.ndarray:
    """Images as the first layer reads them, channel last."""
    return np.random.default_rng(1).normal(size=(count, 8, 9, 1)).astype(np.float32)


def exact(architecture: Architecture, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """The values of every input by the interpreter."""
    parameters = draw_parameters(architecture.parameters, PARAMETERS)
    rows = [interpret(architecture.declaration, parameters, one) for one in inputs]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def read(path: Path, architecture: Architecture, **tensors: np.ndarray) -> Reference:
    """Read a file with these tensors as the reference of a network."""
    file = path / "reference.safetensors"
    save_file({name: np.asarray(value, order="C") for name, value in tensors.items()}, file)
    return read_reference(file, architecture)


def agrees(architecture: Architecture, reference: Reference) -> bool:
    """Whether the network agrees with a reference in every tensor."""
    parameters = draw_parameters(architecture.parameters, PARAMETERS)
    found = differences(architecture, parameters, reference)
    assert [one.name for one in found] == [*reference.expected]
    return all(one.agrees for one in found)


def test_every_value_of_images_is_compared(tmp_path: Path) -> None:
    """Values of all layers agree with the interpreter's, with channels last or first."""
    network, inputs = of(*IMAGES), images()
    values = exact(network, inputs)
    last = read(tmp_path, network, inputs=inputs, **values)
    first = {
        name: np.moveaxis(value, -1, 1) if value.ndim == 4 else value
        for name, value in values.items()
    }

    assert [*last.expected] == ["conv1", "relu1", "pool1", "conv2", "logits"]
    assert agrees(network, last)
    # Three maps of three rows and columns: the layout of the inputs decides.
    found = read(tmp_path, network, inputs=np.moveaxis(inputs, -1, 1), **first)
    for name, value in last.expected.items():
        np.testing.assert_array_equal(found.expected[name], value)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("axis", [-1, 1])
def test_pixels_are_prepared_as_declared(tmp_path: Path, kind: type, axis: int) -> None:
    """Intensities from 0 to 255 become values between 0 and 1, then mean and std are applied."""
    given = {"image": [8, 9, 3], "mean": [0.1, 0.2, 0.3], "std": [0.5, 1.0, 2.0]}
    network = of(*IMAGES, given=given)
    pixels = np.random.default_rng(3).integers(0, 256, (2, 8, 9, 3))
    inputs = (pixels / 255.0 - [0.1, 0.2, 0.3]) / [0.5, 1.0, 2.0]
    values = exact(network, inputs.astype(np.float32))

    posted = np.moveaxis(pixels, -1, axis).astype(kind)
    found = read(tmp_path, network, pixels=posted, logits=values["logits"])
    np.testing.assert_allclose(found.inputs, inputs, rtol=1e-6, atol=1e-6)
    assert agrees(network, found)


def test_a_difference_is_found_in_its_layer(tmp_path: Path) -> None:
    """A value beyond the tolerance differs, and names its tensor; one within it agrees."""
    network, inputs = of(*IMAGES), images()
    values = exact(network, inputs)
    scale = max(1.0, np.abs(values["conv2"]).max())
    values["conv2"][1, 2, 2, 0] += 2e-5 * scale
    parameters = draw_parameters(network.parameters, PARAMETERS)
    found = differences(network, parameters, read(tmp_path, network, inputs=inputs, **values))

    assert [one.name for one in found if not one.agrees] == ["conv2"]
    values["conv2"][1, 2, 2, 0] -= 1.5e-5 * scale
    assert agrees(network, read(tmp_path, network, inputs=inputs, **values))


@pytest.mark.parametrize("shape", ["(n, 2)", "(n, 1)", "(n,)"])
def test_answers_of_one_unit_may_have_any_form(tmp_path: Path, shape: str) -> None:
    """The logit or the probability of the second class gives those of both classes."""
    network, inputs = of(*ONE_UNIT), images()
    logits = exact(network, inputs)["logits"]
    odds = np.exp(logits)
    answers = {"logits": logits, "probabilities": odds / odds.sum(-1, keepdims=True)}
    for name, value in answers.items():
        given = {"(n, 2)": value, "(n, 1)": value[:, 1:], "(n,)": value[:, 1]}[shape]
        assert agrees(network, read(tmp_path, network, inputs=inputs, **{name: given}))


@pytest.mark.parametrize("encoding", ["number", "one-hot", "embed"])
def test_sequences_are_indices_or_one_hot_vectors(tmp_path: Path, encoding: str) -> None:
    """Symbols may be integers or floats, with an axis of one, or vectors with one 1."""
    given = {"alphabet": "abc", "encoding": encoding}
    layers = ("embed 3",) if encoding == "embed" else ()
    network = of(*layers, "lstm 4", "gru 3", "dense 2", given=given)
    indices = np.random.default_rng(2).integers(0, 3, (4, 6))
    values = exact(network, indices)
    for inputs in (
        indices,
        indices.astype(np.float32),
        indices[..., None].astype(np.float64),
        np.eye(3, dtype=np.float32)[indices],
    ):
        found = read(tmp_path, network, inputs=inputs, **values)
        np.testing.assert_array_equal(found.inputs, indices)
    assert agrees(network, found)
    last = read(tmp_path, network, inputs=indices, logits=values["logits"][:, -1])
    assert agrees(network, last)


def test_sequences_of_features_are_rows_of_numbers(tmp_path: Path) -> None:
    """Features are compared at every step."""
    network = of("gru 4", "dense 2", given={"features": 3})
    inputs = np.random.default_rng(2).normal(size=(2, 5, 3)).astype(np.float32)

    assert agrees(network, read(tmp_path, network, inputs=inputs, **exact(network, inputs)))


INPUTS = images()
LOGITS = np.zeros((3, 2), np.float32)
WRONG = {
    "no inputs": ({"logits": LOGITS}, "one tensor must be inputs or pixels"),
    "two inputs": (
        {"inputs": INPUTS, "pixels": INPUTS, "logits": LOGITS},
        "one tensor must be inputs or pixels",
    ),
    "pixels to 1": (
        {"pixels": np.abs(INPUTS / 9), "logits": LOGITS},
        "tensor pixels must be intensities from 0 to 255",
    ),
    "no answers": ({"inputs": INPUTS}, "logits are missing: the original's answers to the inputs"),
    "unknown": (
        {"inputs": INPUTS, "logits": LOGITS, "relu9": LOGITS},
        "tensor 'relu9' is not one of inputs, pixels, conv1, relu1, pool1, conv2, logits, probabil",
    ),
    "integers": ({"inputs": INPUTS.astype(np.uint8), "logits": LOGITS}, "inputs must be floats"),
    "another size": (
        {"inputs": INPUTS[:, :7], "logits": LOGITS},
        "tensor inputs must be (inputs, 8, 9, 1) or (inputs, 1, 8, 9), not (3, 7, 9, 1)",
    ),
    "a number": ({"inputs": np.float32(1), "logits": LOGITS}, "inputs must have 1 to 256 inputs"),
    "none": ({"inputs": INPUTS[:0], "logits": LOGITS[:0]}, "inputs must have 1 to 256 inputs"),
    "fewer answers": (
        {"inputs": INPUTS, "logits": LOGITS[1:]},
        "logits must be (3, 2), not (2, 2)",
    ),
    "one class": ({"inputs": INPUTS, "logits": LOGITS[:, :1]}, "logits must be (3, 2), not (3, 1)"),
    "nan": ({"inputs": INPUTS, "logits": LOGITS + np.nan}, "logits must be of finite numbers"),
    "truth": ({"inputs": INPUTS, "logits": LOGITS > 0}, "logits must be of finite numbers"),
    "a map": (
        {"inputs": INPUTS, "logits": LOGITS, "pool1": np.zeros((3, 3, 3, 2), np.float32)},
        "tensor pool1 must be (3, 3, 3, 3), not (3, 3, 3, 2)",
    ),
}


@pytest.mark.parametrize(("tensors", "sentence"), WRONG.values(), ids=WRONG)
def test_each_wrong_tensor_has_its_sentence(
    tmp_path: Path, tensors: dict[str, np.ndarray], sentence: str
) -> None:
    """The tensor is named with the shape that it must have."""
    with pytest.raises(ReferenceFileError) as caught:
        read(tmp_path, of(*IMAGES), **tensors)

    assert sentence in str(caught.value)


@pytest.mark.parametrize("inputs", [np.full((2, 5), 3), np.full((2, 5), 0.5), np.ones((2, 5, 3))])
def test_symbols_must_be_of_the_alphabet(tmp_path: Path, inputs: np.ndarray) -> None:
    """Indices beyond the alphabet, fractions and vectors that are not one-hot are refused."""
    network = of("gru 4", "dense 2", given={"alphabet": "abc"})
    with pytest.raises(ReferenceFileError, match="indices from 0 to 2, or one-hot vectors of 3"):
        read(tmp_path, network, inputs=inputs.astype(np.float32), logits=LOGITS[:2])


@pytest.mark.parametrize("shape", [(2, 0), (2,), (2, 4097)])
def test_sequences_must_have_steps(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Sequences without steps, or with more than a server runs, are refused."""
    network = of("gru 4", "dense 2", given={"alphabet": "abc"})
    with pytest.raises(ReferenceFileError, match="tensor inputs must have 1 to 4096 steps, not"):
        read(tmp_path, network, inputs=np.zeros(shape), logits=LOGITS[:2])


def test_a_missing_file_has_a_sentence(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    with pytest.raises(ReferenceFileError, match=r"a\.safetensors: No such file"):
        read_reference(tmp_path / "a.safetensors", of(*IMAGES))


def test_a_reference_decides_between_parameters(tmp_path: Path) -> None:
    """Of parameters and a copy with two swapped convolutions only the first give its answers."""
    network, inputs = (
        of("conv 2", "relu", "conv 2", "relu", "conv 2", "flatten", "dense 2"),
        images(),
    )
    parameters = draw_parameters(network.parameters, PARAMETERS)
    kernels = {
        "conv2.kernel": parameters["conv3.kernel"],
        "conv3.kernel": parameters["conv2.kernel"],
    }
    decide = reproduces(network, read(tmp_path, network, inputs=inputs, **exact(network, inputs)))

    assert decide(parameters)
    assert not decide(parameters | kernels)


def test_the_values_of_a_reference_alone_are_returned() -> None:
    """Of 2,048 steps of each unit, nothing but the answers after the last step is kept."""
    network = of("lstm 64", "dense 2", given={"alphabet": "01"})
    shapes = {
        name: jax.ShapeDtypeStruct(shape, np.float32) for name, shape in network.parameters.items()
    }
    inputs = jax.ShapeDtypeStruct((8, 2048), np.uint8)

    found = jax.eval_shape(compared_values(network, {"logits": LOGITS}), shapes, inputs)

    assert {name: value.shape for name, value in found.items()} == {"logits": (8, 2)}


def test_inputs_of_a_reference_are_run_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three images in two batches have the values of one batch, and the last one counts."""
    monkeypatch.setattr(module, "most_rows", lambda *_: 2)
    network, inputs = of(*IMAGES), images()
    values = exact(network, inputs)

    assert agrees(network, read(tmp_path, network, inputs=inputs, **values))

    values["conv2"][2] += 1
    assert not agrees(network, read(tmp_path, network, inputs=inputs, **values))


def test_long_sequences_are_run_a_few_at_a_time() -> None:
    """Of 256 sequences of many steps and units not all are run at once."""
    network = of("lstm 512", "dense 2", given={"alphabet": "01"})

    assert 1 <= most_rows(network, np.zeros((256, 4096))) < 16
