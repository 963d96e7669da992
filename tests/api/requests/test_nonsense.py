"""Random bodies: each is parsed or raises a problem, never another exception."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors.problem import Problem
from api.requests.body import IMAGE_BODIES, Body
from tests.api.bodies import PICTURE, Wire, base64_of, image_of, json_body, sequence_of


def status(body: Body) -> int:
    """Return the status that a body leads to; any other exception passes through."""
    try:
        image_of(body, "mnist")
        image_of(body, "none")
    except Problem as problem:
        return problem.status
    return 200


@settings(max_examples=100)
@given(st.sampled_from(["", "image/png;", "multipart/form-data;"]), st.binary(max_size=40))
def test_random_content_types_break_nothing(start: str, more: bytes) -> None:
    """Any Content-Type is parsed or rejected."""
    wire = Wire([b"x"], content_type=start + more.decode("latin-1"))
    try:
        media_type = wire.read().media_type
    except Problem as problem:
        assert problem.status == 415  # noqa: PT017 - reading may also go well
    else:
        assert media_type in IMAGE_BODIES


CLIENT = {200, 400, 413, 415, 422}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.just(255),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["cell", "hidden", "x"]), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=100)
@given(st.sampled_from(sorted(IMAGE_BODIES)), st.binary(max_size=300))
def test_random_bodies_break_nothing(media_type: str, content: bytes) -> None:
    """Any bytes under any type are parsed or rejected."""
    assert status(Body(content, media_type, {"boundary": "x"})) in CLIENT


@settings(max_examples=100)
@given(JSON)
def test_random_json_breaks_nothing(value: Any) -> None:
    """Any JSON value in any place is parsed or rejected."""
    for key in ("image", "pixels"):
        assert status(json_body(orjson.dumps({key: value}))) in CLIENT
    for body in ({"sequence": value}, {"sequence": "1", "initial_state": value}):
        with_state = json_body(orjson.dumps(body))
        try:
            sequence_of(with_state, 2)
        except Problem as problem:
            caught = problem.status
        else:
            caught = 200
        assert caught in CLIENT


@settings(max_examples=100)
@given(st.data())
def test_mutated_json_breaks_nothing(data: st.DataObject) -> None:
    """Good bodies with bytes changed, cut out or put in are parsed or rejected."""
    seeds = [{"pixels": [[0, 255], [1, 2]]}, {"image": base64_of(PICTURE)}]
    content = bytearray(orjson.dumps(data.draw(st.sampled_from(seeds))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 6, len(content))))
        content[start:end] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"[", b"1e9", b'"'])
        )
    assert status(json_body(bytes(content))) in CLIENT
