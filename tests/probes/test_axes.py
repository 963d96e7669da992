"""Axis check of the contract tests: faults of tensors with wrong axes."""

from collections.abc import Callable

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.cnn.programs import run_image
from models.registry import ResidentModel
from models.rnn.programs import run_sequence
from models.runtime.programs import Outputs
from models.runtime.resident import drive
from probes.figures.figures import Tensor
from probes.output.encode import describe
from tests.networks import SIMPLE_CNN
from tests.probes.axes import Declared, axis_faults

Faults = Callable[..., list[str]]

BITS = np.array([1, 0, 1, 1, 0, 0, 1], np.uint8)


@pytest.fixture(scope="module")
def maps(cnn: ResidentModel) -> Outputs:
    """Every layer of one image, as the trace program gives it."""
    image = np.random.default_rng(3).integers(0, 256, (28, 28), np.uint8)
    (outputs,) = drive(
        [run_image("trace", {"image": image}, frozenset(SIMPLE_CNN.layers))], cnn.programs
    )
    return outputs


@pytest.fixture(scope="module")
def run(lstm: ResidentModel) -> Outputs:
    """Gates and states of one sequence, as the trace program gives them."""
    zeros = np.zeros(lstm.architecture.states[0].units, np.float32)
    row = {"sequence": BITS, "cell": zeros, "hidden": zeros}
    wanted = frozenset({"forget_gate", "cell"})
    (outputs,) = drive([run_sequence(lstm.architecture, "trace", row, wanted)], lstm.programs)
    return outputs


@pytest.fixture(scope="module")
def faults(client: TestClient) -> Faults:
    """The check of a tensor that a probe of a layer, or of a sequence, shows."""
    models = {name: client.get(f"/models/{name}").json() for name in ("cnn", "lstm")}

    def check(tensor: Tensor, *layers: str) -> list[str]:
        model = models["cnn" if layers else "lstm"]
        return axis_faults(describe(tensor), Declared(model, layers, 0 if layers else len(BITS)))

    return check


@pytest.mark.parametrize("layer", SIMPLE_CNN.maps)
def test_a_mean_over_the_wrong_axes_is_caught(layer: str, maps: Outputs, faults: Faults) -> None:
    """A mean over channel and row is a fault, one over row and column is not."""
    wrong, right = (
        Tensor("activity", "statistic", ("channel",), maps[layer].mean(axis=axes))
        for axes in ((0, 1), (1, 2))
    )

    rows, _, channels = SIMPLE_CNN.layers[layer].shape
    assert faults(wrong, layer) == [
        f"activity: axis channel has {rows} rows, declared: [{channels}]"
    ]
    assert faults(right, layer) == []


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1)])
def test_maps_with_their_axes_in_another_order_are_caught(
    order: tuple[int, int, int], maps: Outputs, faults: Faults
) -> None:
    """Maps with transposed axes have a fault for each misplaced axis."""
    axes = ("channel", "y", "x")
    turned = Tensor("relu2.edited", "post_activation", axes, maps["relu2"].transpose(order))

    assert len(faults(turned, "relu1")) == 2
    assert faults(Tensor("relu2.edited", "post_activation", axes, maps["relu2"]), "relu1") == []


def test_steps_and_units_that_change_places_are_caught(run: Outputs, faults: Faults) -> None:
    """A transposed gate has faults in both axes."""
    gate = run["forget_gate"]
    wrong, right = (
        Tensor("forget_gate", "gate", ("step", "unit"), values) for values in (gate.T, gate)
    )

    assert len(faults(wrong)) == 2
    assert faults(right) == []


def test_a_state_without_its_initial_value_is_caught(run: Outputs, faults: Faults) -> None:
    """A state without its step 0 is a fault, also with coordinates that leave out that step."""
    cell, last = run["cell"], len(BITS)
    whole, short = (
        Tensor("cell", "cell", ("step", "unit"), cell[first:], {"step": range(first, last + 1)})
        for first in (0, 1)
    )

    assert faults(whole) == []
    assert faults(short) == [f"cell: axis step has {last} rows, declared: [{last + 1}]"]


def test_a_selection_needs_coordinates_that_exist(maps: Outputs, faults: Faults) -> None:
    """A selection of channels needs coordinates, and each of them must exist."""
    some = maps["pool2"][[3, 63]]
    named, unnamed, unknown = (
        Tensor("pool2", "pooled", ("channel", "y", "x"), some, names)
        for names in ({"channel": [3, 63]}, {}, {"channel": [3, 64]})
    )

    assert faults(named, "pool2") == []
    assert len(faults(unnamed, "pool2")) == len(faults(unknown, "pool2")) == 1
