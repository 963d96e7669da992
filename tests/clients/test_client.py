"""lightwell_client says what the server says, takes inputs in every form, and waits politely."""

import base64
import io
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from lightwell_client import Lightwell, LightwellError, Sample, Tensor
from lightwell_client.client import AT_ONCE
from lightwell_client.inputs import grey_png
from probes import cnn, lstm, pixel, weights
from tests.servers import PATIENCE_S

BITS = "1011010010"
TOLERANCE = 2e-5  # between buckets: docs/architecture.md


@pytest.fixture(scope="module")
def lightwell(url: str) -> Iterator[Lightwell]:
    """The client under test."""
    with Lightwell(url, timeout_s=PATIENCE_S) as lightwell:
        yield lightwell


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx2.Client]:
    """The server asked without the client: the oracle."""
    with httpx2.Client(base_url=url, timeout=PATIENCE_S) as http:
        yield http


@pytest.fixture(scope="module")
def digit(lightwell: Lightwell) -> Sample:
    """A picture of a 7."""
    return lightwell.samples(label=7, count=1)[0]


def scripted(answer: Callable[[httpx2.Request], httpx2.Response], **options: float) -> Lightwell:
    """Return a client of a server that answers as a test wants."""
    lightwell = Lightwell("http://server", **options)
    lightwell.close()
    transport = httpx2.MockTransport(answer)
    lightwell._http = httpx2.Client(base_url="http://server", transport=transport)
    return lightwell


def test_tensors_are_those_of_the_json(
    lightwell: Lightwell, http: httpx2.Client, digit: Sample
) -> None:
    """Every name, axis, coordinate, value and colour is what the JSON answer says."""
    query = {"layers": "conv1,relu4", "channels": "3,7"}
    said = http.post("/cnn/activations", params=query, json={"pixels": digit.pixels.tolist()})

    answer = lightwell.activations(digit, layers=["conv1", "relu4"], channels=[3, 7])

    assert answer.weights == said.json()["weights"]
    assert answer.input == said.json()["input"]
    assert answer.prediction is not None
    assert answer.prediction.name == "7" == said.json()["prediction"]["name"]
    assert list(answer.tensors) == ["image", "conv1", "relu4"]
    for entry in said.json()["tensors"]:
        tensor = answer[entry["name"]]
        assert (tensor.kind, list(tensor.axes)) == (entry["kind"], entry["axes"])
        assert {axis: list(held) for axis, held in tensor.coordinates.items()} == entry[
            "coordinates"
        ]
        assert tensor.values.dtype == entry["dtype"]
        np.testing.assert_allclose(tensor.values, entry["data"], rtol=1e-6)
        assert tensor.colour == entry["colour"]


def test_measures_and_warnings_are_those_of_the_json(
    lightwell: Lightwell, http: httpx2.Client
) -> None:
    """A blank picture warns; a summary measures."""
    blank = lightwell.predict(np.zeros((28, 28), np.uint8))
    said = http.post("/lstm/summary", json={"sequence": BITS}).json()["measures"]

    measures = lightwell.summary(BITS).measures

    assert "blank" in " ".join(one.code for one in blank.warnings)
    assert said
    assert [(name, *one) for name, one in measures.items()] == [
        (one["name"], one["value"], one["unit"]) for one in said
    ]


def test_rows_are_taken_by_what_they_are() -> None:
    """Channel 7 is channel 7, whichever row it came in; a missing one is refused by its name."""
    values = np.arange(12).reshape(2, 2, 3)
    tensor = Tensor("relu1", "post_activation", ("channel", "y", "x"), {"channel": (3, 7)}, values)

    one = tensor.take(channel=7, x=2)
    several = tensor.take(channel=[7, 3], y=0)

    assert one.axes == ("y",)
    np.testing.assert_array_equal(one, [8, 11])
    assert several.axes == ("channel", "x")
    assert several.coordinates == {"channel": (7, 3)}
    np.testing.assert_array_equal(several, [[6, 7, 8], [0, 1, 2]])
    np.testing.assert_array_equal(several.take(channel=3), [0, 1, 2])
    assert tensor.take(channel=3, y=1, x=0).values == 3
    for wrong in ({"channel": 0}, {"y": 2}, {"y": -1}, {"unit": 0}):
        with pytest.raises(KeyError):
            tensor.take(**wrong)


def test_an_image_may_be_anything(lightwell: Lightwell, digit: Sample, tmp_path: Path) -> None:
    """Path, bytes, array, Pillow and sample: the network sees the same pixels."""
    path = tmp_path / "digit.png"
    picture = Image.fromarray(digit.pixels)
    picture.save(path)

    forms = [
        str(path),
        path,
        path.read_bytes(),
        digit.pixels,
        digit.pixels.astype(np.int64),
        picture,
        digit,
    ]

    for form in forms:
        seen = lightwell.predict(form).input
        assert seen is not None
        np.testing.assert_array_equal(seen["pixels"], digit.pixels)


def test_a_photo_may_come_as_a_jpeg(lightwell: Lightwell, digit: Sample) -> None:
    """The bytes of a JPEG are sent as they are."""
    file = io.BytesIO()
    Image.fromarray(digit.pixels).resize((112, 112)).save(file, "JPEG", quality=95)

    seen = lightwell.predict(file.getvalue()).prediction

    assert seen is not None
    assert seen.name == "7"


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 7)])
def test_arrays_are_written_as_pillow_reads_them(shape: tuple[int, int]) -> None:
    """A grey PNG holds each value of the array in its place."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(grey_png(pixels)))), pixels)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((28, 28)), TypeError, "floats"),
        (np.full((28, 28), 256), ValueError, "256"),
        (np.full((28, 28), -1), ValueError, "-1"),
        (np.zeros((28, 28, 3), np.uint8), ValueError, r"\(28, 28, 3\)"),
        (np.zeros((0, 28), np.uint8), ValueError, r"\(0, 28\)"),
        (7, TypeError, "int"),
    ],
)
def test_what_is_no_image_is_not_sent(image: object, error: type[Exception], words: str) -> None:
    """What an array could mean is never guessed."""

    def never(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(request)

    with pytest.raises(error, match=words):
        scripted(never).activations(image)  # type: ignore[call-overload]


def test_a_sequence_may_be_anything(lightwell: Lightwell, http: httpx2.Client) -> None:
    """Text, list, tuple and array: the network reads the same bits."""
    gate = http.post("/lstm/gates", json={"sequence": BITS}).json()["tensors"][1]
    bits = [int(bit) for bit in BITS]

    for form in (BITS, bits, tuple(bits), np.array(bits), np.array(bits, bool)):
        answer = lightwell.gates(form)
        assert answer.input is not None
        assert answer.input["sequence"] == BITS
        np.testing.assert_allclose(answer[gate["name"]], gate["data"], rtol=1e-6)
        assert lightwell.predict(form).model == "lstm"


@pytest.mark.parametrize("wrong", [[1.0, 0.0], [["1"]], np.array([0.5])])
def test_what_is_no_sequence_is_not_sent(lightwell: Lightwell, wrong: object) -> None:
    """Numbers that are not integers are refused before anything is asked."""
    with pytest.raises(TypeError, match="0 and 1"):
        lightwell.gates(wrong)  # type: ignore[call-overload]


def test_several_inputs_are_as_each_by_itself(lightwell: Lightwell) -> None:
    """A list of inputs gives a list of the answers that each would get, in order."""
    samples = lightwell.samples(count=3)
    sequences = [[1, 0], [1], [0, 1, 1]]

    for many, each in (
        (
            lightwell.activations(samples, layers="conv3"),
            [lightwell.activations(one, layers="conv3") for one in samples],
        ),
        (lightwell.gates(sequences), [lightwell.gates(one) for one in sequences]),
        (lightwell.gates(np.array([[1, 0], [0, 1]])), [lightwell.gates(b) for b in ("10", "01")]),
        (lightwell.predict(["1", "00"]), [lightwell.predict(b) for b in ("1", "00")]),
    ):
        assert isinstance(many, list)
        for answer, alone in zip(many, each, strict=True):
            assert answer.input == alone.input
            assert list(answer.tensors) == list(alone.tensors)
            for name, tensor in alone.tensors.items():
                np.testing.assert_allclose(answer[name], tensor, atol=TOLERANCE, rtol=TOLERANCE)
            assert answer.png() == alone.png()


def test_more_inputs_than_a_request_takes(lightwell: Lightwell) -> None:
    """They are asked in parts, and their order stays; none at all asks nothing."""
    sequences = [f"{number:08b}" for number in range(AT_ONCE + 6)]

    answers = lightwell.predict(sequences)

    assert [answer.input["sequence"] for answer in answers if answer.input] == sequences
    assert lightwell.activations([]) == []


def test_a_state_is_gone_on_from(lightwell: Lightwell) -> None:
    """Half a sequence, and the rest from where it ended, make the whole."""
    half = lightwell.predict(BITS[:4])

    rest = lightwell.predict(BITS[4:], initial_state=(half["final_cell"], half["final_hidden"]))

    whole = lightwell.predict(BITS)
    np.testing.assert_allclose(rest["final_cell"], whole["final_cell"], atol=TOLERANCE)


def test_steps_are_those_of_the_trace(lightwell: Lightwell) -> None:
    """Line by line, what the whole answer says; of several sequences, each in order."""
    bits = BITS * 60
    names = ("forget_gate", "candidate", "hidden")
    trace = lightwell.trace(bits)

    steps = list(lightwell.steps([bits, "01"], values=names))

    first = [step for step in steps if step.input == 0]
    assert [step.step for step in first] == list(range(1, len(bits) + 1))
    assert "".join(str(step.bit) for step in first) == bits
    for name in names:
        whole = trace[name].take(step=range(1, len(bits) + 1))
        np.testing.assert_allclose([step[name] for step in first], whole, atol=TOLERANCE)
    assert [(step.step, step.bit) for step in steps if step.input == 1] == [(1, 0), (2, 1)]


def test_steps_tell_what_ends_them() -> None:
    """A stream that the server ends before its time raises what it says."""
    problem = {"type": "urn:lightwell:problem:deadline", "status": 504, "detail": "Too late."}
    lines = ['{"input": 0, "step": 1, "bit": 1, "hidden": [0.5]}', '{"problem": %s}']
    text = "\n".join(lines) % httpx2.Response(200, json=problem).text

    steps = scripted(lambda _: httpx2.Response(200, text=text)).steps("11")

    assert next(steps)["hidden"] == [0.5]
    with pytest.raises(LightwellError, match="Too late"):
        next(steps)


def test_a_refusal_names_the_place(lightwell: Lightwell) -> None:
    """What the server refuses is an error with its status, kind, reasons and request."""
    with pytest.raises(LightwellError, match="unit 99") as caught:
        lightwell.gates(BITS, units=99)
    with pytest.raises(LightwellError) as streamed:
        next(lightwell.steps("12"))

    error = caught.value
    assert (error.status, error.kind) == (422, "invalid-parameter")
    assert error.errors[0]["location"] == ["query", "units"]
    assert re.fullmatch(r"[0-9a-f-]{36}", error.request_id)
    assert streamed.value.kind == "invalid-sequence"


def test_an_error_of_something_else_is_an_error_too() -> None:
    """A proxy's page is no problem of this server's, and still says its status."""
    answer = httpx2.Response(502, text="<html>Bad gateway</html>")

    with pytest.raises(LightwellError) as caught:
        scripted(lambda _: answer).models()

    assert (caught.value.status, caught.value.kind) == (502, "unknown")


def full(request: httpx2.Request) -> httpx2.Response:
    """Answer that the queue is full."""
    problem = {"type": "urn:lightwell:problem:busy", "status": 503, "detail": "Full."}
    return httpx2.Response(503, json=problem, headers={"Retry-After": "2"})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited, each time; it takes no time."""
    pauses: list[float] = []
    monkeypatch.setattr("lightwell_client.client.time.sleep", pauses.append)
    return pauses


def test_a_full_server_is_waited_for(pauses: list[float]) -> None:
    """The client tries again when the server asked it to."""
    ready = httpx2.Response(200, json={"models": []})

    assert scripted(lambda request: full(request) if len(pauses) < 2 else ready).models() == []

    assert pauses == [2, 2]


@pytest.mark.parametrize(("patience", "tries"), [(0, 0), (3, 1), (4, 2)])
def test_patience_ends(pauses: list[float], patience: float, tries: int) -> None:
    """The client waits no longer, in all, than it was told."""
    with pytest.raises(LightwellError, match="Full"):
        scripted(full, patience_s=patience).models()

    assert pauses == [2] * tries


def test_no_server_is_said() -> None:
    """Where nothing listens, the error names the address and what starts a server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(ConnectionError, match="make serve"):
            Lightwell(f"http://127.0.0.1:{taken.getsockname()[1]}").models()


def test_a_notebook_shows_the_picture(
    lightwell: Lightwell, http: httpx2.Client, digit: Sample
) -> None:
    """An answer shows its prediction, the server's own picture, and its tensors."""
    query = {"layers": "relu1", "format": "png"}
    picture = http.post(
        "/cnn/activations", params=query, json={"pixels": digit.pixels.tolist()}
    ).content

    shown = lightwell.activations(digit, layers="relu1")._repr_html_()

    assert f'src="data:image/png;base64,{base64.b64encode(picture).decode()}"' in shown
    assert "cnn: 7" in shown
    assert "<td>relu1</td><td>post_activation</td><td>channel, y, x</td>" in shown


def test_a_notebook_outlives_its_server(url: str, digit: Sample) -> None:
    """Where the picture cannot be had, an answer still shows what it holds."""
    with Lightwell(url) as lightwell:
        answer = lightwell.predict(digit)

    shown = answer._repr_html_()

    assert "<img" not in shown
    assert "No picture" in shown
    assert "<td>probabilities</td>" in shown


def test_what_is_shown_is_text() -> None:
    """A name with markup in it is shown, not obeyed; values that are not finite do no harm."""
    values = np.array([np.nan, np.inf])

    shown = Tensor("<b>", "kind", ("unit",), {}, values)._repr_html_()

    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown


def test_what_a_model_shows_has_a_method() -> None:
    """What reads a trace or the weights can be had without its name; all else by `ask`."""
    for probe in (*cnn.PROBES, *lstm.PROBES, *pixel.PROBES, *weights.PROBES):
        assert callable(getattr(Lightwell, probe.name)), probe.name


def test_edits_and_a_second_input_go_along(lightwell: Lightwell, digit: Sample) -> None:
    """Of one input and of several, of images and of sequences."""
    patch = [{"layer": "relu4", "operation": "patch"}]
    other = lightwell.samples(label=3, count=1)[0]
    alone = lightwell.intervene(digit, patch, source=other)
    both = lightwell.intervene([digit, digit], patch, source=other)
    shut = [{"value": "input_gate", "operation": "set", "amount": 0}]
    read = lightwell.intervene("1101", shut)

    assert alone.measures["recovery"].value == 1.0
    assert [one.measures["label_edited"].value for one in both] == ["3", "3"]
    assert read.measures["answer_changed"].value is True
    swept = lightwell.ask("cnn", "sweep", digit, layer="relu4", operation="patch", source=other)
    assert swept["recovery"].values.shape == (128,)


def test_why_is_asked_of_the_model_that_reads_the_input(
    lightwell: Lightwell, digit: Sample
) -> None:
    """Pixels of images, bits of sequences; and what is said of both networks."""
    assert lightwell.attribution(digit, method="gradient")["attribution"].axes == ("y", "x")
    assert lightwell.attribution("1101", method="flip")["attribution"].axes == ("step",)
    assert len(lightwell.findings()) == 6


def test_weights_need_no_input(lightwell: Lightwell) -> None:
    """Filters and weights come without an input and without a prediction."""
    filters = lightwell.filters("conv1", order="index")

    assert (filters.input, filters.prediction) == (None, None)
    assert filters["conv1.kernel"].values.shape == (32, 1, 3, 3)
    assert "readout.kernel" in lightwell.weights().tensors
    assert {model["name"] for model in lightwell.models()} == {"cnn", "lstm"}


def test_the_models_can_be_held_here(lightwell: Lightwell, digit: Sample) -> None:
    """In this process the same models give the same answers, and end with their `with`."""
    with Lightwell.local() as here:
        answer = here.activations([digit], layers="conv2")[0]
        steps = list(here.steps(BITS))

    there = lightwell.activations([digit], layers="conv2")[0]
    assert answer.weights == there.weights
    np.testing.assert_allclose(answer["conv2"], there["conv2"], atol=TOLERANCE)
    assert len(steps) == len(BITS)
    with pytest.raises(RuntimeError):
        answer.png()
