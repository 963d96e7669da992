"""Python client of a Lightwell server: a method for each common probe, `ask` for all of them."""

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, overload

import httpx2

from lightwell_client import answers
from lightwell_client.addresses import server_url
from lightwell_client.answer_list import AnswerList
from lightwell_client.answers import Answer, Sample, Step
from lightwell_client.authorization import authorization, own_authorization
from lightwell_client.codings import accepted_codings
from lightwell_client.image_probes import AnImage, ImageProbes
from lightwell_client.inputs import (
    INPUT_KINDS,
    Bits,
    Body,
    ExtraFields,
    Image,
    State,
    input_list,
    is_input_list,
    is_sequence,
    list_body,
    single_body,
)
from lightwell_client.local import running_app
from lightwell_client.parameters import written
from lightwell_client.retries import send
from lightwell_client.sequence_probes import ASequence, SequenceProbes

MAX_INPUTS = 64
"""Python client: most inputs of a request, the server's limit; longer lists make several."""

HOUR_S = 3600
"""Python client: seconds for which an address is signed, where a call names no other."""


class Lightwell(ImageProbes, SequenceProbes):
    """Python client: connection to a Lightwell server.

    Methods with an image or a sequence also take a list of them, or an array of images, and then
    return a list of answers, whose tensors it stacks.
    Each takes the name of another network as `model`, and `probe` asks any probe of any network.
    While the server is overloaded or warming up, or the client is over its rate, every method waits
    and repeats its request.

    Args:
        url: Address of the server; without a scheme `http`, or `https` for another machine without
            a port.
        token: Token of the server, sent as `Authorization: Bearer`; None for `LIGHTWELL_TOKEN` of
            the environment, which may be one `name:secret`. An empty text or `none` sends none.
        retry_s: Most seconds of pauses before one request is repeated; 0 repeats none.
        timeout_s: Seconds to wait for a connection, or for the next bytes of a response.
        patience_s: Deprecated name of `retry_s`.

    Raises:
        ValueError: The address or the token is none, or the variable has several tokens.
        LightwellError: By every method: the server refuses the request.
        ConnectionError: By every method: no server listens at `url`, or none is reached within
            `timeout_s`.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        retry_s: float = 30.0,
        timeout_s: float = 60.0,
        patience_s: float | None = None,
    ) -> None:
        if patience_s is not None:
            message = "lightwell_client: patience_s is deprecated; its name is retry_s."
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            retry_s = patience_s
        self._retry_s = retry_s
        self._kinds = dict(INPUT_KINDS)
        url = server_url(url)
        headers = {**accepted_codings(url), **authorization(token)}
        self._http = httpx2.Client(base_url=url, timeout=timeout_s, headers=headers)
        self._opened = contextlib.ExitStack()
        self._opened.callback(self._http.close)

    @classmethod
    def local(cls, weights: str | os.PathLike[str] | None = None) -> Self:
        """Make a client that runs the models in this process; needs the package `api` and JAX.

        Settings are those of the server: environment variables `LIGHTWELL_…`.

        Args:
            weights: Folder with other weights; None for those of the settings.
        """
        lightwell = cls(token="")
        lightwell._http = lightwell._opened.enter_context(running_app(weights))
        lightwell._http.headers.update(own_authorization())
        return lightwell

    def close(self) -> None:
        """Close the client's connections, and stop the application that `local` started."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def models(self) -> list[dict[str, Any]]:
        """Ask the server to describe its models: layers, probes, weights, training."""
        found: list[dict[str, Any]] = self._get("/models", {}).json()["models"]
        return found

    def samples(self, label: int | None = None, count: int = 20) -> list[Sample]:
        """Ask the server for at most `count` MNIST samples; with `label`, of that digit only."""
        listed = self._get("/samples", written({"label": label, "count": count})).json()
        return [Sample.of(entry) for entry in listed["samples"]]

    def signed(self, path: str, *, seconds: int = HOUR_S, **parameters: Any) -> str:
        """Ask the server to sign the address of a `GET`, which needs no token until it expires.

        A page shows a picture by it: `signed("/lstm/gates.png", sequence="10110")`.

        Args:
            path: Path of the server.
            seconds: Seconds until the address expires, a week at most.
            parameters: Query parameters of the path.
        """
        unsigned = httpx2.URL(path, params=written(parameters) or None)
        query = {"path": str(unsigned), "seconds": str(seconds)}
        found: str = self._get("/signed", query).json()["path"]
        return str(self._http.base_url).rstrip("/") + found

    @overload
    def predict(self, given: Image | Bits, **more: Any) -> Answer: ...
    @overload
    def predict(self, given: list[AnImage], **more: Any) -> AnswerList: ...
    @overload
    def predict(self, given: list[ASequence], **more: Any) -> AnswerList: ...
    def predict(self, given: Any, **more: Any) -> Any:
        """Ask the server to predict the digit of an image, or if a sequence has more 1s than 0s.

        A text of 0s and 1s is a sequence, not the path of an image.
        """
        return self._ask_by_input("predict", given, more)

    def attribution(self, given: Any, **parameters: Any) -> Any:
        """Ask the server to attribute a prediction to pixels or bits, by a given `method`.

        Methods and further parameters are in docs/probes.md.
        """
        return self._ask_by_input("attribution", given, parameters)

    def intervene(
        self, given: Any, edits: Sequence[Mapping[str, Any]], source: Any = None, **parameters: Any
    ) -> Any:
        """Ask the server to run a network with edited values, and compare with the unedited run.

        Args:
            given: An image or a sequence, or a list of them.
            edits: Such as `{"layer": "relu2", "channels": [3], "operation": "zero"}` or
                `{"value": "forget_gate", "steps": [1, 4], "operation": "set", "amount": 1}`.
            source: Another image or sequence: `patch` copies its values.
            parameters: Query parameters of the probe, as in docs/probes.md.
        """
        return self._ask_by_input(
            "intervene", given, {**parameters, "edits": edits, "source": source}
        )

    @overload
    def findings(self) -> list[dict[str, Any]]: ...
    @overload
    def findings(self, model: str, **parameters: Any) -> Answer: ...
    def findings(self, model: str | None = None, **parameters: Any) -> Any:
        """Ask the server for claims about the networks and their measurements, or those of one.

        Args:
            model: Network whose measurements are returned as an answer; None for all claims.
            parameters: Query parameters of the probe, as in docs/probes.md.
        """
        if model is not None:
            return self.ask(model, "findings", **parameters)
        return self._get("/findings", {}).json()["findings"]

    def _ask_by_input(self, probe: str, given: Any, parameters: Mapping[str, Any]) -> Any:
        """Ask the server for a probe of the CNN for images, of the LSTM for sequences."""
        return self._ask("lstm" if is_sequence(given) else "cnn", probe, given, **parameters)

    def steps(
        self,
        sequence: Bits | list[ASequence],
        *,
        initial_state: State | None = None,
        model: str = "lstm",
        **parameters: Any,
    ) -> Iterator[Step]:
        """Ask the server to stream the gates of a sequence step by step, as it computes them.

        Steps of several sequences are interleaved, in order for each sequence.

        Raises:
            LightwellError: The server refuses the request, or ends the stream with a problem.
        """
        is_list = is_input_list(sequence, "sequence")
        extra = ExtraFields(initial_state)
        body = (list_body if is_list else single_body)(sequence, "sequence", extra)  # type: ignore[arg-type]
        request = self._post(f"/{model}/gates.jsonl", written(parameters), body)
        with contextlib.closing(self._send(request, stream=True)) as response:
            for line in response.iter_lines():
                yield Step.of(line)

    def ask(
        self,
        model: str,
        probe: str,
        given: Any = None,
        *,
        initial_state: State | None = None,
        edits: Sequence[Mapping[str, Any]] | None = None,
        source: Any = None,
        **parameters: Any,
    ) -> Any:
        """Ask the server for any probe by model and name, in the Python client.

        Args:
            model: Name of the network, such as `cnn` or that of your own.
            probe: Name of the probe, such as `activations`.
            given: An image or a sequence, or a list of them; None for probes of the weights. A
                mapping has the form of the body: `{"values": …}`, `{"sequence": [[0.5, 1.0]]}`.
            initial_state: States before the first step, for every sequence; without the parameter
                `initial_steps`, the number of steps before it, the answer warns.
            edits: For `intervene`: changes of values inside the network.
            source: For `intervene`, `sweep` and `patching`: the input whose values are copied.
            parameters: Query parameters, as in docs/probes.md; values may be lists.

        Returns:
            An `Answer`; an `AnswerList` for a list of inputs or an array of images.

        Raises:
            KeyError: The model is unknown.
        """
        path, query = f"/{model}/{probe}", written(parameters)
        extra = ExtraFields(initial_state, edits, source)
        if given is None:
            return answers.read(*self._answer(path, query, None))
        kind = self._kind(model)
        if not is_input_list(given, kind):
            return answers.read(*self._answer(path, query, single_body(given, kind, extra)))
        several = input_list(given, kind)
        found = AnswerList((), kind)
        for first in range(0, len(several), MAX_INPUTS):
            chunk = several[first : first + MAX_INPUTS]
            content, _ = self._answer(path, query, list_body(chunk, kind, extra))
            # The picture of an answer is requested with its own input only.
            bodies = [single_body(one, kind, extra) for one in chunk]
            draws = [partial(self._picture, path, query, body) for body in bodies]
            found += answers.read_several(content, draws)
        return found

    probe = ask

    def _kind(self, model: str) -> str:
        """Kind of input of a model of the client's server, `image` or `sequence`.

        Raises:
            KeyError: The model is unknown.
        """
        if model not in self._kinds:
            self._kinds |= {one["name"]: one["input"] for one in self.models()}
        if model not in self._kinds:
            raise KeyError(f"{model} is not one of {', '.join(self._kinds)}")
        return self._kinds[model]

    def _answer(
        self, path: str, query: Mapping[str, str], body: Body | None
    ) -> tuple[bytes, answers.Draw]:
        """Request an answer as safetensors; return it and a function that requests its picture."""
        content = self._content(path, {**query, "format": "safetensors"}, body)
        return content, partial(self._picture, path, query, body)

    def _picture(self, path: str, query: Mapping[str, str], body: Body | None, scale: int) -> bytes:
        """Request an answer as PNG: the client's request with another format."""
        return self._content(path, {**query, "format": "png", "scale": str(scale)}, body)

    def _content(self, path: str, query: Mapping[str, str], body: Body | None) -> bytes:
        if body is None:
            return self._get(path, query).content
        return self._send(self._post(path, query, body)).content

    def _get(self, path: str, query: Mapping[str, str]) -> httpx2.Response:
        return self._send(self._http.build_request("GET", path, params=query))

    def _post(self, path: str, query: Mapping[str, str], body: Body) -> httpx2.Request:
        headers = {"Content-Type": body.media_type}
        return self._http.build_request(
            "POST", path, params=query, content=body.content, headers=headers
        )

    def _send(self, request: httpx2.Request, *, stream: bool = False) -> httpx2.Response:
        return send(self._http, request, retry_s=self._retry_s, stream=stream)
