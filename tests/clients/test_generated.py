"""Clients generated from the OpenAPI document compile, and their calls work."""

import base64
import importlib
import io
import json
import sys
from pathlib import Path
from types import ModuleType

import httpx
import httpx2
import pytest

from tests.clients.documents import blocks
from tests.tools import NODE, module, run

COMPILER_OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "ES2022",
    "module": "ES2022",
    "moduleResolution": "bundler",
    "lib": ["ES2023", "DOM", "DOM.Iterable"],
    "types": [],
}
STREAMED = """
import { lstmGatesJsonl } from "./lightwell";

const lines = await lstmGatesJsonl({
  body: { inputs: [{ sequence: "10" }, { sequence: [0, 1, 1] }] },
  parseAs: "text",
  throwOnError: true,
});
console.log(lines.data.trim().split("\\n").length);
"""
AUTHORISED = """
import { client as other } from "./lightwell/client.gen";

let sent: string | null = "";
other.setConfig({
  auth: "secret-of-anna",
  fetch: async (request) => {
    sent = (request as Request).headers.get("Authorization");
    return Response.json({});
  },
});
await lstmGates({ body: { sequence: "10" } });
console.log(sent);
"""


@pytest.fixture(scope="module")
def typescript(url: str, openapi_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the generated TypeScript client and a program that calls it."""
    folder = tmp_path_factory.mktemp("typescript")
    generator = module("@hey-api/openapi-ts/bin/run.js")
    (code,) = blocks("typescript", url)
    (folder / "calls.ts").write_text(code + STREAMED + AUTHORISED, encoding="utf-8")
    settings = {"compilerOptions": COMPILER_OPTIONS, "include": ["calls.ts", "lightwell"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    run(NODE, generator, "-i", openapi_file, "-o", folder / "lightwell", cwd=folder)
    return folder


def test_typescript_compiles(typescript: Path) -> None:
    """The generated client and the code of the page that calls it pass the compiler."""
    assert run(NODE, module("typescript/bin/tsc"), "-p", ".", cwd=typescript) == ""


def test_typescript_calls(typescript: Path) -> None:
    """An image and a sequence get answers, an invalid one a problem, a stream its lines."""
    bundle = [module("esbuild/bin/esbuild"), "calls.ts", "--bundle", "--format=esm"]
    run(*bundle, "--platform=node", "--outfile=calls.mjs", "--log-level=error", cwd=typescript)

    digit, gates, refused, lines, header = run(NODE, "calls.mjs", cwd=typescript).splitlines()

    assert digit == "2 [ 'image', 'relu1', 'conv2' ]"
    assert gates == "yes 10110"
    assert refused == "422 The sequence cannot be used"
    assert lines == "5"
    assert header == "Bearer secret-of-anna"


@pytest.fixture(scope="module")
def python(openapi_file: Path, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The generated Python client, imported."""
    folder = tmp_path_factory.mktemp("python")
    (overrides,) = blocks("yaml")
    (folder / "generate.yml").write_text(overrides + "post_hooks: []\n")
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    said = run(
        *generate, "--path", openapi_file, "--config", "generate.yml",
        "--output-path", "generated_lightwell", cwd=folder,
    )  # fmt: skip
    assert "WARNING" not in said  # a warning is an operation that the generator left out
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("generated_lightwell")
    finally:
        sys.path.remove(str(folder))


def test_python_calls(url: str, python: ModuleType) -> None:
    """An image and a sequence, each in two forms, get answers."""
    models, types = (
        importlib.import_module(f"{python.__name__}.{name}") for name in ("models", "types")
    )
    activations = importlib.import_module(f"{python.__name__}.api.cnn.cnn_activations")
    gates = importlib.import_module(f"{python.__name__}.api.lstm.lstm_gates")
    picture = httpx2.get(f"{url}/samples/0.png").content
    encoded = base64.b64encode(picture).decode()

    with python.Client(url, raise_on_unexpected_status=True) as client:
        seen = activations.sync(
            client=client, body=models.ImageBody(image=encoded), channels=[0, 7]
        )
        raw = activations.sync(client=client, body=types.File(io.BytesIO(picture)))
        text = gates.sync(client=client, body=models.SequenceBody(sequence="10110"), units=[1, 2])
        bits = gates.sync(client=client, body=models.SequenceBody(sequence=[1, 0, 1, 1, 0]))
        wrong = gates.sync(client=client, body=models.SequenceBody(sequence="10210"))

    assert seen.prediction.name == raw.prediction.name == "2"
    assert {tensor.name: tensor.shape for tensor in seen.tensors}["relu1"] == [2, 28, 28]
    assert text.prediction.name == bits.prediction.name == "yes"
    assert {tensor.name: tensor.shape for tensor in text.tensors}["forget_gate"] == [5, 2]
    assert (wrong.status, wrong.errors[0].location) == (422, ["body", "sequence", 2])


def test_python_sends_the_token(python: ModuleType) -> None:
    """The generated client with a token sends the header, with any operation."""
    gates = importlib.import_module(f"{python.__name__}.api.lstm.lstm_gates")
    models = importlib.import_module(f"{python.__name__}.models")
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Authorization"))
        return httpx.Response(302)

    client = python.AuthenticatedClient(
        "http://server",
        token="secret-of-anna",  # noqa: S106 - of the tests
        httpx_args={"transport": httpx.MockTransport(answer)},
    )
    gates.sync_detailed(client=client, body=models.SequenceBody(sequence="10"))

    assert sent == ["Bearer secret-of-anna"]
