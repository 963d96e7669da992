"""Probe `units`: rankings against loops over the recorded statistics."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.registry import ResidentModel
from probes.cnn.unit_ranking import PROBES, UnitsParameters, check_units, rank
from probes.cnn.unit_record import class_selectivity, selectivity
from probes.declaration import ModelContext, ParameterError, ProbeCall, ProbeInput
from tests.networks import SIMPLE_CNN

ACTIVATED = ("relu1", "relu2", "relu3", "relu4")


def ask(client: TestClient, **query: Any) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the names of the ranked units, and tensors by name."""
    answer = client.get("/cnn/units", params=query)
    assert answer.status_code == 200, answer.text
    tensors = {one["name"]: one for one in answer.json()["tensors"]}
    return tensors["score"]["coordinates"]["unit"], {
        name: np.array(one["data"]) for name, one in tensors.items()
    }


def expected(
    cnn: ResidentModel, layers: tuple[str, ...], label: int | None
) -> list[tuple[float, str]]:
    """Selectivity and name of every unit that has one, by loops, in the order of the network."""
    record, found = cnn.artifacts["units"].tensors, []
    for layer in layers:
        for channel, means in enumerate(record[f"{layer}.class_means"].T.astype(np.float64)):
            if not means.any():
                continue
            chosen = int(means.argmax()) if label is None else label
            rest = np.delete(means, chosen).mean()
            score = (means[chosen] - rest) / (means[chosen] + rest)
            found.append((float(score), f"{layer}.{channel}"))
    return found


@pytest.mark.parametrize("label", [7, 0, None])
@pytest.mark.parametrize("order", ["highest", "lowest"])
@pytest.mark.parametrize("layers", [ACTIVATED, ("pool2",)])
def test_units_are_ranked_by_selectivity(
    client: TestClient,
    cnn: ResidentModel,
    label: int | None,
    order: str,
    layers: tuple[str, ...],
) -> None:
    """The first ones are those of a sort in NumPy, with its scores."""
    truth = expected(cnn, layers, label)
    scores = np.array([score for score, _ in truth])
    first = np.argsort(-scores if order == "highest" else scores, kind="stable")[:12]
    query = {"order": order, "count": 12} | ({} if label is None else {"label": label})
    if layers != ACTIVATED:  # which is the default
        query["layers"] = ",".join(layers)

    names, told = ask(client, **query)

    np.testing.assert_allclose(told["score"], scores[first], atol=1e-6)
    assert names == [truth[at][1] for at in first]


def test_weights_without_a_record_have_no_ranking(cnn: ResidentModel) -> None:
    """The need says for which networks a record is made."""
    need = PROBES[0].unmet(replace(cnn, artifacts={}))

    assert need is not None
    assert need.reason.endswith("scripts.artifacts makes for the architecture of cnn only.")


def test_class_means_and_silence_are_those_of_the_units(
    client: TestClient, cnn: ResidentModel
) -> None:
    """Each column has the recorded statistics of the unit that it names."""
    record = cnn.artifacts["units"].tensors
    names, told = ask(client, by="mean", label=3, layers="relu2,relu3", count=64)

    for at, name in enumerate(names):
        layer, channel = name.split(".")
        means = record[f"{layer}.class_means"][:, int(channel)]
        np.testing.assert_allclose(told["class_means"][:, at], means, rtol=1e-6)
        np.testing.assert_allclose(told["score"][at], means[3], rtol=1e-6)
        silent = record[f"{layer}.silent_values"][int(channel)]
        np.testing.assert_allclose(told["silence"][at], silent, atol=1e-7)
    assert (np.diff(told["score"]) <= 0).all()


def test_silence_is_ranked(client: TestClient, cnn: ResidentModel) -> None:
    """The most silent units come first, or last."""
    silence = cnn.artifacts["units"].tensors["relu3.silent_values"]

    _, most = ask(client, by="silence", layers="relu3", count=5)
    _, least = ask(client, by="silence", layers="relu3", count=5, order="lowest")

    np.testing.assert_allclose(most["score"], np.sort(silence)[::-1][:5], atol=1e-7)
    np.testing.assert_allclose(least["score"], np.sort(silence)[:5], atol=1e-7)


def test_selectivity_has_its_limits() -> None:
    """It is 1 for one class alone, 0 for all alike, and none for a dead or a signed unit."""
    means = np.array([[2, 1, 0, -1], [0, 1, 0, 3], [0, 1, 0, 1]], np.float32)

    found = class_selectivity(means)

    np.testing.assert_array_equal(found[:, 0], [1, -1, -1])
    np.testing.assert_array_equal(found[:, 1], [0, 0, 0])
    assert np.isnan(found[:, 2:]).all()
    assert [selectivity(one) for one in means.T] == [1.0, 0.0, None, None]


def test_dead_units_are_left_out(cnn: ResidentModel) -> None:
    """A unit whose means are all zero has no selectivity, in either order."""
    means = np.array([[0, 3, 1], [0, 1, 1]], np.float32)
    record = {"relu1.class_means": means, "relu1.silent_values": np.array([1, 0.5, 0], np.float32)}

    for order, names in (("highest", ("relu1.1", "relu1.2")), ("lowest", ("relu1.2", "relu1.1"))):
        parameters = UnitsParameters(layers=["relu1"], label=0, order=order)
        assert rank(record, parameters).names == names


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"layers": "conv1"}, "relu1"),
        ({"label": 10}, "less than 10"),
        ({"by": "silence", "label": 7}, "silence is that of all values"),
        ({"count": 65}, "64"),
        ({"by": "size"}, "selectivity"),
    ],
)
def test_wrong_rankings_are_refused(client: TestClient, query: dict[str, Any], words: str) -> None:
    """The problem names the parameter's limit."""
    answer = client.get("/cnn/units", params=query)

    assert answer.status_code == 422
    assert words in answer.text


def test_a_ranking_of_nothing_is_refused(cnn: ResidentModel) -> None:
    """A network whose units are all dead has none to rank, and one without layers neither."""
    dead = {
        "relu1.class_means": np.zeros((10, 32), np.float32),
        "relu1.silent_values": np.ones(32, np.float32),
    }
    record = cnn.artifacts["units"]
    artifact = replace(record, tensors=dead)
    model = ModelContext(SIMPLE_CNN, cnn.weights, artifacts={"units": artifact})

    for layers, reason in ((["relu1"], "no unit of these layers"), ([], "no layer after")):
        call = ProbeCall(model, ProbeInput(), UnitsParameters.model_construct(layers=layers))
        with pytest.raises(ParameterError, match=reason):
            check_units(call)
