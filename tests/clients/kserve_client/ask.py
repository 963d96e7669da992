"""Ask a server with KServe's client, in JSON and with binary tensors; print a line for each check.

Run by `tests.clients.kserve_client` in the environment that has the package `kserve`.
"""

import asyncio
import json
import sys
from typing import Any
from urllib.request import Request, urlopen

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

LAYERS = ("relu1", "conv2", "logits")


def fetch(url: str, body: object = None) -> Any:
    """Fetch JSON of the server without KServe's client."""
    content = None if body is None else json.dumps(body).encode()
    request = Request(url, content, {"Content-Type": "application/json"})  # noqa: S310 - as below
    with urlopen(request) as answer:  # noqa: S310 - a server of the tests
        return json.load(answer)


async def check(client: InferenceRESTClient, url: str) -> None:
    """Check health, both forms of tensors, and an error."""
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "cnn")
    assert not await client.is_model_ready(url, "none")
    print("health and readiness")
    pixels = np.array(fetch(f"{url}/samples?count=1")["samples"][0]["pixels"], np.uint8)
    rest = fetch(
        f"{url}/cnn/activations?layers={','.join(LAYERS)}&preprocess=none",
        {"pixels": pixels.tolist()},
    )
    expected = {one["name"]: np.array(one["data"], np.float32) for one in rest["tensors"]}
    for binary in (False, True):
        image = InferInput("image", [1, 28, 28], "UINT8")
        image.set_data_from_numpy(pixels[None], binary_data=binary)
        outputs = [RequestedOutput(name, {"binary_data": binary}) for name in LAYERS]
        asked = InferRequest("cnn", [image], request_outputs=outputs)
        answer = await client.infer(url, asked, model_name="cnn")
        for name in LAYERS:
            found = answer.get_output_by_name(name).as_numpy()[0]
            np.testing.assert_array_equal(found, expected[name], err_msg=name)
        print(f"layers equal to the bit, {'binary' if binary else 'JSON'}")
    steps = InferInput("sequence", [1, 2], "UINT8", data=[1, 2])
    assert "is not the index of a symbol" in await error_of(client, url, steps)
    print("errors are sentences")


async def error_of(client: InferenceRESTClient, url: str, steps: InferInput) -> str:
    """Return the message of the client's exception; empty where the request is answered."""
    try:
        await client.infer(url, InferRequest("lstm", [steps]), model_name="lstm")
    except httpx.HTTPStatusError as error:
        return str(error)
    return ""


async def main(url: str) -> None:
    """Run every check against the server of an address."""
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        await check(client, url)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
