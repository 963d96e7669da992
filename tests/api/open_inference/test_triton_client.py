"""Triton's HTTP client against a running server: every call that it makes of the protocol."""

from collections.abc import Iterator

import httpx2
import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from models.data.samples import Samples


@pytest.fixture
def triton(url: str) -> Iterator[InferenceServerClient]:
    """Triton's client of a ready server."""
    with InferenceServerClient(url.removeprefix("http://")) as client:
        yield client


def given(name: str, values: np.ndarray, *, binary: bool = True) -> InferInput:
    """Make an input of an array."""
    found = InferInput(name, values.shape, {"uint8": "UINT8", "float32": "FP32"}[values.dtype.name])
    found.set_data_from_numpy(values, binary_data=binary)
    return found


def test_the_client_finds_server_and_models(triton: InferenceServerClient) -> None:
    """Health, metadata, configuration, statistics and index are what the client expects."""
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("cnn")
    assert triton.is_model_ready("cnn", "1")
    assert not triton.is_model_ready("cnn", "2")
    assert not triton.is_model_ready("none")
    assert triton.get_server_metadata()["name"] == "lightwell"
    metadata = triton.get_model_metadata("cnn", "1")
    config = triton.get_model_config("cnn")
    assert [one["name"] for one in metadata["outputs"]] == [one["name"] for one in config["output"]]
    assert triton.get_inference_statistics("lstm")["model_stats"][0]["name"] == "lstm"
    assert len(triton.get_inference_statistics()["model_stats"]) == 2
    assert [one["state"] for one in triton.get_model_repository_index()] == ["READY"] * 2


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("coding", ["gzip", "deflate", None])
def test_activations_equal_those_of_the_other_route(
    coding: str | None, binary: bool, triton: InferenceServerClient, url: str, digits: Samples
) -> None:
    """All layers of one picture are equal to the bit, in every form and compression."""
    pixels = digits.images[:1]
    rest = httpx2.post(
        f"{url}/cnn/activations?layers=all&reduce=false&preprocess=none",
        json={"pixels": pixels[0].tolist()},
    ).json()["tensors"]
    expected = {one["name"]: np.array(one["data"], np.float32) for one in rest}
    names = [name for name in expected if name != "image"]
    assert {"conv1", "relu1", "logits"} <= set(names)

    answer = triton.infer(
        "cnn",
        [given("image", pixels, binary=binary)],
        outputs=[InferRequestedOutput(name, binary_data=binary) for name in names],
        request_id="7",
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )

    assert answer.get_response()["id"] == "7"
    for name in names:
        np.testing.assert_array_equal(answer.as_numpy(name)[0], expected[name], err_msg=name)


def test_states_are_inputs_and_outputs(triton: InferenceServerClient) -> None:
    """A sequence goes on from the final states of a first request."""
    steps = np.array([[1, 0, 1, 1, 0, 0, 1]], np.uint8)
    whole = triton.infer("lstm", [given("sequence", steps)])
    first = triton.infer("lstm", [given("sequence", steps[:, :4])])
    states = [given(name, first.as_numpy(f"final_{name}")) for name in ("cell", "hidden")]

    second = triton.infer("lstm", [given("sequence", steps[:, 4:]), *states])

    for name in ("logits", "final_cell", "final_hidden"):
        np.testing.assert_allclose(second.as_numpy(name), whole.as_numpy(name), atol=1e-5)


def test_the_client_reads_classes(triton: InferenceServerClient, digits: Samples) -> None:
    """The likeliest class of each picture is its label, in JSON and as bytes."""
    image = [given("image", digits.images[:4])]
    for binary in (True, False):
        output = InferRequestedOutput("probabilities", binary_data=binary, class_count=1)
        found = triton.infer("cnn", image, outputs=[output]).as_numpy("probabilities")
        texts = [one.decode() if isinstance(one, bytes) else one for one in found.reshape(-1)]
        assert [text.rpartition(":")[2] for text in texts] == [
            str(one) for one in digits.labels[:4]
        ]


def test_requests_may_overlap(triton: InferenceServerClient, digits: Samples) -> None:
    """Requests that are in flight together have their own answers."""
    sent = [triton.async_infer("cnn", [given("image", digits.images[i : i + 1])]) for i in range(8)]

    labels = [one.get_result().as_numpy("label").item() for one in sent]

    assert labels == digits.labels[:8].tolist()


def test_errors_are_sentences(triton: InferenceServerClient) -> None:
    """The message of the client's exception is the sentence of the problem."""
    for model, inputs, sentence in (
        ("none", [], "model 'none' is not one of cnn, lstm."),
        ("lstm", [given("sequence", np.array([[2]], np.uint8))], "is not the index of a symbol"),
    ):
        with pytest.raises(InferenceServerException, match=sentence) as caught:
            triton.infer(model, inputs)
        assert "an exception occurred in the client" not in str(caught.value)
    with pytest.raises(InferenceServerException, match="nothing at this path"):
        triton.load_model("cnn")
