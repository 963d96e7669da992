"""Choices of parameters: layers, classes and sizes of the network that is asked."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, Field

from probes.declaration import Parameters, split_commas
from probes.shared.choices import (
    ClassChoice,
    LayerChoice,
    SideChoice,
    describe,
    faults,
    resolved,
    shown,
)
from tests.networks import SIMPLE_CNN


class Asked(Parameters):
    """Parameters of each kind of choice."""

    layers: Annotated[
        list[str],
        BeforeValidator(split_commas),
        Field(min_length=1),
        LayerChoice(lambda one: (*one.layers, "all"), shown, is_limited=True),
    ] = Field([])
    layer: Annotated[str, LayerChoice(lambda one: one.maps, lambda one: one.maps[-1])] = Field("")
    target: Annotated[int | None, ClassChoice()] = Field(None, ge=0)
    window: Annotated[int, SideChoice(5, of=28)] = Field(5, ge=1)


class Part(BaseModel):
    """Object of a body."""

    layer: Annotated[str, LayerChoice(lambda one: one.layers)]


class Whole(BaseModel):
    """Body with several objects."""

    parts: tuple[Part, ...] = ()


def test_defaults_are_those_of_the_network() -> None:
    """A request that names nothing gets the network's layers, and one that names them its own."""
    asked = resolved(Asked(), SIMPLE_CNN)

    assert asked.layers == ["relu1", "pool1", "relu2", "pool2", "relu3", "relu4"]
    assert (asked.layer, asked.target, asked.window) == ("relu3", None, 5)
    named = resolved(Asked(layers="conv1,conv1", layer="pool1"), SIMPLE_CNN)
    assert (named.layers, named.layer) == (["conv1", "conv1"], "pool1")


@pytest.mark.parametrize(
    ("given", "location", "message"),
    [
        ({"layers": "conv1,conv9"}, ("layers", 1), "Input should be 'conv1', 'relu1', "),
        ({"layers": ",".join(["conv1"] * 12)}, ("layers",), "at most 11 items"),
        ({"layer": "dense1"}, ("layer",), "'conv3' or 'relu3'"),
        ({"layer": ""}, ("layer",), "'conv3' or 'relu3'"),
        ({"target": 10}, ("target",), "Input should be less than 10"),
        ({"window": 29}, ("window",), ""),
    ],
)
def test_values_that_the_network_lacks_are_faults(
    given: dict[str, Any], location: tuple[str | int, ...], message: str
) -> None:
    """The fault has the location and the words of pydantic's error."""
    (fault,) = faults(resolved(Asked(**given), SIMPLE_CNN), SIMPLE_CNN)

    assert fault["loc"] == location
    assert message in fault["msg"]


def test_values_of_the_network_are_accepted() -> None:
    """Every layer, the last class and the whole side of the image are no faults."""
    asked = Asked(layers=["all", *list(SIMPLE_CNN.layers)[:10]], layer="conv1", target=9, window=28)

    assert list(faults(asked, SIMPLE_CNN)) == []


def test_objects_of_a_body_are_checked() -> None:
    """The location of a fault goes through the list that holds the object."""
    body = Whole(parts=(Part(layer="conv1"), Part(layer="conv9")))
    (fault,) = faults(body, SIMPLE_CNN, "body")

    assert fault["loc"] == ("body", "parts", 1, "layer")


def test_the_schema_lists_what_the_network_has() -> None:
    """Names, limits and defaults of the network are in the JSON schema."""
    schema = Asked.model_json_schema()
    describe(Asked, schema, SIMPLE_CNN)
    properties = schema["properties"]

    assert properties["layers"]["items"]["enum"] == [*SIMPLE_CNN.layers, "all"]
    assert properties["layers"]["maxItems"] == 11
    assert properties["layer"]["default"] == "relu3"
    assert properties["target"]["anyOf"][0]["exclusiveMaximum"] == 10
    assert properties["window"]["maximum"] == 28
