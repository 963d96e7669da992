"""Comparison of imported networks with the original's values in golden files, in float64."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from models.declaration.declaration import Declaration, parse_declaration
from models.derivation import derive
from models.importers.imported import Imported
from tests.oracles.interpreter import interpret

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 1e-5


def declared(given: str, classes: int, layers: str, more: str = "") -> Declaration:
    """Return a declaration of layer lines, with commas between, and of numbered classes."""
    names = ", ".join(f'"{index}"' for index in range(classes))
    lines = ", ".join(f'"{line}"' for line in layers.split(", "))
    text = f"format = 1\nclasses = [{names}]\ninput = {{ {given} }}\nlayers = [{lines}]\n{more}"
    return parse_declaration(text)


def agrees(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Return whether values agree: |a - b| ≤ 1e-5 · max(1, max |b|)."""
    assert found.shape == wanted.shape
    limit = TOLERANCE * max(1.0, float(np.abs(wanted).max()))
    return bool(np.abs(found - wanted).max() <= limit)


def compare(
    name: str,
    declaration: Declaration,
    parameters: Mapping[str, np.ndarray],
    scale: float = 1.0,
    other_names: Mapping[str, str] | None = None,
    *,
    only_answers: bool = False,
) -> set[str]:
    """Assert that a network gives the original's values; return the layers that were compared.

    Layers are compared where their names are equal after a change to lowercase letters, digits and
    underscores.

    Args:
        scale: Factor from intensities 0 to 1 to values of the original's input.
        other_names: Our name of a value by that of the original's layer.
        only_answers: Whether values of layers inside are left out.
    """
    architecture = derive(declaration)
    assert {key: one.shape for key, one in parameters.items()} == dict(architecture.parameters)
    reference = load_file(GOLDEN / f"{name}.reference.safetensors")
    compared = set()
    for row, given in enumerate(reference["inputs"]):
        if architecture.family == "image":
            image = architecture.image
            given = (given / scale - np.array(image.mean)) / np.array(image.std)  # noqa: PLW2901
        values = interpret(declaration, parameters, given)
        answer = values["logits"]
        wanted = reference["output"][row]
        assert agrees(_as_output(answer, wanted, architecture.removed), wanted)
        for key, value in reference.items():
            original = key.removeprefix("value.")
            ours = (other_names or {}).get(original, re.sub(r"[^a-z0-9]+", "_", original.lower()))
            if key != original and ours in values and ours != "logits" and not only_answers:
                assert agrees(values[ours], value[row]), original
                compared.add(ours)
    return compared


def _as_output(answer: np.ndarray, wanted: np.ndarray, removed: str | None) -> np.ndarray:
    """Return logits as the original's output: the last step's, and as probabilities."""
    answer = answer[-1] if answer.ndim > wanted.ndim else answer
    if removed == "softmax":
        return np.exp(answer) / np.exp(answer).sum(-1, keepdims=True)
    if removed == "sigmoid":
        return 1 / (1 + np.exp(answer[..., :1] - answer[..., 1:]))
    return answer


def compare_imported(
    name: str,
    imported: Imported,
    other_names: Mapping[str, str] | None = None,
    *,
    only_answers: bool = False,
) -> set[str]:
    """Assert that an imported network gives the original's values, as `compare` does."""
    return compare(
        name,
        imported.declaration,
        imported.parameters,
        imported.scale,
        other_names,
        only_answers=only_answers,
    )
