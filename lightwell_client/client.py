"""Lightwell: a server, and the questions that can be asked of it."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack, overload

import httpx2

from lightwell_client import answers
from lightwell_client.answers import Answer, Sample, Step
from lightwell_client.errors import LightwellError
from lightwell_client.inputs import (
    READS,
    Beside,
    Bits,
    Body,
    Image,
    State,
    alone,
    is_several,
    reads_as_bits,
    together,
)
from lightwell_client.local import served

AT_ONCE = 64
"""Inputs of one request, the most that a server takes; more of them become several requests."""

MIN_PAUSE_S = 0.1
"""The shortest time between two tries, whatever the server says."""

UNAVAILABLE = 503

AnImage = TypeVar("AnImage", bound=Image)
ASequence = TypeVar("ASequence", bound=Bits)


class MapParameters(TypedDict, total=False):
    """What the CNN's probes can be asked; the server's documentation has the defaults."""

    layers: str | Iterable[str]
    channels: int | Iterable[int]
    preprocess: str
    range: str
    cmap: str


class StepParameters(TypedDict, total=False):
    """What the LSTM's probes can be asked, and the state to start from."""

    steps: int | Iterable[int]
    units: int | Iterable[int]
    values: str | Iterable[str]
    cmap: str
    initial_state: State


class Lightwell:
    """A Lightwell server.

    Where an image or a sequence is asked for, several may come as a list; then a list of answers
    comes back. While the server is full or warming up, every method waits and tries again.

    Args:
        url: Where the server listens.
        patience_s: How long to go on trying, in all; 0 is once.
        timeout_s: How long to wait for anything to come.

    Raises:
        LightwellError: By every method: the server says no.
        ConnectionError: By every method: there is no server.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        patience_s: float = 30.0,
        timeout_s: float = 60.0,
    ) -> None:
        self._patience_s = patience_s
        self._http = httpx2.Client(base_url=url, timeout=timeout_s)
        self._opened = contextlib.ExitStack()
        self._opened.callback(self._http.close)

    @classmethod
    def local(cls, weights: str | os.PathLike[str] | None = None) -> Self:
        """Hold the models in this process, without a server; it needs the whole of Lightwell.

        The settings are those of the server, from `LIGHTWELL_…` of the environment.

        Args:
            weights: Folder with weights of one's own; None is those that come with Lightwell.
        """
        lightwell = cls()
        lightwell._http = lightwell._opened.enter_context(served(weights))
        return lightwell

    def close(self) -> None:
        """Close the connections; stop what `local` started."""
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
        """Describe what is resident: layers, probes, weights, training."""
        found: list[dict[str, Any]] = self._get("/models", {}).json()["models"]
        return found

    def samples(self, label: int | None = None, count: int = 20) -> list[Sample]:
        """Return at most so many test images, of one digit where it is named."""
        listed = self._get("/samples", _query({"label": label, "count": count})).json()
        return [Sample.of(entry) for entry in listed["samples"]]

    @overload
    def predict(self, given: Image | Bits, **more: Any) -> Answer: ...
    @overload
    def predict(self, given: list[AnImage], **more: Any) -> list[Answer]: ...
    @overload
    def predict(self, given: list[ASequence], **more: Any) -> list[Answer]: ...
    def predict(self, given: Any, **more: Any) -> Any:
        """Say which digit an image shows, or whether a sequence has more 1s than 0s.

        A text of 0s and 1s is a sequence here, not a path.
        """
        return self._about("predict", given, more)

    @overload
    def activations(self, image: Image, **parameters: Unpack[MapParameters]) -> Answer: ...
    @overload
    def activations(
        self, image: list[AnImage], **parameters: Unpack[MapParameters]
    ) -> list[Answer]: ...
    def activations(self, image: Any, **parameters: Any) -> Any:
        """Show the feature maps of every layer, or of `layers=` and `channels=`."""
        return self.ask("cnn", "activations", image, **parameters)

    @overload
    def channel(self, image: Image, layer: str, channel: int, **more: Any) -> Answer: ...
    @overload
    def channel(
        self, image: list[AnImage], layer: str, channel: int, **more: Any
    ) -> list[Answer]: ...
    def channel(self, image: Any, layer: str, channel: int, **more: Any) -> Any:
        """Show one channel, the kernel that made it and what its peak sees."""
        return self.ask("cnn", "channel", image, layer=layer, channel=channel, **more)

    @overload
    def pixel(
        self, image: Image, layer: str, channel: int, y: int, x: int, **more: Any
    ) -> Answer: ...
    @overload
    def pixel(
        self, image: list[AnImage], layer: str, channel: int, y: int, x: int, **more: Any
    ) -> list[Answer]: ...
    def pixel(self, image: Any, layer: str, channel: int, y: int, x: int, **more: Any) -> Any:
        """Show the arithmetic of one value of a feature map."""
        where: dict[str, Any] = {"layer": layer, "channel": channel, "y": y, "x": x}
        return self.ask("cnn", "pixel", image, **where, **more)

    def filters(self, layers: str | Iterable[str] | None = None, **more: Any) -> Answer:
        """Show the learned filters of the convolutions, or of `layers`."""
        answer: Answer = self.ask("cnn", "filters", layers=layers, **more)
        return answer

    @overload
    def gates(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def gates(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> list[Answer]: ...
    def gates(self, sequence: Any, **parameters: Any) -> Any:
        """Show forget, input and output gate and the candidate at every step."""
        return self.ask("lstm", "gates", sequence, **parameters)

    @overload
    def hidden(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def hidden(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> list[Answer]: ...
    def hidden(self, sequence: Any, **parameters: Any) -> Any:
        """Show how the hidden state moves, from step 0, the initial state, on."""
        return self.ask("lstm", "hidden", sequence, **parameters)

    @overload
    def cell(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def cell(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> list[Answer]: ...
    def cell(self, sequence: Any, **parameters: Any) -> Any:
        """Show how the cell state moves, from step 0, the initial state, on."""
        return self.ask("lstm", "cell", sequence, **parameters)

    @overload
    def summary(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def summary(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> list[Answer]: ...
    def summary(self, sequence: Any, **parameters: Any) -> Any:
        """Show the whole run, and what each unit does."""
        return self.ask("lstm", "summary", sequence, **parameters)

    @overload
    def trace(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def trace(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> list[Answer]: ...
    def trace(self, sequence: Any, **parameters: Any) -> Any:
        """Return everything of one run: gates, states and running logits."""
        return self.ask("lstm", "trace", sequence, **parameters)

    def attribution(self, given: Any, **parameters: Any) -> Any:
        """Say which pixels, or bits, count for the answer; see `ask` and the server's methods."""
        return self._about("attribution", given, parameters)

    def intervene(
        self, given: Any, edits: Sequence[Mapping[str, Any]], source: Any = None, **parameters: Any
    ) -> Any:
        """Run an input with some of the network's values edited, beside the run without.

        Args:
            given: An image or a sequence, or a list of them.
            edits: Such as `{"layer": "relu2", "channels": [3], "operation": "zero"}` or
                `{"value": "forget_gate", "steps": [1, 4], "operation": "set", "amount": 1}`.
            source: Another image or sequence, whose values `patch` takes.
            parameters: As the server's documentation names them.
        """
        return self._about("intervene", given, {**parameters, "edits": edits, "source": source})

    def findings(self) -> list[dict[str, Any]]:
        """Say what is said of the two networks, and what the numbers say."""
        content = self._get("/findings", {}).json()
        found: list[dict[str, Any]] = content["findings"]
        return found

    def _about(self, probe: str, given: Any, told: Mapping[str, Any]) -> Any:
        """Ask the model that reads such an input."""
        return self.ask("lstm" if reads_as_bits(given) else "cnn", probe, given, **told)

    def weights(self) -> Answer:
        """Show the kernels of each gate, and the readout."""
        answer: Answer = self.ask("lstm", "weights")
        return answer

    def steps(
        self,
        sequence: Bits | list[ASequence],
        *,
        initial_state: State | None = None,
        **parameters: Any,
    ) -> Iterator[Step]:
        """Go through a sequence step by step, while the server still reads it.

        Of several sequences the steps come mixed, those of each in order.

        Raises:
            LightwellError: The server says no, perhaps in the middle.
        """
        several = is_several(sequence, "lstm")
        body = (together if several else alone)(sequence, "lstm", Beside(initial_state))  # type: ignore[arg-type]
        request = self._post("/lstm/gates.jsonl", _query(parameters), body)
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
        """Ask any probe of the server, by its name.

        Args:
            given: An image or a sequence, or a list of them; None for what is about the weights.
            initial_state: For the LSTM, of every sequence.
            edits: For `intervene`: what is done to values on their way.
            source: For `intervene`, `sweep` and `patching`: a second input, whose values are taken.
            parameters: As the server's documentation names them; lists may be lists.

        Returns:
            An `Answer`; of several inputs a list of them.

        Raises:
            KeyError: No such model takes an input.
        """
        path, query = f"/{model}/{probe}", _query(parameters)
        beside = Beside(initial_state, edits, source)
        if given is None:
            return answers.read(*self._answer(path, query, None))
        if model not in READS:
            raise KeyError(f"{model} is not one of {', '.join(READS)}")
        if not is_several(given, model):
            return answers.read(*self._answer(path, query, alone(given, model, beside)))
        found: list[Answer] = []
        for first in range(0, len(given), AT_ONCE):
            some = given[first : first + AT_ONCE]
            content, _ = self._answer(path, query, together(some, model, beside))
            bodies = [alone(one, model, beside) for one in some]
            draws = [partial(self._picture, path, query, body) for body in bodies]
            found += answers.read_several(content, draws)
        return found

    def _answer(
        self, path: str, query: Mapping[str, str], body: Body | None
    ) -> tuple[bytes, answers.Draw]:
        """Ask; return the answer as safetensors, and how to draw it when somebody wants that."""
        content = self._content(path, {**query, "format": "safetensors"}, body)
        return content, partial(self._picture, path, query, body)

    def _picture(self, path: str, query: Mapping[str, str], body: Body | None, scale: int) -> bytes:
        """Ask for the picture of an answer."""
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
        """Send a request, again and again while the server is not ready for it."""
        waited = 0.0
        while True:
            try:
                response = self._http.send(request, stream=stream)
            except httpx2.ConnectError as error:
                message = f"No server answers at {self._http.base_url}; `make serve` starts one."
                raise ConnectionError(message) from error
            if response.is_success:
                return response
            response.read()
            pause = _pause(response)
            if response.status_code != UNAVAILABLE or waited + pause > self._patience_s:
                raise LightwellError.of(response)
            time.sleep(pause)
            waited += pause


def _query(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Write parameters as the server reads them: lists with commas, None not at all."""
    return {
        name: value if isinstance(value, str) else ",".join(map(str, _listed(value)))
        for name, value in parameters.items()
        if value is not None
    }


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, Iterable) else (value,)


def _pause(response: httpx2.Response) -> float:
    """Return how many seconds the server asks to wait."""
    asked = response.headers.get("Retry-After", "")
    return max(MIN_PAUSE_S, float(asked) if asked.isdecimal() else 0.0)
