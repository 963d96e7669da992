"""Problems of the comparison: requests that a server must refuse, for each problem type."""

from collections.abc import Iterator
from typing import Any

from scripts.compare.bodies import BITS, Material, base64_text, encoded
from scripts.compare.malformed import malformed
from scripts.compare.wire import Headers, Request, json_body

IMAGE, SEQUENCE = "/cnn/predict", "/lstm/gates"
IMAGE_EDITS, SEQUENCE_EDITS = "/cnn/intervene", "/lstm/intervene"

NOT_PROVOKED = {"internal": "needs a fault in the code of the server"}
"""Problem type → why no request of the comparison provokes it."""

PROBLEM_TYPES = frozenset(
    (
        "invalid-json",
        "invalid-multipart",
        "invalid-request",
        "unknown-path",
        "unknown-model",
        "method-not-allowed",
        "not-acceptable",
        "request-timeout",
        "body-too-large",
        "unsupported-media-type",
        "unsupported-encoding",
        "invalid-parameter",
        "invalid-body",
        "invalid-image",
        "invalid-sequence",
        "answer-too-large",
        "busy",
        "warming",
        "draining",
        "deadline",
        "internal",
    )
)
"""Problem types that the comparison has to provoke, but for those of `NOT_PROVOKED`."""


def refused(material: Material) -> Iterator[Request]:
    """Yield requests that provoke each problem type on one server with its default limits."""
    yield from _addresses()
    yield from _headers(material)
    yield from _texts()
    yield from _images(material)
    yield from _sequences(material)
    yield from _edits(material)
    yield from malformed(material)


def _post(path: str, name: str, body: tuple[Headers, bytes], *headers: tuple[str, str]) -> Request:
    added, content = body
    return Request(f"POST {path} {name}", "POST", path, (*added, *headers), content)


def _json(path: str, name: str, value: Any) -> Request:
    return _post(path, name, json_body(value))


def _addresses() -> Iterator[Request]:
    for path in ("/nonsense", "/cnn/nonsense", "/nonsense/gates", "/cnn/", "/samples/x.png"):
        yield Request(f"unknown path {path}", "GET", path)
    for path in ("/samples/9999999.png", "/sdk/nonsense.js", "/explorer/../x", "/%00", "/cnn%2Fx"):
        yield Request(f"unknown path {path}", "GET", path)
    yield Request("unknown model", "GET", "/models/nonsense")
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE", "HEAD"):
        for path in ("/models", IMAGE, SEQUENCE):
            yield Request(f"{method} {path} without a body", method, path)
    for accept in ("text/html", "application/xml;q=0.9", "*/*;q=0", "nonsense"):
        headers = (("Accept", accept),)
        yield Request(f"not acceptable {accept}", "GET", f"{SEQUENCE}?sequence={BITS}", headers)


def _headers(material: Material) -> Iterator[Request]:
    png = encoded(material.digits[0])
    kinds = ("text/plain", "image/gif", "application/json, image/png", "nonsense", "image/PNG")
    for kind in kinds:
        yield _post(IMAGE, f"of type {kind}", ((("Content-Type", kind),), png))
    yield _post(IMAGE, "without a type", ((), png))
    two = (("Content-Type", "image/png"), ("Content-Type", "image/jpeg"))
    yield _post(IMAGE, "of two types", (two, png))
    for coding in ("gzip", "br", "identity", "IDENTITY ", "nonsense"):
        body = (("Content-Type", "image/png"),), png
        yield _post(IMAGE, f"Content-Encoding: {coding}", body, ("Content-Encoding", coding))
    upgrade = (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"))
    settings = ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA")
    yield _post(SEQUENCE, "Upgrade: h2c", json_body({"sequence": BITS}), *upgrade, settings)
    yield _post(SEQUENCE, "Expect", json_body({"sequence": BITS}), ("Expect", "nonsense"))


def _texts() -> Iterator[Request]:
    texts = {
        "empty": b"",
        "not JSON": b"{sequence",
        "cut short": b'{"sequence": "101',
        "not UTF-8": b'{"sequence": "\xff"}',
        "NaN": b'{"sequence": [NaN]}',
        "Infinity": b'{"sequence": [Infinity]}',
        "lone surrogate": b'{"sequence": "\\ud800"}',
        "integer of 5000 digits": b'{"sequence": [' + b"9" * 5000 + b"]}",
        "number out of range": b'{"sequence": [1e999]}',
        "nested 1100 deep": b'{"sequence": ' + b"[" * 1100 + b"]" * 1100 + b"}",
        "nested 900 deep": b'{"sequence": ' + b"[" * 900 + b"]" * 900 + b"}",
        "key twice": b'{"sequence": "1", "sequence": "0"}',
        "a list": b"[1, 0]",
        "a text": b'"101"',
        "null": b"null",
        "two values": b"{} {}",
        "byte order mark": b'\xef\xbb\xbf{"sequence": "1"}',
    }
    for name, content in texts.items():
        yield _post(SEQUENCE, f"JSON {name}", json_body(content))
        yield _post(IMAGE, f"JSON {name}", json_body(content))


def _images(material: Material) -> Iterator[Request]:
    first = material.digits[0]
    png = encoded(first)
    values: dict[str, Any] = {
        "nothing": {},
        "unknown key": {"pixels": first, "nonsense": 1},
        "image and pixels": {"pixels": first, "image": base64_text(png)},
        "pixels of unequal rows": {"pixels": [[0, 1], [2]]},
        "pixels over 255": {"pixels": [[0, 256]]},
        "pixels below 0": {"pixels": [[0, -1]]},
        "pixels with a fraction": {"pixels": [[0.5]]},
        "pixels as text": {"pixels": "nonsense"},
        "pixels with a boolean": {"pixels": [[True]]},
        "no pixels": {"pixels": []},
        "too many columns": {"pixels": [[0] * 5000]},
        "not base64": {"image": "not base64!"},
        "base64 with white space": {"image": base64_text(png)[:40] + "\n" + base64_text(png)[40:]},
        "image is a number": {"image": 7},
        "base64 of no image": {"image": base64_text(b"nonsense")},
        "data url of another type": {"image": "data:image/gif;base64," + base64_text(png)},
        "no inputs": {"inputs": []},
        "inputs is a text": {"inputs": "nonsense"},
        "inputs and pixels": {"inputs": [{"pixels": first}], "pixels": first},
        "65 inputs": {"inputs": [{"pixels": [[1]]}] * 65},
        "wrong second input": {"inputs": [{"pixels": first}, {"pixels": [[999]]}]},
        "unknown key of an input": {"inputs": [{"pixels": first, "nonsense": 1}]},
        "input is a number": {"inputs": [1]},
        "edits where none are taken": {"pixels": first, "edits": []},
    }
    for name, value in values.items():
        yield _json(IMAGE, name, value)
    raw = {"empty": b"", "nonsense": b"nonsense", "cut short": png[:-40], "gif": b"GIF89a" + png}
    for name, content in raw.items():
        yield _post(IMAGE, f"png {name}", ((("Content-Type", "image/png"),), content))
    large = encoded(first, size=3000)
    yield _post(IMAGE, "png of 9 megapixels", ((("Content-Type", "image/png"),), large))
    body = (("Content-Type", "image/png"),), encoded(first, size=30)
    yield _post(f"{IMAGE}?preprocess=none", "30 x 30", body)


def _sequences(material: Material) -> Iterator[Request]:
    units = material.units
    states: dict[str, Any] = {
        "too short": {"cell": [0.0], "hidden": [0.0]},
        "without hidden": {"cell": [0.0] * units},
        "out of range": {"cell": [0.0] * units, "hidden": [2.0] * units},
        "cell out of range": {"cell": [2e7] * units, "hidden": [0.0] * units},
        "of texts": {"cell": ["0"] * units, "hidden": [0.0] * units},
        "a list": [0.0] * units,
        "with an unknown key": {"cell": [0.0] * units, "hidden": [0.0] * units, "x": 1},
    }
    values: dict[str, Any] = {
        "nothing": {},
        "empty": {"sequence": ""},
        "with a 2": {"sequence": "102"},
        "list with a 2": {"sequence": [1, 0, 2]},
        "list with a text": {"sequence": [1, "0"]},
        "list with a boolean": {"sequence": [True]},
        "list with a fraction": {"sequence": [0.5]},
        "a number": {"sequence": 101},
        "4097 steps": {"sequence": "1" * 4097},
        "unknown key": {"sequence": "1", "nonsense": 1},
        "wrong second input": {"inputs": [{"sequence": "1"}, {"sequence": "2"}]},
        "65 inputs": {"inputs": [{"sequence": "1"}] * 65},
        **{
            f"state {name}": {"sequence": BITS, "initial_state": state}
            for name, state in states.items()
        },
    }
    # A stream validates its input before it begins, so it refuses with a problem too.
    for path in (SEQUENCE, "/lstm/gates.jsonl"):
        for name, value in values.items():
            yield _json(path, name, value)
    for text in ("", "102", "1" * 1025):
        yield Request(f"GET {SEQUENCE} {text[:9]}", "GET", f"{SEQUENCE}?sequence={text}")
    for query in ("steps=99", "steps=0", "units=8", "units=4096", "checkpoint=round-9"):
        yield Request(f"GET {SEQUENCE} {query}", "GET", f"{SEQUENCE}?sequence={BITS}&{query}")


def _edits(material: Material) -> Iterator[Request]:
    image = {"pixels": material.digits[0]}
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("unknown layer", {"layer": "conv9", "operation": "zero"}),
        ("unknown operation", {"layer": "relu1", "operation": "nonsense"}),
        ("unknown key", {"layer": "relu1", "operation": "zero", "nonsense": 1}),
        ("no operation", {"layer": "relu1"}),
        ("no amount", {"layer": "relu1", "operation": "scale"}),
        ("amount too large", {"layer": "relu1", "operation": "add", "amount": 1e7}),
        ("amount of zero", {"layer": "relu1", "operation": "zero", "amount": 1}),
        ("amount is a text", {"layer": "relu1", "operation": "scale", "amount": "2"}),
        ("channel out of range", {"layer": "relu1", "channels": [32], "operation": "zero"}),
        ("region of a vector", {"layer": "relu4", "region": _region(1), "operation": "zero"}),
        ("region out of range", {"layer": "relu1", "region": _region(28), "operation": "zero"}),
        ("patch without a source", {"layer": "relu1", "operation": "patch"}),
        ("values of another shape", {"layer": "logits", "operation": "set", "values": [1]}),
    ]
    for name, edit in wrong:
        yield _json(IMAGE_EDITS, name, {**image, "edits": [edit]})
    yield _json(IMAGE_EDITS, "65 edits", {**image, "edits": [wrong[0][1]] * 65})
    yield _json(IMAGE_EDITS, "wrong source", {**image, "source": {"pixels": [[999]]}})
    yield _json("/cnn/sweep?operation=patch", "without a source", image)
    bits = {"sequence": BITS}
    for name, edit in (
        ("unknown value", {"value": "nonsense", "operation": "zero"}),
        ("unit out of range", {"value": "cell", "units": [99], "operation": "zero"}),
        ("steps reversed", {"value": "cell", "steps": [4, 2], "operation": "zero"}),
        ("three steps", {"value": "cell", "steps": [1, 2, 3], "operation": "zero"}),
        ("no amount", {"value": "cell", "operation": "add"}),
        ("patch without a source", {"value": "cell", "operation": "patch"}),
    ):
        yield _json(SEQUENCE_EDITS, name, {**bits, "edits": [edit]})
    yield _json("/lstm/patching", "without a source", bits)
    yield _json("/lstm/patching", "source of another length", {**bits, "source": {"sequence": "1"}})
    yield _json("/lstm/patching", "wrong source", {**bits, "source": {"sequence": "2"}})
    for path in (
        "/cnn/channel?layer=relu1&channel=32",
        "/cnn/pixel?layer=relu1&channel=0&y=28&x=0",
    ):
        yield _json(path, "out of range", image)


def _region(stop: int) -> dict[str, int]:
    return {"top": 0, "left": 0, "bottom": stop, "right": stop}
