"""Rows of a request of the Open Inference Protocol: checked tensors, cut along their first axis."""

from collections.abc import Mapping

import numpy as np

from api.errors.problem import body_problem
from api.requests.model_input import ModelInput
from api.requests.pixel_values import MAX_VALUE
from api.requests.sequence_body import state_bound
from models.architecture import Architecture

Tensors = Mapping[str, np.ndarray]
"""Tensors of a request by the names of the signature, with the axis of rows."""


def rows_of(inputs: Tensors, architecture: Architecture) -> list[ModelInput]:
    """Return the rows of a request as inputs of the network's programs.

    Args:
        inputs: Tensors of the shapes of the signature.
        architecture: The network.

    Raises:
        Problem: An input is missing, inputs have different numbers of rows, or a value is not
            one that the network takes.
    """
    if architecture.family == "image":
        return _images(inputs, architecture)
    return _sequences(inputs, architecture)


def _images(inputs: Tensors, architecture: Architecture) -> list[ModelInput]:
    """Return the rows of a request to a network of images, which has the one input `image`."""
    images = _needed(inputs, "image")
    if architecture.image.prepare != "mnist":
        _check_bound(images, "image", MAX_VALUE, "invalid-image")
    return [ModelInput({"image": image}) for image in images]


def _sequences(inputs: Tensors, architecture: Architecture) -> list[ModelInput]:
    """Return the rows of a request to a network of sequences: steps, and states before them."""
    steps = _needed(inputs, "sequence")
    spec = architecture.sequence
    if spec.alphabet:
        _check_symbols(steps, len(spec.alphabet))
    else:
        _check_bound(steps, "sequence", MAX_VALUE, "invalid-sequence")
    states = _states(inputs, len(steps), architecture)
    return [
        ModelInput({"sequence": one, **{name: state[row] for name, state in states.items()}})
        for row, one in enumerate(steps)
    ]


def _states(inputs: Tensors, rows: int, architecture: Architecture) -> Tensors:
    """Return each state before the first step, zeros where a request has none of them.

    Raises:
        Problem: Some are missing, or have another number of rows or a value beyond their bound.
    """
    states = architecture.states
    given = [state.name for state in states if state.name in inputs]
    if not given:
        return {state.name: np.zeros((rows, state.units), np.float32) for state in states}
    for state in states:
        found = _needed(inputs, state.name, " besides the other states, or none of them")
        if len(found) != rows:
            detail = f"Input '{state.name}' has {len(found)} rows, and 'sequence' {rows}."
            raise body_problem("invalid-body", detail, "inputs")
        _check_bound(found, state.name, state_bound(architecture, state), "invalid-sequence")
    return {state.name: inputs[state.name] for state in states}


def _needed(inputs: Tensors, name: str, about: str = "") -> np.ndarray:
    """Return a tensor that a request must have.

    Raises:
        Problem: It is missing.
    """
    if name not in inputs:
        raise body_problem("invalid-body", f"The input '{name}' is needed{about}.", "inputs")
    return inputs[name]


def _check_symbols(steps: np.ndarray, symbols: int) -> None:
    """Check that the steps of a request's rows are indices of symbols.

    Raises:
        Problem: One is not; it is named by its row and step.
    """
    if steps.max() < symbols:
        return
    row, step = np.unravel_index((steps >= symbols).argmax(), steps.shape)
    detail = (
        f"Row {row} of 'sequence', step {step + 1}, counted from 1, is not the index of a symbol, "
        f"0 to {symbols - 1}."
    )
    raise body_problem("invalid-sequence", detail, "inputs")


def _check_bound(values: np.ndarray, name: str, bound: int, kind: str) -> None:
    """Check that the values of a request's tensor are numbers of at most some magnitude.

    Raises:
        Problem: One is not, or is no number; its row is named.
    """
    wrong = ~(np.abs(values) <= bound)
    if wrong.any():
        row = int(np.unravel_index(wrong.argmax(), values.shape)[0])
        detail = f"Row {row} of '{name}' must have numbers from -{bound:,} to {bound:,}."
        raise body_problem(kind, detail, "inputs")
