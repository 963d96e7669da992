"""Parts of an answer: a request includes those that it needs, and others are not computed."""

import base64
import io
import json
from typing import Any, get_args

import numpy as np
import pytest
from safetensors.numpy import load
from starlette.testclient import TestClient

from api.openapi.schemas import ImageAnswer, SequenceAnswer, WeightsAnswer
from api.responses import results
from models.registry import ResidentModel
from models.runtime.compilation import ExecutableKey
from models.runtime.resident import ResidentProgram
from probes.cnn import activations
from probes.output import encode
from probes.output.parts import ALL_PARTS, Part

PARTS = tuple(one for one in get_args(Part) if one in ALL_PARTS)
PATHS = {
    "/cnn/activations?layers=relu1,dense1": ImageAnswer,
    "/cnn/predict?": ImageAnswer,
    "/lstm/cell?units=3": SequenceAnswer,
    "/lstm/weights?": WeightsAnswer,
}
ANALYSES = ("/lstm/counter?", "/lstm/dynamics?", "/cnn/layers?")
OF_THE_WEIGHTS = ("/lstm/weights?", *ANALYSES)


def asked(client: TestClient, path: str, digit_png: bytes, **query: str) -> Any:
    """Send the request of a path, with an input where it takes one."""
    address = path + "".join(f"&{name}={value}" for name, value in query.items())
    if path in OF_THE_WEIGHTS:
        return client.get(address)
    if path.startswith("/cnn"):
        return client.post(address, content=digit_png, headers={"Content-Type": "image/png"})
    return client.post(address, json={"sequence": "10110"})


def without(document: Any, left_out: set[str]) -> Any:
    """Leave parts out of a whole document."""
    found = {key: value for key, value in document.items() if key not in left_out}
    if {"tensors", "stats"} <= left_out:
        return found
    keys = {"data", "encoding"} if "tensors" in left_out else set()
    keys |= left_out & {"stats"}
    entries = [{k: v for k, v in one.items() if k not in keys} for one in document["tensors"]]
    if "warnings" in left_out and "prediction" in found:
        found["prediction"] = {k: v for k, v in found["prediction"].items() if k != "reliability"}
    return {**found, "tensors": entries}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "included",
    [*PARTS, "tensors,stats", "prediction,tensors,warnings", ",".join(PARTS)],
)
def test_included_parts_are_those_of_the_whole_answer(
    path: str, included: str, client: TestClient, digit_png: bytes
) -> None:
    """Equal values, keys in the same order, and nothing else."""
    whole = asked(client, path, digit_png).json()
    answer = asked(client, path, digit_png, include=included)

    assert answer.status_code == 200
    expected = without(whole, {*PARTS} - set(included.split(",")))
    if "warnings" not in included and "prediction" in expected:
        expected["prediction"].pop("reliability", None)
    assert json.dumps(answer.json()) == json.dumps(expected)
    PATHS[path].model_validate_json(answer.content)


def drawn(layout: dict[str, Any]) -> list[str]:
    """Names of the tensors of a figure's layout, in drawing order."""
    if layout["kind"] == "panels":
        return [name for one in layout["figures"] for name in drawn(one)]
    named = [layout.get(key) for key in ("tensor", "x", "y", "colour", "picture")]
    lists = [*(layout.get("tensors") or ()), *(layout.get("path") or ())]
    axis = layout["x"] if layout["kind"] in {"heatmap", "lines"} else None
    return [one for one in (*named, *lists) if one is not None and one != axis]


@pytest.mark.parametrize("path", [*PATHS, *ANALYSES])
def test_the_layout_names_the_tensors(path: str, client: TestClient, digit_png: bytes) -> None:
    """`figure` is in no answer that does not ask for it, and names each tensor of the answer."""
    whole = asked(client, path, digit_png).json()
    answer = asked(client, path, digit_png, include="tensors,figure").json()

    assert "figure" not in whole
    assert set(answer) - set(whole) == {"figure"}
    names = {one["name"] for one in answer["tensors"]}
    assert set(drawn(answer["figure"])) <= names
    assert names - set(drawn(answer["figure"])) <= marked(answer["figure"])


def marked(layout: dict[str, Any]) -> set[str]:
    """Names of the tensors of numbered points of a layout."""
    inner = (marked(one) for one in layout.get("figures", ()))
    return set(layout.get("marked") or ()).union(*inner)


def test_the_whole_answer_names_all_parts(client: TestClient, digit_png: bytes) -> None:
    """All parts by name, in any order, are the answer to the bit."""
    for path in PATHS:
        whole = asked(client, path, digit_png)
        named = asked(client, path, digit_png, include=",".join(reversed(PARTS)))
        assert named.content == whole.content


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the parts that are computed."""
    found: list[str] = []

    def record(module: Any, name: str) -> None:
        function = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, **k: (found.append(name), function(*a, **k))[1]
        )

    record(results, "prediction")
    record(results, "image_warnings")
    record(encode, "Statistics")
    record(activations, "_layer")
    return found


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each batch of a program with the second network ran with it."""
    found: list[bool] = []
    chosen = ResidentProgram._executable

    def record(program: ResidentProgram, bucket: int, wanted: frozenset[str]) -> Any:
        if program.program.optional:
            executable = chosen(program, bucket, wanted)
            key = ExecutableKey(program.program.name, bucket)
            found.append(executable is program._executables[key])
        return chosen(program, bucket, wanted)

    monkeypatch.setattr(ResidentProgram, "_executable", record)
    return found


@pytest.mark.parametrize(
    ("included", "expected"),
    [
        ("prediction", {"prediction"}),
        ("input", set()),
        ("tensors", {"_layer"}),
        ("stats", {"_layer", "Statistics"}),
        ("warnings", {"image_warnings"}),
    ],
)
def test_what_is_left_out_is_not_computed(
    included: str, expected: set[str], client: TestClient, digit_png: bytes, computed: list[str]
) -> None:
    """Neither prediction, statistics, figure nor warnings."""
    asked(client, "/cnn/activations?layers=relu1", digit_png, include=included)

    assert set(computed) == expected


@pytest.mark.parametrize(
    ("included", "expected"),
    [
        ("prediction,input", {"logits"}),
        ("tensors", {"logits", "relu1"}),
        ("warnings", {"logits", "relu1", "unfamiliarity"}),
    ],
)
def test_what_is_left_out_is_not_fetched(
    included: str, expected: set[str], client: TestClient, digit_png: bytes, cnn: ResidentModel
) -> None:
    """The score of the second network is for the warnings alone."""
    fetched: list[frozenset[str]] = []
    run = cnn.run

    def recorded(program: str, row: Any, outputs: frozenset[str]) -> Any:
        fetched.append(outputs)
        return run(program, row, outputs)

    object.__setattr__(cnn, "run", recorded)
    try:
        asked(client, "/cnn/activations?layers=relu1", digit_png, include=included)
    finally:
        object.__delattr__(cnn, "run")

    assert fetched == [expected]


ATTRIBUTION = "/cnn/attribution?method=gradient&deletion=false"


@pytest.mark.parametrize(
    ("path", "is_run"),
    [
        ("/cnn/predict?", True),
        ("/cnn/predict?include=prediction,warnings", True),
        ("/cnn/predict?include=prediction", False),
        ("/cnn/activations?layers=relu1&include=tensors&format=safetensors", False),
        ("/cnn/activations?layers=relu1&format=png", False),
        (ATTRIBUTION, True),
        (f"{ATTRIBUTION}&include=tensors", False),
    ],
)
def test_without_warnings_the_second_network_is_not_run(
    path: str, is_run: bool, client: TestClient, digit_png: bytes, scored: list[bool]
) -> None:
    """The executables with it run only where an answer has warnings."""
    answer = asked(client, path, digit_png)

    assert answer.status_code == 200
    assert any(scored) == is_run


def test_the_inference_protocol_runs_the_second_network_where_its_score_is_asked_for(
    client: TestClient, scored: list[bool]
) -> None:
    """By default it does not."""
    image = {"name": "image", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}
    for names, is_run in (((), False), (("logits",), False), (("unfamiliarity",), True)):
        scored.clear()
        outputs = {"outputs": [{"name": name} for name in names]} if names else {}
        answer = client.post("/v2/models/cnn/infer", json={"inputs": [image], **outputs})
        assert answer.status_code == 200
        assert scored == [is_run]


def test_binary_forms_have_the_included_parts(client: TestClient, digit_png: bytes) -> None:
    """No arrays without `tensors`; with them the exact ones, also of several inputs."""
    path = "/cnn/activations?layers=relu1"
    whole = load(asked(client, path, digit_png, format="safetensors").content)
    lean = asked(client, path, digit_png, format="safetensors", include="tensors").content
    none = asked(client, path, digit_png, format="npz", include="prediction").content

    assert {name: one.tobytes() for name, one in load(lean).items()} == {
        name: one.tobytes() for name, one in whole.items()
    }
    npz = np.load(io.BytesIO(none))
    assert npz.files == ["metadata"]
    assert list(json.loads(str(npz["metadata"]))) == ["model", "weights", "prediction"]
    image = {"image": base64.b64encode(digit_png).decode()}
    several = client.post(f"{path}&include=prediction", json={"inputs": [image, image]}).json()
    assert [list(one) for one in several["answers"]] == [["prediction"]] * 2


@pytest.mark.parametrize("included", ["", "predictions", "tensors,"])
def test_an_unknown_part_is_refused(included: str, client: TestClient, digit_png: bytes) -> None:
    """The problem names the parts."""
    problem = asked(client, "/cnn/predict?", digit_png, include=included)

    assert problem.status_code == 422
    assert "prediction, input, tensors, stats, measures, warnings" in problem.json()["detail"]


def test_a_picture_has_no_parts(client: TestClient, digit_png: bytes) -> None:
    """It is drawn whole, whatever is included; its own path refuses the parameter."""
    path = "/cnn/activations?layers=relu1"
    plain = asked(client, path, digit_png, format="png").content

    assert asked(client, path, digit_png, format="png", include="prediction").content == plain
    assert asked(client, "/cnn/activations.png?", digit_png, include="input").status_code == 422
