"""Several inputs in one request: each is answered as it would be alone."""

import asyncio
import io
import json
from typing import Any

import numpy as np
import orjson
import pytest
from fastapi import FastAPI
from PIL import Image
from safetensors.numpy import load
from starlette.testclient import TestClient

from api import schemas
from api.answers import together
from api.inputs import MAX_FORM, MAX_INPUTS, MAX_SEQUENCE_JSON, is_light
from models.samples import Samples
from models.zoo import ResidentModel
from tests.api.bodies import PICTURE, base64_of, encoded, json_body

JSON = {"Content-Type": "application/json"}
BUCKETS = {"rtol": 2e-5, "atol": 2e-5}
"""How far values of one input may lie apart in different company (docs/architecture.md)."""

STATE = {"cell": [0.5] * 8, "hidden": [-0.25] * 8}
SEQUENCES: list[dict[str, Any]] = [
    {"sequence": "10110"},
    {"sequence": [1, 0, 0]},
    {"sequence": "0111" * 150},
    {"sequence": "1", "initial_state": STATE},
    {"sequence": "10110"},
]


def assert_alike(one: Any, other: Any, place: str = "") -> None:
    """Check that two answers are the same, but for what company does to floats."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_alike(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list) and one and isinstance(one[0], dict):
        assert len(one) == len(other), place
        for at, (this, that) in enumerate(zip(one, other, strict=True)):
            assert_alike(this, that, f"{place}[{at}]")
    elif isinstance(one, float | list) and np.array(one).dtype.kind == "f":
        np.testing.assert_allclose(one, other, err_msg=place, **BUCKETS)
    else:
        assert one == other, place


def files(pictures: list[bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Write a form with several files."""
    return [("file", (f"{at}.png", data, "image/png")) for at, data in enumerate(pictures)]


@pytest.mark.parametrize("probe", ["predict", "gates", "cell?units=3", "trace", "summary"])
def test_several_sequences_are_answered_as_each_alone(probe: str, client: TestClient) -> None:
    """Answers come in order; lengths, forms and initial states may differ."""
    answer = client.post(f"/lstm/{probe}", json={"inputs": SEQUENCES}).json()

    assert list(answer) == ["model", "weights", "answers"]
    assert len(answer["answers"]) == len(SEQUENCES)
    for body, made in zip(SEQUENCES, answer["answers"], strict=True):
        alone = client.post(f"/lstm/{probe}", json=body).json()
        assert {"model": alone["model"], "weights": alone["weights"]} == {
            "model": answer["model"],
            "weights": answer["weights"],
        }
        assert_alike(made, {key: alone[key] for key in alone if key not in answer})
    assert schemas.SequenceAnswer.model_validate(answer)


@pytest.mark.parametrize("probe", ["predict", "activations?channels=3,1", "channel?layer=relu2"])
def test_several_images_are_answered_as_each_alone(
    probe: str, client: TestClient, digits: Samples
) -> None:
    """JSON may mix its forms; nine images go through batches of more than one size."""
    path = f"/cnn/{probe}" + ("&channel=5" if "channel?" in probe else "")
    inputs: list[dict[str, Any]] = [{"pixels": one.tolist()} for one in digits.images[:8]]
    inputs.append({"image": base64_of(PICTURE)})

    answer = client.post(path, json={"inputs": inputs}).json()

    for body, made in zip(inputs, answer["answers"], strict=True):
        alone = client.post(path, json=body).json()
        assert_alike(made, {key: alone[key] for key in alone if key not in answer})
        assert made["prediction"]["label"] == alone["prediction"]["label"]
    assert schemas.ImageAnswer.model_validate(answer)


def test_several_files_are_several_inputs_and_one_is_one(
    client: TestClient, digits: Samples
) -> None:
    """A form of two files is answered as JSON of two inputs, a form of one as one image."""
    pictures = [encoded(image) for image in digits.images[:2]]
    inputs = [{"image": base64_of(picture)} for picture in pictures]

    form = client.post("/cnn/predict", files=files(pictures)).json()

    assert form == client.post("/cnn/predict", json={"inputs": inputs}).json()
    alone = client.post("/cnn/predict", files=files(pictures[:1])).json()
    assert "answers" not in alone
    assert alone == client.post("/cnn/predict", json=inputs[0]).json()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/cnn/predict", {"image": base64_of(PICTURE)}), ("/lstm/gates", SEQUENCES[0])],
)
def test_inputs_of_one_has_answers_of_one(path: str, body: Any, client: TestClient) -> None:
    """Who sends a list gets a list, however long."""
    answer = client.post(path, json={"inputs": [body]}).json()

    assert len(answer["answers"]) == 1
    assert answer["answers"][0] == {
        key: value
        for key, value in client.post(path, json=body).json().items()
        if key not in {"model", "weights"}
    }


def test_binary_forms_hold_all_tensors_by_the_place_of_their_answer(client: TestClient) -> None:
    """NPZ and safetensors have `answers.0.cell`, and the whole document without values."""
    told = client.post("/lstm/cell", json={"inputs": SEQUENCES}).json()
    npz = np.load(
        io.BytesIO(client.post("/lstm/cell?format=npz", json={"inputs": SEQUENCES}).content)
    )
    content = client.post("/lstm/cell?format=safetensors", json={"inputs": SEQUENCES}).content
    tensors = load(content)

    documents = [json.loads(str(npz["metadata"]))]
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    documents.append(json.loads(header["__metadata__"]["lightwell"]))
    names = {
        f"answers.{at}.{tensor['name']}": tensor["data"]
        for at, answer in enumerate(told["answers"])
        for tensor in answer["tensors"]
    }
    assert set(tensors) == set(names) == set(npz.files) - {"metadata"}
    for name, values in names.items():
        np.testing.assert_allclose(tensors[name], values, rtol=1e-6)
        np.testing.assert_array_equal(tensors[name], npz[name])
    for document in documents:
        assert [one["input"] for one in document["answers"]] == [
            one["input"] for one in told["answers"]
        ]
        assert document["weights"] == told["weights"]


def test_pictures_stand_one_under_another(client: TestClient) -> None:
    """The picture of three inputs is as high as three, and holds the colours of each."""

    def size(count: int) -> tuple[int, int]:
        body = {"inputs": [{"sequence": "10110"}] * count}
        return Image.open(io.BytesIO(client.post("/lstm/gates.png", json=body).content)).size

    one, two, three = (size(count) for count in (1, 2, 3))
    assert one[0] == two[0] == three[0]
    assert three[1] - two[1] == two[1] - one[1] > 0.8 * one[1]


def test_a_picture_of_too_many_inputs_is_refused(client: TestClient) -> None:
    """Past the size that a picture may have, the answer names it, and other ways."""
    response = client.post("/cnn/activations.png", files=files([PICTURE] * MAX_INPUTS))

    assert response.status_code == 422
    assert response.json()["type"] == "urn:lightwell:problem:answer-too-large"
    assert "16000000 pixels" in response.json()["detail"]
    assert client.post("/cnn/activations.png", files=files([PICTURE] * 2)).status_code == 200


@pytest.mark.parametrize(
    ("path", "entries", "place", "text"),
    [
        ("/lstm/gates", [{"sequence": "1"}] * 3 + [{"sequence": ""}], [3, "sequence"], "0 steps"),
        ("/lstm/gates", [{"sequence": "1"}, {"sequence": [0, 2]}], [1, "sequence", 1], "Step 2"),
        ("/lstm/gates", [{"sequence": "1"}, {}], [1, "sequence"], "a text or a list"),
        ("/lstm/gates", [{"sequence": "1"}, 7], [1], "an object of sequence, initial_state"),
        ("/lstm/gates", [{"inputs": []}], [0], "key 'inputs'"),
        (
            "/lstm/gates.jsonl",
            [{"sequence": "1", "initial_state": {"cell": [0], "hidden": []}}],
            [0, "initial_state", "cell"],
            "8 numbers",
        ),
        ("/cnn/predict", [{"pixels": [[0]]}, {"pixels": [[256]]}], [1, "pixels", 0], "0 to 255"),
        ("/cnn/predict", [{"pixels": [[0]]}, {}], [1], "exactly one of"),
        ("/cnn/predict", [{"image": "!"}], [0, "image"], "base64"),
        ("/cnn/predict", [{"image": base64_of(PICTURE[:50])}], [0], "cannot be decoded"),
        ("/cnn/predict", [None], [0], "an object of image, pixels"),
    ],
)
def test_one_wrong_entry_refuses_the_whole_request(
    path: str, entries: list[Any], place: list[Any], text: str, client: TestClient
) -> None:
    """The refusal says which entry, and what is wrong in it."""
    response = client.post(path, json={"inputs": entries})

    assert response.status_code == 422, response.text
    [error] = response.json()["errors"]
    assert error["location"] == ["body", "inputs", *place]
    assert error["reason"] == response.json()["detail"]
    assert error["reason"].startswith(f"inputs[{place[0]}]: ")
    assert text in error["reason"]


def test_a_wrong_file_is_named_by_its_place(client: TestClient) -> None:
    """Files of a form are counted as entries are."""
    response = client.post("/cnn/predict", files=files([PICTURE, PICTURE[:50]]))

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["location"] == ["body", "file", 1]
    assert error["reason"].startswith("file[1]: ")


@pytest.mark.parametrize("inputs", [[], {}, "10110", 1, [{"sequence": "1"}] * (MAX_INPUTS + 1)])
def test_inputs_are_a_list_of_1_to_64(inputs: object, client: TestClient) -> None:
    """Any other value is refused with the limit."""
    response = client.post("/lstm/gates", json={"inputs": inputs})

    assert response.status_code == 422
    assert response.json()["detail"] == "'inputs' must be a list of 1 to 64 objects."
    assert response.json()["errors"][0]["location"] == ["body", "inputs"]


def test_inputs_stand_alone(client: TestClient) -> None:
    """Which of two ways was meant is not guessed."""
    response = client.post("/lstm/gates", json={"sequence": "1", "inputs": [{"sequence": "1"}]})

    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == ["body", "inputs"]


def test_a_parameter_that_one_input_cannot_answer_names_it(client: TestClient) -> None:
    """A step past the end of the second sequence is a wrong parameter, of that input."""
    body = {"inputs": [{"sequence": "10110"}, {"sequence": "1"}]}

    response = client.post("/lstm/gates?steps=3", json=body)

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["location"] == ["query", "steps"]
    assert error["reason"] == "inputs[1]: step 3 is not one of the sequence's, 0 to 1"


@pytest.mark.parametrize("form", ["text", "list"])
def test_the_most_of_everything_fits(form: str, client: TestClient) -> None:
    """64 sequences of 4,096 steps with states fit in a body, as text and as lists."""
    sequence: Any = "10" * 2048 if form == "text" else [1, 0] * 2048
    digits = {"cell": [-0.123456789012345] * 8, "hidden": [-0.123456789012345] * 8}
    content = orjson.dumps({"inputs": [{"sequence": sequence, "initial_state": digits}] * 64})

    response = client.post("/lstm/predict", content=content, headers=JSON)

    assert len(content) < MAX_SEQUENCE_JSON
    assert [one["input"]["length"] for one in response.json()["answers"]] == [4096] * 64


def test_a_form_past_its_limit_is_refused(client: TestClient) -> None:
    """All files together have a limit, and each has its own."""
    large = b"\x89PNG" + bytes(4 * 2**20)

    one = client.post("/cnn/predict", files=files([PICTURE, large]))
    assert one.status_code == 413
    assert "4194304 bytes" in one.json()["detail"]
    assert one.json()["detail"].startswith("file[1]: ")
    both = client.post("/cnn/predict", files=files([large, large]))
    assert both.status_code == 413
    assert str(MAX_FORM) in both.json()["detail"]


def test_pixels_of_all_images_are_bounded(client: TestClient) -> None:
    """Four of the largest images are read; one pixel more is refused, with the limit."""
    large = encoded(np.zeros((2048, 2048), np.uint8))

    assert client.post("/cnn/predict", files=files([large] * 4)).status_code == 200
    response = client.post("/cnn/predict", files=files([large] * 4 + [PICTURE]))
    assert response.status_code == 422
    assert "16777216 pixels together" in response.json()["detail"]
    assert response.json()["errors"][0]["location"] == ["body", "file"]


def test_the_json_of_all_answers_is_bounded(client: TestClient) -> None:
    """What would be over 8 MiB in all is refused, and fits in a binary form."""
    body = {"inputs": [{"sequence": "10" * 2048}] * 16}

    response = client.post("/lstm/gates", json=body)

    assert response.status_code == 422
    assert response.json()["type"] == "urn:lightwell:problem:answer-too-large"
    assert client.post("/lstm/gates?format=npz", json=body).status_code == 200


def test_values_that_would_fill_the_memory_are_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is on steps times values, before anything runs."""
    steps, values = 5 + 3, 8 * 5 * 4  # of 8 units: four gates and the logits, each float32
    body = {"inputs": [{"sequence": "10110"}, {"sequence": "111"}]}

    monkeypatch.setattr("api.answers.MAX_SEVERAL_BYTES", steps * values)
    assert client.post("/lstm/gates?format=npz", json=body).status_code == 200
    monkeypatch.setattr("api.answers.MAX_SEVERAL_BYTES", steps * values - 1)
    response = client.post("/lstm/gates?format=npz", json=body)
    assert response.status_code == 422
    assert f"{steps * values - 1} bytes" in response.json()["detail"]


def test_bodies_of_several_are_not_for_the_event_loop() -> None:
    """A small body of many small pictures costs as much as they do, in whichever spelling."""
    small = [{"pixels": [[0, 255], [255, 0]]}] * 60

    assert is_light(json_body(small[0]))
    assert len(orjson.dumps({"inputs": small})) < 8192
    assert not is_light(json_body({"inputs": small}))
    assert not is_light(json_body(b'{"\\u0069nputs": [{"pixels": [[0]]}]}'))


def test_rows_of_one_request_share_batches(app: FastAPI, client: TestClient) -> None:
    """Eight images take fewer calls of the device than eight."""
    counts = app.state.engine.queues["cnn.predict"].counts
    before = counts.batches, counts.completed

    client.post("/cnn/predict", files=files([PICTURE] * 8))

    assert counts.completed - before[1] == 8
    assert counts.batches - before[0] <= 2


def test_when_one_row_fails_the_others_are_dropped(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is that row's problem; nothing of the request is left waiting."""
    from api.batching import DeadlineError  # noqa: PLC0415 - only here

    ended: list[str] = []

    async def run(run: Any, *_: Any) -> Any:
        sequence = next(run)[0].row["sequence"]
        if sequence[0] == 0:
            raise DeadlineError
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("dropped")

    monkeypatch.setattr(app.state.engine, "run", run)
    body = {"inputs": [{"sequence": "1"}, {"sequence": "1"}, {"sequence": "0"}]}

    response = client.post("/lstm/gates", json=body)

    assert response.status_code == 504
    assert response.json()["type"] == "urn:lightwell:problem:deadline"
    assert ended == ["dropped", "dropped"]


def test_when_the_client_goes_all_rows_are_dropped(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed connection cancels every row that waits."""
    ended: list[str] = []

    async def run(*_: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("dropped")

    content = orjson.dumps({"inputs": SEQUENCES})
    messages = [{"type": "http.request", "body": content}, {"type": "http.disconnect"}]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/lstm/gates",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(_: Any) -> None:
        pass

    monkeypatch.setattr(app.state.engine, "run", run)
    assert client.portal is not None
    client.portal.call(app, scope, receive, send)

    assert ended == ["dropped"] * len(SEQUENCES)


def test_together_keeps_order_and_raises_the_first_failure() -> None:
    """Results stand in the order of what was asked, whoever was done first."""

    async def scene() -> None:
        first_may_end = asyncio.Event()

        async def first() -> int:
            await first_may_end.wait()
            return 1

        async def second() -> int:
            first_may_end.set()
            return 2

        async def fails() -> int:
            raise KeyError

        assert await together([first(), second()]) == [1, 2]
        with pytest.raises(KeyError):
            await together([asyncio.Event().wait(), fails()])  # type: ignore[list-item]

    asyncio.run(scene())


def test_stages_of_several_do_not_add_up_to_more_than_the_whole(client: TestClient) -> None:
    """Rows that wait side by side are timed as the slowest."""
    body = {"inputs": [{"sequence": "10" * 500}] * 20}
    header = client.post("/lstm/predict", json=body).headers["server-timing"]

    times = [float(part.partition(";dur=")[2]) for part in header.split(", ")]
    assert sum(times[:-1]) <= times[-1] + 0.05


def test_the_single_answer_is_as_it_was(client: TestClient, lstm: ResidentModel) -> None:
    """One input is answered without `answers`."""
    answer = client.post("/lstm/gates", json=SEQUENCES[0]).json()

    assert list(answer) == [
        *("model", "weights", "input", "prediction", "tensors", "measures", "warnings")
    ]
    assert answer["weights"] == lstm.checkpoint.digest
