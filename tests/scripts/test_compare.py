"""The comparison of two checkouts: it finds each kind of difference, and each gap."""

import gzip
import io
import json
import socket
import threading
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from scripts.compare import contract, plan, values
from scripts.compare.__main__ import Comparison
from scripts.compare.bodies import Material
from scripts.compare.coverage import Coverage
from scripts.compare.differences import Difference, compare, trees
from scripts.compare.expected import EXPECTED, reason_for
from scripts.compare.problems import NOT_PROVOKED, PROBLEM_TYPES
from scripts.compare.report import Report
from scripts.compare.servers import Side
from scripts.compare.wire import Answer, Request, exchange, json_body, target

PLAIN = Request("plain", "GET", "/plain")
OPERATION = Request("gates", "GET", "/lstm/gates", operation="GET /lstm/gates")
DIGIT = [[0] * 28] * 28
MATERIAL = Material((DIGIT, DIGIT), {"cnn": ("round-0",), "lstm": ("round-1",)}, 8)
TYPED = [{"name": "scale", "in": "query", "schema": {"type": "integer", "default": 1}}]
DOCUMENT = {
    "paths": {
        "/lstm/gates": {
            "post": {
                "parameters": TYPED,
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}
                },
                "responses": {"200": {"content": {"application/json": {"schema": {}}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "A": {"properties": {"sequence": {"type": "string"}, "inputs": {"items": {}}}},
        }
    },
}


def answer(body, media="application/json", status=200, **headers):
    """Return an answer with a body of one media type."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": media, "content-length": str(len(content)), **headers}
    return Answer(status, tuple(given.items()), content)


def found(old, new, request=OPERATION):
    """Return the places of the differences between two answers, with texts in parentheses."""
    listed = compare(request, old, new, [len(old.body), len(new.body)])
    return [f"({one.where})" if one.text else one.where for one in listed]


def png(pixels):
    """Encode grey pixels."""
    file = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(file, "PNG")
    return answer(file.getvalue(), "image/png")


def npz(metadata, **arrays):
    """Write arrays and metadata as the server does."""
    file = io.BytesIO()
    np.savez(file, metadata=np.array(json.dumps(metadata)), **arrays)
    return answer(file.getvalue(), "application/x-npz")


def safetensors(metadata, **arrays):
    """Write arrays and metadata as the server does."""
    content = save(arrays, {"lightwell": json.dumps(metadata)})
    return answer(content, "application/x-safetensors")


@contextmanager
def serving(*responses):
    """Serve raw responses on loopback, one for each connection; yield port and requests."""
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for response in responses:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    received.append(connection.recv(65536))
                    connection.sendall(response)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], received
    finally:
        listener.close()
        thread.join(5)


def raw(body, status="200 OK"):
    """Write a JSON response as bytes."""
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nDate: now\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def test_equal_answers_have_no_difference() -> None:
    """Dates, timings and ids that the server makes up are no difference."""
    one = answer({"request_id": "a"}, date="1", **{"x-request-id": "a", "server-timing": "x"})
    other = answer({"request_id": "b"}, date="2", **{"x-request-id": "b", "server-timing": "y"})

    assert found(one, other) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (1.0, 1.0000000000000002, "body.value"),
        (0.0, -0.0, "body.value"),
        (1, 1.0, "body.value"),
        (1, True, "body.value"),
        ([1, 2], [1, 2, 3], "body.value"),
        ([1, [2]], [1, [3]], "body.value[1][0]"),
        ({"a": 1}, {"b": 1}, "body.value.a"),
        ("cell", "hidden", "body.value"),
        (None, 0, "body.value"),
    ],
    ids=str,
)
def test_a_changed_value_is_found(old: object, new: object, where: str) -> None:
    """A number that differs by one bit, a key, a length, a name: each is a difference."""
    assert where in found(answer({"value": old}), answer({"value": new}))


def test_only_the_deviation_has_a_tolerance() -> None:
    """`stats.std` may differ by 1e-12 of itself and by no more; `stats.mean` may not at all."""

    def stated(name, value):
        return answer({"tensors": [{"stats": {name: value}}]})

    assert found(stated("std", 0.3), stated("std", 0.3 * (1 + 1e-13))) == []
    assert found(stated("std", 0.3), stated("std", 0.3 * (1 + 1e-11))) != []
    assert found(stated("mean", 0.3), stated("mean", 0.3 * (1 + 1e-13))) != []


def test_a_changed_status_and_problem_type_are_found() -> None:
    """A refusal in the place of an answer, and a refusal of another type."""
    kind = "application/problem+json"
    refusals = [
        answer({"type": f"urn:lightwell:problem:{name}", "title": name}, kind, 422)
        for name in ("invalid-body", "invalid-image")
    ]

    assert "status" in found(answer({}), refusals[0])
    assert found(*refusals) == ["(body.title)", "body.type"]


def test_a_changed_location_of_an_error_is_found() -> None:
    """The place of an error is compared; the sentence about it is only listed."""
    old, new = (
        answer({"errors": [{"location": ["query", name], "reason": name}]})
        for name in ("layer", "layers")
    )

    assert found(old, new) == ["body.errors[0].location[1]", "(body.errors[0].reason)"]


def test_changed_headers_are_found() -> None:
    """A header that is gone, new or has another value; also a length that is not the body's."""
    old = answer({}, etag='"1"', vary="Accept")
    new = answer({}, etag='"2"', allow="GET")
    short = Answer(200, (("content-type", "application/json"), ("content-length", "9")), b"{}")

    assert found(old, new) == ["headers.allow", "headers.etag", "headers.vary"]
    assert found(answer({}), short) == ["headers.content-length"]


def test_the_words_of_a_page_may_change() -> None:
    """Another text of a page, zipped or not, is listed with the texts; its tag follows from it."""
    old, new = (answer(text, "text/html", etag=text.decode()) for text in (b"one", b"two"))
    zipped = [
        answer(gzip.compress(text), "text/html", **{"content-encoding": "gzip"})
        for text in (b"one", b"two")
    ]

    assert found(old, new, PLAIN) == ["(body)"]
    assert found(*zipped, PLAIN) == ["(body)"]


def test_lines_of_one_header_are_one_list() -> None:
    """Two lines say the same as one line with a comma; another value does not."""

    def varying(*lines):
        return Answer(200, tuple(("vary", line) for line in lines), b"")

    assert found(varying("Accept, Origin"), varying("Accept", "Origin")) == []
    assert found(varying("Accept, Origin"), varying("Accept")) == ["headers.vary"]


def test_an_id_that_the_request_names_is_compared() -> None:
    """The id of a request comes back in the header and in the body of a problem."""
    named = Request("named", "GET", "/", (("X-Request-ID", "mine"),))
    old = answer({"request_id": "mine"}, **{"x-request-id": "mine"})
    new = answer({"request_id": "other"}, **{"x-request-id": "other"})

    assert found(old, old, named) == []
    assert found(old, new, named) == ["headers.x-request-id", "body.request_id"]


def test_a_changed_pixel_is_found() -> None:
    """One pixel of four differs: its share is stated; another size is a difference too."""
    old, new = png([[0, 1], [2, 3]]), png([[0, 1], [2, 4]])
    (difference,) = compare(PLAIN, old, new, [None, None])

    assert (difference.where, difference.share) == ("body.pixels", 0.25)
    assert found(old, png([[0, 1]])) == ["body.pixels"]


@pytest.mark.parametrize("write", [npz, safetensors])
def test_changed_tensors_are_found(write) -> None:
    """A value, a type, a shape, a name and the metadata of the binary formats are compared."""
    values_ = np.array([1.0, 2.0], np.float32)
    old = write({"model": "cnn", "title": "a"}, relu1=values_)

    assert found(old, write({"model": "cnn", "title": "a"}, relu1=values_.copy())) == []
    assert found(old, write({"model": "cnn", "title": "b"}, relu1=values_)) != []
    changed = np.nextafter(values_, np.float32(3))
    for other in (changed, values_.astype(np.float64), values_[None]):
        assert found(old, write({"model": "cnn", "title": "a"}, relu1=other)) == [
            "body.tensors.relu1"
        ]
    renamed = found(old, write({"model": "cnn", "title": "a"}, relu2=values_))
    assert "body.names[0]" in renamed
    model = found(old, write({"model": "lstm", "title": "a"}, relu1=values_))
    assert [where.rpartition(".")[2] for where in model] == ["model"]


def test_lines_of_several_inputs_may_be_interleaved() -> None:
    """The order of lines is compared within each input only; their values always."""
    one, two, three = (
        {"input": at, "step": step, "cell": [step]} for at, step in ((0, 1), (1, 1), (0, 2))
    )

    def stream(*sent):
        content = b"".join(json.dumps(line).encode() + b"\n" for line in sent)
        return answer(content, "application/jsonl")

    assert found(stream(one, two, three), stream(two, one, three)) == []
    assert found(stream(one, two, three), stream(one, two, {**three, "cell": [3]})) == [
        "body[1].cell[0]"
    ]


def test_metrics_are_compared_by_name_and_label() -> None:
    """Counts may differ; a metric, a label and the value of a label may not."""

    def exposed(name, label, value):
        text = f'# HELP {name} Rows.\n# TYPE {name} gauge\n{name}{{program="{label}"}} {value}\n'
        return answer(text.encode(), "text/plain; version=0.0.4")

    assert found(exposed("rows", "cnn", 1), exposed("rows", "cnn", 2)) == []
    assert found(exposed("rows", "cnn", 1), exposed("rows", "lstm", 1)) != []
    assert found(exposed("rows", "cnn", 1), exposed("lines", "cnn", 1)) != []


def test_a_body_that_cannot_be_decoded_is_a_difference() -> None:
    """A broken picture fails the comparison, and does not stop it."""
    assert found(png([[1]]), answer(b"nonsense", "image/png")) == ["body"]


def test_the_report_tells_unexplained_from_expected_and_from_texts() -> None:
    """Only an unexplained difference, or a gap, makes two checkouts unequal."""
    report = Report()
    report.add(PLAIN, Difference("body.title", "a", "b", text=True))
    expected = Request("GET /models plain", "GET", "/models")
    added = Difference("headers.cross-origin-resource-policy", "absent", "same-origin")
    report.add(expected, added, EXPECTED[0].statuses)
    assert report.equal
    assert reason_for(expected, added, (200, 200)) == EXPECTED[0].reason
    assert reason_for(expected, added, (422, 200)) is None

    report.add(PLAIN, Difference("status", "200", "500"))
    lines = list(report.lines(Coverage(), 1))

    assert not report.equal
    assert "DIFFERENT: plain" in lines
    assert "1 texts differ, 1 expected differences, 1 unexplained in 1 requests" in lines[-1]


def test_documents_are_compared_without_names_of_schemas_and_texts() -> None:
    """Another name of a schema is no difference; another key, default or status is one."""
    text = json.dumps(DOCUMENT)
    old = contract.compared(DOCUMENT)

    def changed(before, after):
        assert before in text
        new = contract.compared(json.loads(text.replace(before, after)))
        return [one.where for one in trees(old, new, "openapi")]

    renamed = text.replace("schemas/A", "schemas/B").replace('"A": ', '"B": ')
    assert contract.compared(json.loads(renamed)) == old
    assert changed('"sequence"', '"bits"') != []
    assert changed('"default": 1', '"default": 2') != []
    assert changed('"200"', '"201"') != []
    assert changed('"post"', '"get"') != []


def test_gaps_are_found() -> None:
    """A parameter, a body key and a problem type without a request are gaps, and fail."""
    (operation,) = contract.operations(DOCUMENT)
    coverage = Coverage()
    headers, body = json_body({"sequence": "101"})
    default = Request("default", "POST", "/lstm/gates?scale=1", headers, body, operation.name)
    coverage.note(operation, default, answer({}))
    gaps = list(coverage.gaps([operation]))

    assert "POST /lstm/gates: no accepted request sets scale" in gaps
    assert "POST /lstm/gates: no accepted body has inputs" in gaps
    assert "POST /lstm/gates: no accepted body has sequence" not in gaps
    untried = list(coverage.problem_gaps())
    assert "problem type busy was not provoked" in untried
    assert len(untried) == len(PROBLEM_TYPES) - len(NOT_PROVOKED)

    other = Request("other", "POST", "/lstm/gates?scale=2", headers, body, operation.name)
    coverage.note(operation, other, answer({}))

    assert "POST /lstm/gates: no accepted request sets scale" not in coverage.gaps([operation])


def test_a_parameter_of_no_known_type_has_no_values() -> None:
    """It then has no request either, which the coverage reports."""
    (operation,) = contract.operations(DOCUMENT)
    unknown = contract.Parameter("unknown", "query", required=False, schema={"type": "string"})

    assert values.values(operation, unknown, MATERIAL) == []
    assert values.values(operation, operation.parameters[0], MATERIAL) == ["2"]


def test_a_repeated_parameter_is_sent_twice() -> None:
    """A list in a query is sent as a repeated parameter, which only lists may be."""
    (operation,) = contract.operations(DOCUMENT)
    sent = {one.name: one.target for one in plan.refused_parameters(operation, MATERIAL)}

    assert target("/x", {"a": ["1", "2"]}) == "/x?a=1&a=2"
    repeated = sent["POST /lstm/gates repeated single value: scale"]
    assert repeated == "/lstm/gates?scale=2&scale=2"


def test_a_withheld_body_is_announced_and_not_sent() -> None:
    """The length is that of the whole body, so that the server waits for the rest."""
    request = Request("slow", "POST", "/x", (), b"abcdef", withheld=4)
    with serving(raw({}, "408 Request Timeout")) as (port, received):
        given = exchange(port, request)

    assert given.status == 408
    assert received[0].endswith(b"Content-Length: 6\r\n\r\nab")


def test_two_servers_are_asked_and_compared() -> None:
    """The same request goes to both; a number that differs is reported under its name."""
    comparison = Comparison()
    with (
        serving(raw({"mean": 1.0}), raw({"mean": 1.0})) as (old_port, old_received),
        serving(raw({"mean": 1.0}), raw({"mean": 1.5})) as (new_port, new_received),
    ):
        comparison._sides = [Side(SimpleNamespace(port=port)) for port in (old_port, new_port)]
        comparison.send([PLAIN])
        equal = comparison.report.equal
        comparison.send([Request("second", "GET", "/second")])

    assert equal
    assert old_received == new_received
    assert [one.where for one in comparison.report.unexplained["second"]] == ["body.mean"]
