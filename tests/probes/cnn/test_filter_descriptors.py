"""Descriptors of kernels that are known, and of the shipped ones by other means."""

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.registry import ResidentModel
from probes.cnn.filter_descriptors import FREI_CHEN, describe

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
LINE = np.array([[-1, 2, -1]] * 3, float)
DIAGONAL = np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]], float)
FLAT = np.ones((3, 3))
ZERO = np.zeros((3, 3))


def of(*kernels: np.ndarray) -> Any:
    """Describe filters that read one channel."""
    return describe(np.stack(kernels)[:, None])


def peak(slices: np.ndarray) -> float:
    """The largest power over slices at any frequency of a 64×64 transform, and how much it is."""
    centred = slices - slices.mean(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(centred, (64, 64))) ** 2).sum(axis=0)
    y, x = np.unravel_index(power.argmax(), power.shape)
    return float(np.hypot(np.fft.fftfreq(64)[y], np.fft.fftfreq(64)[x]))


def test_the_basis_is_orthonormal() -> None:
    """Nine kernels of norm 1, at right angles to each other."""
    flat = FREI_CHEN.reshape(9, 9)

    np.testing.assert_allclose(flat @ flat.T, np.eye(9), atol=1e-15)


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3"])
def test_energies_sum_to_the_squared_norm(layer: str, cnn: ResidentModel) -> None:
    """Of every slice of every filter; so shares sum to 1."""
    kernels = cnn.weights[f"{layer}.kernel"].transpose(3, 2, 0, 1)
    found = describe(kernels)

    squares = (kernels.astype(np.float64) ** 2).sum(axis=(2, 3))
    np.testing.assert_allclose(found.energies.sum(axis=2), squares, rtol=1e-12)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(found.squared_norms, squares.sum(axis=1), rtol=1e-12)


def test_known_kernels_are_what_they_are() -> None:
    """Edges are edges, lines lines, and a flat kernel is all mean."""
    edge, line, mean = (
        of(SOBEL, LINE, FLAT, DIAGONAL).shares[:, part].sum(axis=1)
        for part in (slice(0, 4), slice(4, 8), slice(8, 9))
    )

    np.testing.assert_allclose(edge, [1, 0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(line, [0, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(mean, [0, 0, 1, 0], atol=1e-12)


def test_orientation_is_the_way_in_which_weights_grow() -> None:
    """Counted from the right towards the top; NaN where nothing grows."""
    turned = of(SOBEL, np.rot90(SOBEL), -SOBEL, DIAGONAL, LINE, FLAT, ZERO).orientation

    np.testing.assert_allclose(turned[:4], [0, 90, 180, -45], atol=1e-9)
    assert np.isnan(turned[4:]).all()


def test_opposite_slices_share_an_axis() -> None:
    """An edge and its opposite do not cancel; two at right angles do, and have no axis."""
    found = describe(
        np.stack([[DIAGONAL, -DIAGONAL], [SOBEL, np.rot90(SOBEL)], [SOBEL, 0 * SOBEL]])
    )

    np.testing.assert_allclose(found.orientation[[0, 2]] % 180, [135, 0], atol=1e-9)
    np.testing.assert_allclose(found.coherence, [1, 0, 1], atol=1e-12)
    assert np.isnan(found.orientation[1])


def test_frequencies_of_known_kernels() -> None:
    """An edge is half as fine as a line, whose stripes lie across; a flat kernel has none."""
    across, upward = of(SOBEL, LINE, LINE.T, FLAT, ZERO, DIAGONAL).peaks.T

    np.testing.assert_allclose(np.hypot(across, upward)[:3], [0.25, 0.5, 0.5])
    np.testing.assert_allclose(np.abs(across[:3]), [0.25, 0.5, 0], atol=1e-12)
    assert np.isnan(across[3:5]).all()
    assert across[5] * upward[5] < 0  # it grows to the right and down: so lies its wave


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3"])
def test_frequency_is_that_of_numpys_transform(layer: str, cnn: ResidentModel) -> None:
    """The peak is where the whole 64×64 transform of the slices has it."""
    kernels = cnn.weights[f"{layer}.kernel"].transpose(3, 2, 0, 1)[:12]

    expected = [peak(each.astype(np.float64)) for each in kernels]
    np.testing.assert_allclose(np.hypot(*describe(kernels).peaks.T), expected, rtol=1e-9)


def ask(client: TestClient, **query: Any) -> dict[str, Any]:
    """Return the tensors of an answer by name."""
    answer = client.get("/cnn/descriptors", params=query)
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["tensors"]}


@pytest.mark.parametrize("order", ["norm", "edge", "line", "mean", "orientation", "frequency"])
def test_filters_are_sorted_as_asked(order: str, client: TestClient, cnn: ResidentModel) -> None:
    """The column that sorts them rises or falls, and every column goes along."""
    told, plain = ask(client, order=order), ask(client, order="index")
    rows = told["norm"]["coordinates"]["output_channel"]
    groups = ["edge", "line", "mean"]
    column = told["group"]["data"][groups.index(order)] if order in groups else told[order]["data"]

    steps = np.diff(np.array(column))
    assert (steps >= 0).all() if order in {"orientation", "frequency"} else (steps <= 0).all()
    assert sorted(rows) == list(range(32))
    for name in ("norm", "orientation", "frequency", "angle"):
        assert told[name]["data"] == [plain[name]["data"][row] for row in rows]
    kernels = cnn.weights["conv1.kernel"][:, :, 0].transpose(2, 0, 1)
    np.testing.assert_array_equal(np.array(told["kernel"]["data"], np.float32), kernels[rows])


def test_slices_add_up_to_the_filter(client: TestClient) -> None:
    """The energies of all slices together are the filter's, at a checkpoint of training too."""
    for query in ({}, {"checkpoint": "round-0"}):
        told = ask(client, layer="conv3", **query)
        slices = [np.array(told[f"slice.{name}"]["data"]) for name in ("edge", "line", "mean")]
        assert slices[0].shape == (64, 64)
        np.testing.assert_allclose(
            sum(slices).sum(axis=0), np.array(told["norm"]["data"]) ** 2, rtol=1e-5
        )
