"""The map of the last hidden layer: its axes, the picture's place, and its neighbours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.cnn.pca import principal_axes
from models.data import test_images
from models.data.datasets import Digits, mnist
from models.registry import ResidentModel
from models.runtime.programs import Call
from tests.oracles.numpy64 import cnn_trace

COPY = Path(__file__).parents[2] / "tensorflow_datasets"


@pytest.fixture(scope="module")
def test_set() -> Digits:
    """All test images."""
    return mnist("test", COPY)


def ask(client: TestClient, image: np.ndarray, **query: Any) -> dict[str, Any]:
    """Return the answer about a picture."""
    body = {"pixels": image.tolist()}
    return contents(
        client.post("/cnn/embedding", params={"preprocess": "none", **query}, json=body)
    )


def recorded(client: TestClient, **query: Any) -> dict[str, Any]:
    """Return the answer about the recorded images."""
    return contents(client.get("/cnn/embedded", params=query))


def contents(answer: Any) -> dict[str, Any]:
    """Return tensors, their coordinates and measures by name."""
    assert answer.status_code == 200, answer.text
    given = answer.json()
    tensors = {one["name"]: np.array(one["data"]) for one in given["tensors"]}
    places = {f"{one['name']}@": one["coordinates"] for one in given["tensors"]}
    return tensors | places | {one["name"]: one["value"] for one in given["measures"]}


def test_axes_are_those_of_a_singular_value_decomposition() -> None:
    """Up to sign, with the same shares of the variance."""
    random = np.random.default_rng(8)
    values = random.normal(size=(80, 9)) @ np.diag([9, 7, 5, 3, 2, 1, 1, 1, 0.5]) + 4
    found = principal_axes(values, 3)

    _, sizes, axes = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs((found.components * axes[:3]).sum(axis=1)), 1, atol=1e-6)
    np.testing.assert_allclose(
        found.explained_variance, sizes[:3] ** 2 / (sizes**2).sum(), rtol=1e-5
    )
    np.testing.assert_allclose(
        np.abs(found.project(values)),
        np.abs((values - values.mean(axis=0)) @ axes[:3].T),
        atol=1e-4,
    )
    assert (found.components[np.arange(3), np.abs(found.components).argmax(axis=1)] > 0).all()


def test_the_picture_stands_where_the_float64_network_puts_it(
    client: TestClient, cnn: ResidentModel, test_set: Digits
) -> None:
    """Along any two axes."""
    image, record = test_set.images[77], cnn.artifacts["layers"].tensors
    relu4 = cnn_trace(image, cnn.weights)["relu4"]
    expected = (relu4 - record["embedding.mean"]) @ record["embedding.components"].T
    for across, upward in ((0, 1), (5, 3)):
        told = ask(client, image, across=across, upward=upward)
        place = [told["across.picture"][0], told["upward.picture"][0]]
        np.testing.assert_allclose(place, expected[[across, upward]], atol=1e-3)
        share = record["embedding.shares"][across]
        assert told["across_share"] == pytest.approx(share, rel=1e-6)


def test_axes_are_those_of_the_whole_test_set(
    client: TestClient, cnn: ResidentModel, test_set: Digits
) -> None:
    """Of 1,000 test images the coordinates spread as the shares of all 10,000 say, unrelated."""
    program, record = cnn.programs["trace"], cnn.artifacts["layers"].tensors
    calls = [
        Call("trace", {"image": image}, frozenset({"relu4"})) for image in test_set.images[:1000]
    ]
    step = program.max_rows
    parts = [program(calls[start : start + step]) for start in range(0, len(calls), step)]
    values = np.stack([one["relu4"] for part in parts for one in part]).astype(np.float64)
    places = (values - record["embedding.mean"]) @ record["embedding.components"].T
    total = values.var(axis=0).sum()

    np.testing.assert_allclose(places.var(axis=0) / total, record["embedding.shares"], atol=0.025)
    assert np.abs(np.corrcoef(places[:, :4].T) - np.eye(4)).max() < 0.12


def test_a_test_image_on_the_map_is_its_own_neighbour(
    client: TestClient, cnn: ResidentModel, test_set: Digits
) -> None:
    """The nearest is itself, at next to no distance, at its place on the map."""
    held = test_images.unpack(cnn.artifacts["layers"].tensors)
    for at in (0, 700, 1999):
        index = int(held.indices[at])
        told = ask(client, test_set.images[index])
        assert told["distance@"]["neighbour"][0] == index
        assert told["distance"][0] < 0.02
        assert told["label"][at] == test_set.labels[index]
        assert told["across"][at] == pytest.approx(told["across.picture"][0], abs=0.01)


def test_neighbours_are_the_nearest_of_all(
    client: TestClient, cnn: ResidentModel, test_set: Digits
) -> None:
    """By brute force over the recorded coordinates; pictures and labels are those of the images."""
    record = cnn.artifacts["layers"].tensors
    image = test_set.images[4_321]
    relu4 = cnn_trace(image, cnn.weights)["relu4"]
    own = (relu4 - record["embedding.mean"]) @ record["embedding.components"].T
    gaps = ((record["embedding.coordinates"].astype(np.float64) - own) ** 2).sum(axis=1) ** 0.5
    told = ask(client, image, neighbours=10)

    nearest = record["images.index"][np.argsort(gaps)[:10]]
    assert told["distance@"]["neighbour"] == nearest.tolist()
    np.testing.assert_allclose(told["distance"], np.sort(gaps)[:10], rtol=1e-3)
    np.testing.assert_array_equal(told["neighbours"], test_set.images[nearest])
    labels = test_set.labels[nearest]
    np.testing.assert_array_equal(told["votes"], np.bincount(labels, minlength=10))
    names = [f"{label} · {index}" for label, index in zip(labels, nearest, strict=True)]
    assert told["neighbours@"]["neighbour"] == names


def test_the_nearest_alone_are_a_small_answer(client: TestClient, test_set: Digits) -> None:
    """They are the neighbours in their order, with the places that they have among all."""
    image = test_set.images[4_321]
    whole, small = ask(client, image), ask(client, image, images="nearest")

    numbers = whole["distance@"]["neighbour"]
    at = [whole["across@"]["image"].index(number) for number in numbers]
    assert small["across@"]["image"] == numbers
    for name in ("across", "upward", "label"):
        np.testing.assert_array_equal(small[name], whole[name][at])
    same = ("across.picture", "upward.picture", "distance", "votes", "neighbours", "across_share")
    for name in same:
        np.testing.assert_array_equal(small[name], whole[name])


def test_the_map_needs_no_picture(client: TestClient, test_set: Digits) -> None:
    """It is that of the embedding of any picture, along any two axes."""
    for axes in ({}, {"across": 4, "upward": 2}):
        whole, alone = ask(client, test_set.images[3], **axes), recorded(client, **axes)
        names = ("across", "upward", "label", "across_share", "upward_share", "all_axes_share")
        for name in names:
            np.testing.assert_array_equal(alone[name], whole[name])
        assert alone["across@"] == whole["across@"]
        assert "across.picture" not in alone


def test_one_recorded_image_has_its_pixels(
    client: TestClient, cnn: ResidentModel, test_set: Digits
) -> None:
    """They are those of the test set, and its coordinates those of the record."""
    held = test_images.unpack(cnn.artifacts["layers"].tensors)
    for at in (0, 1200):
        index = int(held.indices[at])
        told = recorded(client, image=index)
        np.testing.assert_array_equal(told["picture"][0], test_set.images[index])
        assert told["picture@"]["image"] == [f"{test_set.labels[index]} · {index}"]
        places = cnn.artifacts["layers"].tensors["embedding.coordinates"][at]
        np.testing.assert_allclose(told["coordinates"], places.astype(np.float32), rtol=1e-6)


def test_an_image_that_is_not_recorded_is_refused(client: TestClient, cnn: ResidentModel) -> None:
    """The reason names the number and how many are recorded."""
    held = set(test_images.unpack(cnn.artifacts["layers"].tensors).indices.tolist())
    missing = min(set(range(10_000)) - held)

    for image in (missing, 10_000):
        refused = client.get(f"/cnn/embedded?image={image}")
        assert refused.status_code == 422
        reason = f"image {image} is not one of the 2,000 recorded test images."
        assert refused.json()["detail"] == reason


def test_one_axis_twice_is_no_map(client: TestClient, digit_png: bytes) -> None:
    """It is refused with the reason."""
    headers = {"Content-Type": "image/png"}
    for refused in (
        client.post("/cnn/embedding?across=2&upward=2", content=digit_png, headers=headers),
        client.get("/cnn/embedded?across=2&upward=2"),
    ):
        assert refused.status_code == 422
        assert refused.json()["detail"] == "across and upward must be two different axes."
