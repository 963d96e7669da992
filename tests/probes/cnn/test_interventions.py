"""Interventions on the CNN: edits change the edited values and no others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.cnn.layout import layout_of
from models.registry import ResidentModel
from probes.cnn.edits import Edit, Region, places_of, scale_and_shift
from probes.cnn.interventions import recovery
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import correlate, pool
from tests.oracles.parameters import draw_images

PIXELS, OTHER = (one.tolist() for one in draw_images(2, 11))
LOGITS = np.eye(10, dtype=np.float32)
LAYERS = SIMPLE_CNN.layers
LAYER_SLICES = layout_of(SIMPLE_CNN).slices
VALUE_COUNT = layout_of(SIMPLE_CNN).value_count


def post(client: Any, path: str = "intervene", query: str = "", **body: Any) -> Any:
    """Ask about an image as it is."""
    return client.post(f"/cnn/{path}?preprocess=none{query}", json={"pixels": PIXELS, **body})


def tensors(answer: Any) -> dict[str, np.ndarray]:
    """Read an answer's values."""
    return {one["name"]: np.array(one["data"], one["dtype"]) for one in answer.json()["tensors"]}


def measures(answer: Any) -> dict[str, Any]:
    """Return tensors and measures of an answer by name."""
    return {one["name"]: one["value"] for one in answer.json()["measures"]}


def rest(values: dict[str, np.ndarray], edited: dict[str, Any], weights: Any) -> np.ndarray:
    """Run the rest of the network from an edited layer in float64: an oracle."""
    wide = {name: value.astype(np.float64) for name, value in weights.items()}
    (start,) = edited
    value = np.moveaxis(edited[start], 0, -1) if edited[start].ndim > 1 else edited[start]
    names = list(LAYERS)
    for name in names[names.index(start) + 1 :]:
        if name.startswith("conv"):
            value = correlate(value, wide[f"{name}.kernel"], wide[f"{name}.bias"])
        elif name.startswith("relu"):
            value = np.maximum(value, 0)
        elif name.startswith("pool"):
            value = pool(value)
        else:
            module = LAYERS[name].parameters
            value = value.ravel() @ wide[f"{module}.kernel"] + wide[f"{module}.bias"]
    return value


def test_no_edit_is_the_baseline_to_the_bit(client: Any) -> None:
    """An intervention without edits is equal to the baseline and to the trace in every layer."""
    names = ",".join(LAYERS)
    found = tensors(post(client, query=f"&layers={names}"))
    traced = tensors(post(client, "activations", "&layers=all"))

    for name in LAYERS:
        if name == "logits":
            assert np.array_equal(found["logits"][0], found["logits"][1])
            np.testing.assert_allclose(found["logits"][0], traced["logits"], atol=2e-5)
            continue
        assert np.array_equal(found[f"{name}.baseline"], found[f"{name}.edited"])
        assert not found[f"{name}.difference"].any()
        np.testing.assert_allclose(found[f"{name}.baseline"], traced[name], atol=2e-5)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_whole_layer_of_another_image_gives_that_images_answer(layer: str, client: Any) -> None:
    """A layer set to another image's values gives the later layers of that image, to the bit."""
    patch = [{"layer": layer, "operation": "patch"}]
    patched = tensors(post(client, edits=patch, source={"pixels": OTHER}))["logits"][1]
    own = client.post("/cnn/intervene?preprocess=none", json={"pixels": OTHER})
    answer = post(client, edits=patch, source={"pixels": OTHER})

    assert np.array_equal(patched, tensors(own)["logits"][0])
    stated = measures(answer)
    same = stated["label_baseline"] == stated["label_source"]
    assert stated["recovery"] == (None if same else 1.0)


@pytest.mark.parametrize("layer", ["pool1", "relu2", "conv3", "relu4"])
def test_the_network_runs_from_an_activation_that_is_supplied(
    layer: str, client: Any, cnn: ResidentModel
) -> None:
    """As the float64 network does from the same values."""
    shape = LAYERS[layer].shape
    values = np.random.default_rng(3).uniform(-1, 1, (shape[-1], *shape[:-1])).round(3)
    edits = [{"layer": layer, "operation": "set", "values": values.tolist()}]

    found = tensors(post(client, edits=edits))

    np.testing.assert_array_equal(found[f"{layer}.edited"], values.astype(np.float32))
    expected = rest(found, {layer: values}, cnn.weights)
    np.testing.assert_allclose(found["logits"][1], expected, atol=1e-4)


def test_only_what_is_named_is_edited(client: Any) -> None:
    """Channels and region; edits of one layer follow one another."""
    region = {"top": 2, "left": 3, "bottom": 4, "right": 9}
    edits = [
        {"layer": "relu2", "channels": [5], "region": region, "operation": "add", "amount": 2.0},
        {"layer": "relu2", "channels": [5], "region": region, "operation": "scale", "amount": -3.0},
        {"layer": "relu2", "channels": [8], "operation": "set", "amount": 0.25},
        {"layer": "relu4", "channels": [1, 2], "operation": "zero"},
    ]

    found = tensors(post(client, query="&layers=relu2,relu4&channels=1,2,5,8", edits=edits))

    before, after = found["relu2.baseline"], found["relu2.edited"]
    expected = before.copy()
    expected[2, 2:5, 3:10] = -3.0 * (before[2, 2:5, 3:10] + 2.0)
    expected[3] = 0.25
    np.testing.assert_allclose(after, expected, rtol=1e-6)
    np.testing.assert_array_equal(found["relu2.difference"], after - before)
    assert not found["relu4.edited"][:2].any()


def test_a_sweep_is_one_edit_after_the_other(client: Any) -> None:
    """Each channel's effect is that of the intervention on it alone."""
    answer = post(client, "sweep", "&layer=relu3&target=4")
    found = tensors(answer)

    assert found["effect"].shape == (64,)
    for channel in (0, 17, 63):
        edits = [{"layer": "relu3", "channels": [channel], "operation": "zero"}]
        alone = tensors(post(client, edits=edits))["logits"]
        np.testing.assert_array_equal(found["edited"][:, channel], alone[1])
        assert found["effect"][channel] == pytest.approx(alone[0][4] - alone[1][4], abs=1e-6)
    assert measures(answer)["strongest"] == found["effect"].argmax()


def test_a_sweep_of_patches_states_recoveries(client: Any) -> None:
    """Of every unit, the share of the way to the other image's answer."""
    source = {"pixels": OTHER}
    found = tensors(post(client, "sweep", "&layer=relu4&operation=patch", source=source))
    edits = [{"layer": "relu4", "channels": [9], "operation": "patch"}]
    alone = measures(post(client, edits=edits, source=source))["recovery"]

    if alone is None:
        assert np.isnan(found["recovery"].astype(float)[9])
    else:
        assert found["recovery"][9] == pytest.approx(alone, abs=1e-5)


def test_recovery_is_the_share_of_the_way() -> None:
    """Nothing at the baseline, all at the source, null between equals."""
    here, there = LOGITS[2] * 3, LOGITS[7] * 5

    assert recovery(here, here, there) == 0.0
    assert recovery(there, here, there) == 1.0
    assert recovery((here + there) / 2, here, there) == pytest.approx(0.5)
    assert recovery(there, here, here * 2) is None


@settings(max_examples=60)
@given(
    st.sampled_from(list(LAYERS)),
    st.sampled_from(["zero", "scale", "add", "set", "patch", "mean"]),
    st.integers(0, 9),
    st.floats(-4, 4, width=32),
)
def test_edits_come_to_scale_and_shift(
    layer: str, operation: str, channel: int, amount: float
) -> None:
    """By definition, value by value; all others are left alone."""
    shape = LAYERS[layer].shape
    first = (shape[-1], *shape[:-1])
    values, means, source = (
        {layer: np.random.default_rng(seed).normal(size=first)} for seed in range(3)
    )
    takes = {"amount": amount} if operation in {"scale", "add", "set"} else {}
    edit = Edit(layer=layer, channels=(channel,), operation=operation, **takes)

    both = scale_and_shift(SIMPLE_CNN, [edit], means, source)
    scale, shift = (np.asarray(one) for one in both)

    done = {
        "zero": values[layer] * 0,
        "scale": values[layer] * amount,
        "add": values[layer] + amount,
        "set": values[layer] * 0 + amount,
        "mean": means[layer],
        "patch": source[layer],
    }[operation]
    expected = values[layer].copy()
    expected[channel] = done[channel]
    at = LAYER_SLICES[layer]
    scales, shifts = (np.moveaxis(one[at].reshape(shape), -1, 0) for one in (scale, shift))
    np.testing.assert_allclose(values[layer] * scales + shifts, expected, atol=1e-5)
    outside = np.ones(VALUE_COUNT, bool)
    outside[at] = False
    assert (scale[outside] == 1).all()
    assert not shift[outside].any()


def test_places_are_every_value_once() -> None:
    """Layer after layer, channel last within each."""
    taken = np.concatenate([np.arange(VALUE_COUNT)[place] for place in LAYER_SLICES.values()])
    part = Edit(
        layer="pool2",
        channels=(2,),
        region=Region(top=1, left=3, bottom=1, right=3),
        operation="zero",
    )

    assert np.array_equal(taken, np.arange(VALUE_COUNT))
    place = places_of(SIMPLE_CNN, part)
    assert place.shape == (1, 1, 1)
    assert place.item() - LAYER_SLICES["pool2"].start == (1 * 7 + 3) * 64 + 2


REFUSED = {
    "no such channel": ([{"layer": "relu2", "channels": [64], "operation": "zero"}], "0 to 63"),
    "no channel": (
        [{"layer": "relu2", "channels": [], "operation": "zero"}],
        "at least 1 item",
    ),
    "outside": (
        [
            {
                "layer": "pool2",
                "region": {"top": 0, "left": 0, "bottom": 7, "right": 1},
                "operation": "zero",
            }
        ],
        "7 x 7 of pool2",
    ),
    "no maps": (
        [
            {
                "layer": "relu4",
                "region": {"top": 0, "left": 0, "bottom": 0, "right": 0},
                "operation": "zero",
            }
        ],
        "no maps",
    ),
    "no source": ([{"layer": "relu2", "operation": "patch"}], "needs a source"),
    "no amount": ([{"layer": "relu2", "operation": "scale"}], "scale takes an amount"),
    "an amount too many": (
        [{"layer": "relu2", "operation": "zero", "amount": 1}],
        "neither amount nor values",
    ),
    "far too large": (
        [{"layer": "relu2", "operation": "add", "amount": 1e7}],
        "less than or equal to 1000000",
    ),
    "wrong shape": (
        [{"layer": "logits", "operation": "set", "values": [1, 2]}],
        "shape [2]; what is edited has [10]",
    ),
    "no numbers": (
        [{"layer": "logits", "operation": "set", "values": ["secret"] * 10}],
        "must be numbers",
    ),
    "unknown": ([{"layer": "conv9", "operation": "zero"}], "edits[0].layer"),
}


@pytest.mark.parametrize(("edits", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused(edits: Any, said: str, client: Any) -> None:
    """Each refusal names the location in the body and the limit, and repeats no posted value."""
    answer = post(client, edits=edits)

    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert answer.json()["errors"][0]["location"][:3] == ["body", "edits", 0]
    assert "secret" not in answer.text


def test_an_entry_of_several_is_named(client: Any) -> None:
    """Each of several inputs has its own edits, and its own place."""
    good = {"pixels": PIXELS, "edits": [{"layer": "relu4", "operation": "zero"}]}
    bad = {"pixels": PIXELS, "edits": [{"layer": "relu4", "operation": "patch"}]}
    path = "/cnn/intervene?preprocess=none"

    both = client.post(path, json={"inputs": [good, {"pixels": PIXELS}]}).json()["answers"]
    refused = client.post(path, json={"inputs": [good, bad]})

    assert [measures_of(one)["edits"] for one in both] == [1, 0]
    assert refused.json()["errors"][0]["location"] == ["body", "inputs", 1, "edits", 0]


def measures_of(answer: Any) -> dict[str, Any]:
    """Return tensors and measures of one of several answers."""
    return {one["name"]: one["value"] for one in answer["measures"]}


def test_an_edit_asks_for_just_what_it_needs() -> None:
    """Set takes one of two."""
    assert Edit(layer="logits", operation="set", amount=1).amount == 1
    with pytest.raises(ValidationError):
        Edit(layer="logits", operation="set", amount=1, values=[0] * 10)


def test_a_mean_is_that_over_the_training_images(client: Any, cnn: ResidentModel) -> None:
    """At each place, as training recorded it; in a sweep as in an intervention."""
    means = cnn.artifacts["units"].tensors["relu3.mean"].astype(np.float32)
    edits = [{"layer": "relu3", "channels": [4, 9], "operation": "mean"}]
    found = tensors(post(client, edits=edits))
    swept = tensors(post(client, "sweep", "&layer=relu3&operation=mean"))["edited"]
    alone = tensors(post(client, edits=[{**edits[0], "channels": [9]}]))["logits"][1]

    np.testing.assert_array_equal(found["relu3.edited"], np.moveaxis(means[..., [4, 9]], -1, 0))
    np.testing.assert_array_equal(swept[:, 9], alone)
