"""lightwell_client: every method sends a request and returns the server's answer."""

import numpy as np
import pytest

from lightwell_client import Lightwell, Sample
from lightwell_client.client import MAX_INPUTS
from lightwell_client.codings import accepted_codings
from probes.cnn import activations, filters, pixel
from probes.rnn import gates, weights

BITS = "1011010010"
TOLERANCE = 2e-5  # between buckets: docs/architecture.md


def test_several_inputs_are_answered_like_each_alone(lightwell: Lightwell) -> None:
    """A list of inputs gives a list of answers, in order, equal to those of each input alone."""
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
    sequences = [f"{number:08b}" for number in range(MAX_INPUTS + 6)]

    answers = lightwell.predict(sequences)

    assert [answer.input["sequence"] for answer in answers if answer.input] == sequences
    assert lightwell.activations([]) == []


def test_a_sequence_continues_from_a_state(lightwell: Lightwell) -> None:
    """The second half, started from the final state of the first, ends alike."""
    half = lightwell.predict(BITS[:4])

    rest = lightwell.predict(BITS[4:], initial_state=(half["final_cell"], half["final_hidden"]))

    whole = lightwell.predict(BITS)
    np.testing.assert_allclose(rest["final_cell"], whole["final_cell"], atol=TOLERANCE)


def test_steps_before_the_state_count(lightwell: Lightwell) -> None:
    """With `initial_steps` a continued sequence is known; without it every method warns."""
    half = lightwell.predict(BITS[:4])
    state = (half["final_cell"], half["final_hidden"])

    for steps, codes in ((None, ["unknown-length"]), (4, []), (2**31 - 1, ["long-sequence"])):
        known = {} if steps is None else {"initial_steps": steps}
        rest = lightwell.predict(BITS[4:], initial_state=state, **known)
        one, other = lightwell.gates([BITS, BITS[4:]], initial_state=state, **known)
        first, second, *_ = lightwell.steps(BITS[4:], initial_state=state, **known)
        for warnings in (rest.warnings, one.warnings, other.warnings, first.warnings):
            assert [warning.code for warning in warnings] == codes
            assert all(warning.message.startswith("The sequence ") for warning in warnings)
        assert second.warnings == ()


def test_streamed_steps_equal_the_trace(lightwell: Lightwell) -> None:
    """The streamed steps equal the trace; steps of several sequences keep the order of each."""
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


def test_basic_probes_have_methods() -> None:
    """Every probe that reads a trace or the weights has a method of its name."""
    for probe in (
        *activations.PROBES,
        *gates.PROBES,
        *pixel.PROBES,
        *filters.PROBES,
        *weights.PROBES,
    ):
        assert callable(getattr(Lightwell, probe.name)), probe.name


def test_edits_and_a_second_input_are_posted(lightwell: Lightwell, digit: Sample) -> None:
    """`edits` and `source` are posted with one input and with several, images and sequences."""
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


def test_attribution_chooses_the_model_by_the_input(lightwell: Lightwell, digit: Sample) -> None:
    """Attribution has one value a pixel or a bit; `findings` lists the six claims."""
    assert lightwell.attribution(digit, method="gradient")["attribution"].axes == ("y", "x")
    assert lightwell.attribution("1101", method="flip")["attribution"].axes == ("step",)
    assert len(lightwell.findings()) == 6


def test_weights_need_no_input(lightwell: Lightwell) -> None:
    """Answers about weights have no input and no prediction."""
    filters = lightwell.filters("conv1", order="index")

    assert (filters.input, filters.prediction) == (None, None)
    assert filters["conv1.kernel"].values.shape == (32, 1, 3, 3)
    assert "readout.kernel" in lightwell.weights().tensors
    assert {model["name"] for model in lightwell.models()} == {"cnn", "lstm"}


def test_local_models_equal_the_server(
    lightwell: Lightwell, digit: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Lightwell.local()` answers as the server does, until its `with` block ends."""
    monkeypatch.setenv("LIGHTWELL_HOSTS", "lightwell.example.org")  # not a name of this client
    with Lightwell.local() as here:
        answer = here.activations([digit], layers="conv2")[0]
        steps = list(here.steps(BITS))

    there = lightwell.activations([digit], layers="conv2")[0]
    assert answer.weights == there.weights
    np.testing.assert_allclose(answer["conv2"], there["conv2"], atol=TOLERANCE)
    assert len(steps) == len(BITS)
    with pytest.raises(RuntimeError):
        answer.png()


@pytest.mark.parametrize(
    ("url", "codings"),
    [
        ("http://127.0.0.1:8000", "identity"),
        ("http://localhost", "identity"),
        ("http://[::1]:8000", "identity"),
        ("https://lightwell.example", "gzip"),
        ("http://127.0.0.1.example", "gzip"),
    ],
)
def test_answers_of_other_machines_are_compressed(url: str, codings: str) -> None:
    """The client accepts gzip, except from a server on its own machine."""
    assert accepted_codings(url) == {"Accept-Encoding": codings}
