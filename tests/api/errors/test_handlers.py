"""Invalid requests through HTTP: each is a problem that names the limit."""

import base64
import io
import re
import struct
import uuid
import zlib
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.errors.problem import MAX_BYTES, PROBLEMS
from probes import PROBES

JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}


def small_png(mode: str = "L", size: tuple[int, int] = (9, 9)) -> bytes:
    """Make a picture with a stroke."""
    image = Image.new(mode, size, 0)
    image.paste(255, (3, 1, 5, 8)) if mode == "L" else None
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def huge_png() -> bytes:
    """Make 81 megapixels of one bit each in a few kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    side = 9000
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def form(*parts: tuple[str, bytes], end: bool = True) -> tuple[bytes, dict[str, str]]:
    """Make a multipart body of file fields."""
    body = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n%s\r\n'
        % (name.encode(), content)
        for name, content in parts
    )
    return body + (b"--B--\r\n" if end else b""), {
        "Content-Type": "multipart/form-data; boundary=B"
    }


PICTURE = small_png()
CORRUPT = PICTURE[:40] + bytes([PICTURE[40] ^ 0xFF]) + PICTURE[41:]
IMAGES: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "empty": (b"", PNG, 422, "empty"),
    "truncated": (PICTURE[:-20], PNG, 422, ""),
    "corrupt": (CORRUPT, PNG, 422, ""),
    "oversized": (bytes(24 * 2**20 + 1), PNG, 413, "25165824 bytes"),
    "too many pixels": (huge_png(), PNG, 422, "20 megapixels"),
    "a GIF": (b"GIF89a" + b"\0" * 20, PNG, 415, "GIF"),
    "no type": (PICTURE, {}, 415, "image/png"),
    "wrong type": (PICTURE, {"Content-Type": "image/webp"}, 415, "image/webp; only PNG"),
    "compressed": (PICTURE, {**PNG, "Content-Encoding": "gzip"}, 415, ""),
    "bad base64": (b'{"image": "@@@@"}', JSON, 422, "base64"),
    "both forms": (b'{"image": "", "pixels": [[0]]}', JSON, 422, ""),
    "neither form": (b"{}", JSON, 422, "pixels"),
    "unknown key": (b'{"picture": "x"}', JSON, 422, "picture"),
    "ragged": (b'{"pixels": [[0, 1], [0]]}', JSON, 422, ""),
    "no rows": (b'{"pixels": []}', JSON, 422, ""),
    "too bright": (b'{"pixels": [[256]]}', JSON, 422, "255"),
    "fractions": (b'{"pixels": [[0.5, 2]]}', JSON, 422, "fraction"),
    "NaN": (b'{"pixels": [[NaN]]}', JSON, 400, ""),
    "1e999": (b'{"pixels": [[1e999]]}', JSON, 400, ""),
    "long integer": (b'{"pixels": [[%s]]}' % (b"9" * 5000), JSON, 400, ""),
    "deep": (b"[" * 100_000, JSON, 400, ""),
    "surrogate": (b'{"image": "\\ud800"}', JSON, 400, ""),
    "not UTF-8": (b'{"image": "\xff"}', JSON, 400, ""),
    "not an object": (b"[1]", JSON, 422, ""),
    "cut form": (*form(("file", PICTURE), end=False), 400, ""),
    "too many files": (*form(*[("file", PICTURE)] * 65), 400, "64"),
    "no file": (*form(), 422, "no file"),
    "other charset": (
        form(("file", PICTURE))[0],
        {"Content-Type": "multipart/form-data; boundary=B; charset=utf-16"},
        415,
        "",
    ),
}

SEQUENCES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b'{"sequence": ""}', 422, ""),
    "empty list": (b'{"sequence": []}', 422, ""),
    "too long": (b'{"sequence": "%s"}' % (b"1" * 4097), 422, "4,?096"),
    "another digit": (b'{"sequence": "102"}', 422, "Step 3"),
    "null": (b'{"sequence": [null]}', 422, "Step 1"),
    "fractions": (b'{"sequence": [0.5]}', 422, "Step 1"),
    "missing": (b"{}", 422, "sequence"),
    "unknown key": (b'{"sequence": "1", "speed": 3}', 422, "speed"),
    "half a state": (
        b'{"sequence": "1", "initial_state": {"cell": [0]}}',
        422,
        "'cell' must be a list of 8",
    ),
    "short state": (b'{"sequence": "1", "initial_state": {"cell": [0], "hidden": [0]}}', 422, ""),
    "oversized": (b'{"sequence": "%s"}' % (b"1" * 1_100_000), 413, ""),
    "NaN state": (b'{"sequence": "1", "initial_state": {"cell": [NaN], "hidden": []}}', 400, ""),
}

IMAGE_PROBES = [probe.name for probe in PROBES if probe.family == "image"]

QUERIES = {
    "/cnn/nothing": (
        404,
        f"probe 'nothing' is not one of {', '.join(IMAGE_PROBES)}.",
    ),
    "/gru/gates": (404, "model 'gru' is not one of cnn, lstm."),
    "/models/gru": (404, "model 'gru' is not one of cnn, lstm."),
    "/nothing": (404, "There is nothing at this path; /docs lists what there is."),
    "/samples/99999.png": (404, "Test image 99999 is not among the samples."),
    "/cnn/filters?layers=conv9": (
        422,
        "layer 'conv9' is not one of conv1, conv2, conv3, dense1, output",
    ),
    "/cnn/filters?layers=%22%3E%3Cscript%3E": (
        422,
        "this layer is not one of conv1, conv2, conv3, dense1, output",
    ),
    "/cnn/filters?channels=32&layers=conv1": (
        422,
        "channel 32 of conv1 is not one of its 32 (0 to 31).",
    ),
    "/cnn/filters?channels=a": (422, "channels 'a' is not a whole number"),
    "/cnn/filters?channels=-1": (422, "channels '-1' must be at least 0"),
    "/cnn/filters?scale=5": (422, "scale '5' must be at most 4"),
    "/cnn/filters?scale=0": (422, "scale '0' must be at least 1"),
    "/cnn/filters?format=gif": (
        422,
        "format 'gif' is not one of json, png, svg, pdf, npz, safetensors",
    ),
    "/cnn/filters?cmap=jet": (422, "cmap 'jet' is not one of viridis, cividis, gray"),
    "/cnn/filters?speed=3": (422, "parameter 'speed' is not known here"),
    "/lstm/gates": (422, "parameter 'sequence' is missing"),
    "/lstm/gates?sequence=1&steps=2": (422, "step 2 is not one of the sequence's, 0 to 1."),
    "/lstm/gates?sequence=1&steps=0": (
        422,
        "step 0 is the initial state, which has no gates.",
    ),
    "/lstm/cell?sequence=1&units=64": (422, None),
    "/lstm/gates?sequence=": (422, None),
    "/lstm/gates?sequence=12": (422, None),
    "/lstm/gates?sequence=" + "1" * 1025: (422, None),
    "/lstm/dynamics?word=2": (422, "word '2' must match ^[01]{1,12}$"),
    "/samples?label=10": (422, "label '10' must be at most 9"),
}


def check_problem(response: Any, status: int) -> dict[str, Any]:
    """Check that an error response has the shape of RFC 9457, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.content) <= MAX_BYTES
    body = response.json()
    assert set(body) == {
        "type", "title", "status", "detail", "instance", "request_id", "errors",
    }  # fmt: skip
    kind = body["type"].removeprefix("urn:lightwell:problem:")
    assert PROBLEMS[kind] == (body["status"], body["title"])
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["instance"].startswith("urn:uuid:")
    assert not re.search(r"Traceback|/site-packages/|0x[0-9a-f]{6}", response.text)
    return body


@pytest.mark.parametrize("case", IMAGES)
@pytest.mark.parametrize("path", ["/cnn/predict", "/cnn/activations.png"])
def test_a_bad_image_is_rejected_with_its_limit(case: str, path: str, client: TestClient) -> None:
    """An invalid body is a 4xx problem with its limit, and the next request is answered."""
    content, headers, status, named = IMAGES[case]

    body = check_problem(client.post(path, content=content, headers=headers), status)

    assert re.search(named, body["detail"]), body["detail"]
    assert client.post(path, content=PICTURE, headers=PNG).status_code == 200


@pytest.mark.parametrize("case", SEQUENCES)
def test_a_bad_sequence_is_rejected_with_its_limit(case: str, client: TestClient) -> None:
    """An invalid sequence is a 4xx problem with its limit."""
    content, status, named = SEQUENCES[case]

    body = check_problem(client.post("/lstm/gates", content=content, headers=JSON), status)

    assert re.search(named, body["detail"]), body["detail"]


@pytest.mark.parametrize("path", QUERIES)
def test_a_bad_path_or_query_is_rejected_by_name(path: str, client: TestClient) -> None:
    """The problem lists valid values; an invalid one is repeated only if it is a plain word."""
    status, detail = QUERIES[path]

    body = check_problem(client.get(path), status)

    assert detail is None or body["detail"] == detail


def test_an_unknown_channel_of_any_selected_layer_is_rejected(client: TestClient) -> None:
    """Channel 40 exists in relu2 and not in relu1: the answer names relu1."""
    path = "/cnn/activations?layers=relu2,relu1&channels=40"

    body = check_problem(client.post(path, content=PICTURE, headers=PNG), 422)

    assert body["detail"] == "channel 40 of relu1 is not one of its 32 (0 to 31)."
    assert body["errors"][0]["location"] == ["query", "channels"]


def test_a_wrong_method_is_a_405_that_names_the_right_one(client: TestClient) -> None:
    """The `Allow` header and the text list the allowed methods."""
    response = client.get("/cnn/predict")

    assert check_problem(response, 405)["detail"] == "This path takes POST."
    assert response.headers["allow"] == "POST"


def test_an_accept_that_nothing_satisfies_is_a_406(client: TestClient) -> None:
    """The problem lists the available media types."""
    response = client.get("/lstm/gates?sequence=1", headers={"Accept": "text/html"})

    assert "application/json, image/png" in check_problem(response, 406)["detail"]


def test_an_answer_over_8_mib_is_rejected_with_a_way_out(client: TestClient) -> None:
    """JSON of the largest trace is rejected by its limit; the binary form holds it."""
    body = {"sequence": "10" * 2048}
    # Unit 3 has no gate at exactly 0 or 1, which JSON writes in three characters.
    path = "/lstm/trace?units=" + ",".join(["3"] * 64)

    rejected = check_problem(client.post(path, json=body), 422)

    assert "8 MiB" in rejected["detail"]
    assert client.post(f"{path}&format=npz", json=body).status_code == 200


def test_a_problem_has_the_location_of_the_sequence(client: TestClient) -> None:
    """The same mistake is in the body of a POST and in the query of a GET."""
    posted = client.post("/lstm/gates", json={"sequence": "12"})
    queried = client.get("/lstm/gates?sequence=12")

    assert check_problem(posted, 422)["errors"][0]["location"] == ["body", "sequence", 1]
    assert check_problem(queried, 422)["errors"][0]["location"] == ["query", "sequence", 1]


def test_a_value_from_the_body_is_never_shown(client: TestClient) -> None:
    """A secret in a body does not come back."""
    for content in (b'{"image": "hunter2!"}', b'{"sequence": "hunter2"}'):
        for path in ("/cnn/predict", "/lstm/gates"):
            assert "hunter2" not in client.post(path, content=content, headers=JSON).text


def test_a_request_id_is_kept_where_it_is_sane(client: TestClient) -> None:
    """A client's own name comes back in header and problem; an odd one is replaced."""
    own = client.get("/nothing", headers={"X-Request-ID": "abc-1"})
    odd = client.get("/nothing", headers={"X-Request-ID": "a b\\c"})

    assert own.json()["request_id"] == own.headers["x-request-id"] == "abc-1"
    assert uuid.UUID(odd.headers["x-request-id"]).version == 4


def test_base64_of_a_picture_is_that_picture(client: TestClient) -> None:
    """A valid image is accepted as base64: the tests above reject no valid body."""
    coded = base64.b64encode(PICTURE).decode()

    assert client.post("/cnn/predict", json={"image": coded}).status_code == 200
