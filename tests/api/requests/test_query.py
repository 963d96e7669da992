"""Query strings: single-valued parameters, over every operation of the OpenAPI document."""

import pytest
from starlette.testclient import TestClient

from api.openapi.references import inlined
from api.requests.query import check_repeated

SINGLE = frozenset({"sequence", "scale"})


def test_every_single_valued_parameter_may_be_given_once(client: TestClient) -> None:
    """A repeated parameter is a 422 that names it on every operation; lists may be repeated."""
    operations = inlined(client.get("/openapi.json").json())["paths"]
    checked = []

    for path, methods in operations.items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                if parameter["in"] != "query":
                    continue
                response = client.request(method, path, params=[(name, "1"), (name, "2")])
                repeated = f"parameter '{name}' takes one value and was given 2 times"
                assert (repeated in response.text) == (parameter["schema"].get("type") != "array")
                checked.append(f"{path} {name}")

    assert {"/samples count", "/lstm/gates.jsonl precision", "/cnn/filters.png scale"} <= {*checked}


def test_a_repeated_sequence_is_not_its_last_value(client: TestClient) -> None:
    """`requests.get(params={"sequence": [1, 0, 1, 1, 0]})` is a 422 and no answer about `0`."""
    response = client.get("/lstm/gates", params=[("sequence", bit) for bit in "10110"])

    problem = response.json()
    assert (response.status_code, problem["type"]) == (
        422,
        "urn:lightwell:problem:invalid-parameter",
    )
    text = "parameter 'sequence' takes one value and was given 5 times"
    assert problem["detail"] == text
    assert problem["errors"] == [{"location": ["query", "sequence"], "reason": text}]


def test_a_repeated_parameter_is_rejected_after_the_same_path_was_answered(
    client: TestClient,
) -> None:
    """Request lines that are answered from the route cache are checked too."""
    for _ in range(2):
        assert client.get("/cnn/filters.png?scale=2").status_code == 200
        assert client.get("/cnn/filters.png?scale=2&scale=2").status_code == 422


def test_a_repeated_list_is_one_list(client: TestClient) -> None:
    """`units=0&units=1` and `units=0,1` are the same request."""
    repeated = client.get("/lstm/gates?sequence=10110&units=0&units=1")

    assert repeated.status_code == 200
    assert repeated.json() == client.get("/lstm/gates?sequence=10110&units=0,1").json()


@pytest.mark.parametrize(
    "query", [b"scale=1&scale=", b"scale&scale", b"%73cale=1&scale=1", b"a=1&scale=1&scale=1"]
)
def test_names_are_compared_as_they_are_read(query: bytes, client: TestClient) -> None:
    """Empty values and percent-encoded names count."""
    response = client.get("/cnn/filters.png?" + query.decode())

    assert response.status_code == 422
    assert "'scale' takes one value" in response.text


def test_a_query_without_repetition_passes() -> None:
    """Parameters that are unknown or lists are left to validation."""
    check_repeated(b"sequence=1&scale=2&units=1&units=2&other=1&other=2", SINGLE)
