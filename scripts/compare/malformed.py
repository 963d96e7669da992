"""Malformed requests of the comparison: broken forms, bodies over a limit, not HTTP."""

from collections.abc import Iterator

from scripts.compare.bodies import BITS, Material, encoded
from scripts.compare.wire import MULTIPART, Headers, Request, form_body, json_body

IMAGE, SEQUENCE = "/cnn/predict", "/lstm/gates"
MIB = 2**20
BOUNDARY = MULTIPART.partition("boundary=")[2].encode()


def malformed(material: Material) -> Iterator[Request]:
    """Yield malformed requests, which servers refuse before they understand the content."""
    yield from _forms(material)
    yield from _sizes(material)
    yield from _not_http()


def _forms(material: Material) -> Iterator[Request]:
    png = encoded(material.digits[0])
    _, whole = form_body(png)
    closing = b"--" + BOUNDARY + b"--"
    disposition = b'Content-Disposition: form-data; name="file"'
    forms: dict[str, tuple[str, bytes]] = {
        "without a boundary": ("multipart/form-data", whole),
        "of a boundary too long": (f"multipart/form-data; boundary={'a' * 71}", whole),
        "of another boundary": ("multipart/form-data; boundary=other", whole),
        "of another charset": (f"{MULTIPART}; charset=latin-1", whole),
        "empty": (MULTIPART, b""),
        "without parts": (MULTIPART, closing),
        "cut short": (MULTIPART, whole[:-30]),
        "without a file name": (MULTIPART, whole.replace(b'; filename="0.png"', b"")),
        "without a name": (MULTIPART, whole.replace(b'name="file"; ', b"")),
        "of another field": (MULTIPART, whole.replace(b'name="file"', b'name="other"')),
        "without headers of a part": (MULTIPART, whole.replace(disposition, b"X: y")),
        "with too many headers": (MULTIPART, whole.replace(disposition, b"X: " + b"y" * 5000)),
        "of base64": (
            MULTIPART,
            whole.replace(b"Content-Type", b"Content-Transfer-Encoding: base64\r\nContent-Type"),
        ),
        "with a preamble": (MULTIPART, b"preamble\r\n" + whole),
        "with an epilogue": (MULTIPART, whole + b"epilogue"),
    }
    for name, (kind, content) in forms.items():
        yield _post(IMAGE, f"form {name}", ((("Content-Type", kind),), content))
    yield _post(IMAGE, "form of 65 files", form_body(*[png] * 65))
    yield _post(IMAGE, "form with a wrong second file", form_body(png, b"nonsense"))


def _sizes(material: Material) -> Iterator[Request]:
    limits = {
        (IMAGE, "image/png"): 24 * MIB,
        (IMAGE, MULTIPART): 25 * MIB,
        (IMAGE, "application/json"): 33 * MIB,
        (SEQUENCE, "application/json"): MIB,
    }
    for (path, kind), limit in limits.items():
        headers: Headers = (("Content-Type", kind),)
        name = f"POST {path} {limit + 1} bytes of {kind.partition(';')[0]}"
        content = b" " * (limit + 1)
        yield Request(name, "POST", path, headers, content, withheld=limit + 1)
    long = {"inputs": [{"sequence": "10" * 2048}] * 64}
    yield _post("/lstm/trace", "answer too large", json_body(long))
    every = {"inputs": [{"pixels": one} for one in (material.digits * 64)[:64]]}
    path = "/cnn/activations?layers=all"
    yield _post(path, "answer too large", json_body(every))
    yield _post(f"{path}&format=png&scale=4", "picture too large", json_body(every))
    yield _post("/lstm/predict", "64 inputs", json_body(long))
    yield _post(IMAGE, "64 inputs", json_body(every))


def _not_http() -> Iterator[Request]:
    sequence = b'{"sequence": "101"}'
    length = b"Content-Length: %d\r\n" % len(sequence)
    head = f"POST {SEQUENCE} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n".encode()
    get = f"GET {SEQUENCE}?sequence={BITS}".encode()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    raw = {
        "nonsense": b"nonsense\r\n\r\n",
        "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/1.0": get + b" HTTP/1.0\r\n\r\n",
        "length is a text": head + b"Content-Length: x\r\n\r\n",
        "negative length": head + b"Content-Length: -1\r\n\r\n",
        "length twice": head + length + b"Content-Length: 3\r\n\r\n" + sequence,
        "header without a colon": get + b" HTTP/1.1\r\nHost: [::1]\r\nnonsense\r\n\r\n",
        "header too long": get + b" HTTP/1.1\r\nHost: [::1]\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        "line too long": get + b"1" * 100_000 + b" HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        "without a host": get + b" HTTP/1.1\r\n\r\n",
        "absolute target": b"GET http://[::1]/livez HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        "chunked": head + chunked + b"13\r\n" + sequence + b"\r\n0\r\n\r\n",
        "chunk too long": head + chunked + b"zz\r\n" + sequence + b"\r\n0\r\n\r\n",
        "space in the target": b"GET /lstm gates HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    }
    for name, content in raw.items():
        yield Request(f"raw: {name}", "GET", "", raw=content)


def _post(path: str, name: str, body: tuple[Headers, bytes]) -> Request:
    headers, content = body
    return Request(f"POST {path} {name}", "POST", path, headers, content)
