"""Text fields of a form: query parameters, refused twice, and ignored with a warning."""

from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.api.bodies import DIGIT, PICTURE, base64_of

FILE = {"digit": ("d.png", PICTURE, "image/png")}


def post(client: TestClient, path: str, **fields: Any) -> Response:
    """Post a form with a file and text fields."""
    response: Response = client.post(path, files=FILE, data=fields)
    return response


@pytest.mark.parametrize(
    ("path", "fields", "query"),
    [
        ("/cnn/predict", {"preprocess": "none"}, "preprocess=none"),
        (
            "/cnn/activations",
            {"layers": "relu1,relu2", "precision": "2"},
            "layers=relu1,relu2&precision=2",
        ),
        ("/cnn/activations", {"layers": ["relu1", "relu2"]}, "layers=relu1&layers=relu2"),
        ("/cnn/channel", {"layer": "relu1", "channel": "3"}, "layer=relu1&channel=3"),
        ("/cnn/activations?layers=relu1", {"layers_": ""}, "layers=relu1"),
        ("/cnn/predict", {"format": "npz"}, "format=npz"),
        ("/cnn/predict.png", {"scale": "2"}, "scale=2"),
    ],
)
def test_a_field_with_the_name_of_a_parameter_is_it(
    path: str, fields: dict[str, Any], query: str, client: TestClient
) -> None:
    """The answer is that of the query, also of a path that the route cache has."""
    bare = path.partition("?")[0]
    expected = client.post(f"{bare}?{query}", files=FILE)
    named = {name: text for name, text in fields.items() if not name.endswith("_")}

    assert expected.status_code == 200
    for _ in range(2):
        answer = post(client, path, **named)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == expected.headers["content-type"]
        assert answer.content == expected.content
    plain = client.post("/cnn/predict", files=FILE)
    assert plain.json()["input"]["preparation"]["preprocess"] == "mnist"


def test_a_parameter_in_query_and_form_is_refused(client: TestClient) -> None:
    """Neither of the two is preferred."""
    answer = post(client, "/cnn/predict?preprocess=mnist", preprocess="none")

    text = "parameter 'preprocess' is in the query and in the form: give it once"
    assert (answer.status_code, answer.json()["detail"]) == (422, text)
    assert answer.json()["errors"] == [{"location": ["body", "preprocess"], "reason": text}]


def test_a_repeated_field_is_refused(client: TestClient) -> None:
    """A single-valued parameter that is twice in the form is a 422, as in the query."""
    answer = post(client, "/cnn/predict", preprocess=["none", "none"])

    text = "parameter 'preprocess' takes one value and was given 2 times"
    assert (answer.status_code, answer.json()["detail"]) == (422, text)


@pytest.mark.parametrize(
    ("path", "fields", "location", "text"),
    [
        (
            "/cnn/predict",
            {"preprocess": "no"},
            ["body", "preprocess"],
            "preprocess 'no' is not one of mnist, none",
        ),
        (
            "/cnn/channel",
            {"layer": "relu1"},
            ["query", "channel"],
            "parameter 'channel' is missing",
        ),
        ("/cnn/channel", {}, ["query", "layer"], "parameter 'layer' is missing"),
    ],
)
def test_a_wrong_field_is_located_in_the_body(
    path: str, fields: dict[str, str], location: list[str], text: str, client: TestClient
) -> None:
    """Parameters of a form are validated as those of the query are."""
    answer = post(client, path, **fields)

    assert (answer.status_code, answer.json()["detail"]) == (422, text)
    assert {"location": location, "reason": text} in answer.json()["errors"]


def test_missing_parameters_of_other_bodies_are_refused(client: TestClient) -> None:
    """Only a form may have in its body the parameters that the query lacks."""
    answer = client.post("/cnn/channel", content=PICTURE, headers={"Content-Type": "image/png"})

    assert answer.json()["detail"] == "parameter 'layer' is missing"


def test_other_fields_are_ignored_with_a_warning(client: TestClient) -> None:
    """Each field is named once, in front of the warnings about the image, in every answer."""
    known = "preprocess, format, precision, encoding"
    answer = post(client, "/cnn/predict", comment="seven", **{"<b>": ["1", "2"]}).json()
    several = client.post(
        "/cnn/predict", files=[("a", PICTURE), ("b", PICTURE)], data={"comment": ""}
    )

    first, second = answer["warnings"][:2]
    assert (first["code"], second["code"]) == ("ignored-field", "ignored-field")
    assert first["message"].startswith(
        "The form's field 'comment' was ignored: it is no parameter here. These are "
    )
    assert second["message"].startswith("The form's field with another name was ignored")
    assert all(name in first["message"] for name in known.split(", "))
    codes = [one["warnings"][0]["code"] for one in several.json()["answers"]]
    assert codes == ["ignored-field", "ignored-field"]


def test_a_form_without_other_fields_has_no_warning(client: TestClient) -> None:
    """One file under any name is answered as the raw image is."""
    raw = client.post("/cnn/predict", content=PICTURE, headers={"Content-Type": "image/png"})

    assert post(client, "/cnn/predict", preprocess="mnist").content == raw.content


def test_an_image_in_base64_may_be_a_text_field(client: TestClient) -> None:
    """A form without a file has the image in the text field `image`."""
    files = {"image": (None, base64_of(PICTURE)), "preprocess": (None, "none")}
    answer = client.post("/cnn/predict", files=files).json()

    assert answer["input"]["pixels"] == DIGIT.tolist()
    assert all(one["code"] != "ignored-field" for one in answer["warnings"])


@pytest.mark.parametrize("field", ["edits", "source"])
def test_fields_that_only_json_has_are_refused(field: str, client: TestClient) -> None:
    """An answer without the edits that were sent would be about something else."""
    answer = post(client, "/cnn/intervene", **{field: "[]"})

    text = (
        f"The field '{field}' is read from JSON only: send an object of 'image' in base64 and "
        f"'{field}'."
    )
    assert (answer.status_code, answer.json()["detail"]) == (422, text)
    second = client.post("/cnn/intervene", files=[("file", PICTURE), ("source", PICTURE)])
    assert second.status_code == 422
