"""Stages of a request, timed in this process: decoding, program, encoding.

`python -m scripts.bench.stages WORKLOAD...` prints them as JSON, in seconds per request.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax

from api.requests.body import Body
from api.requests.image_body import ImageBody
from api.requests.inputs import parse_images, parse_sequences
from api.requests.model_input import ModelInput
from api.requests.sequence_body import SequenceBody
from api.responses.negotiation import AnswerOptions, Format, encode
from api.responses.results import prediction
from models.registry import ResidentModel, load
from models.runtime.programs import Outputs, Row
from models.runtime.resident import drive
from probes import PROBES
from probes.declaration import ProbeCall, ProbeContext, ProbeInput
from probes.figures.figures import Figure
from probes.model_context import model_context
from probes.output.buffers import Buffer
from probes.output.results import ProbeResult
from scripts.bench.workloads import CHANNEL, LAYER, Workload, workloads

SHORTEST_S, ROUNDS = 0.05, 5

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "activations": {"layers": ["all"]},
    "channel": {"layer": LAYER, "channel": CHANNEL},
}
FORMS: Mapping[str, Format] = {"activations-png": "png", "activations-safetensors": "safetensors"}


def seconds(function: Callable[[], object]) -> float:
    """Return the time of one stage of a request in seconds: the median of rounds of many calls."""
    function()
    rounds = []
    for _ in range(ROUNDS):
        began, calls = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < SHORTEST_S or not calls:
            function()
            calls += 1
        rounds.append(spent / calls)
    return statistics.median(rounds)


class Stages:
    """Stages of one workload's requests: decode, program, encode."""

    def __init__(self, model: ResidentModel, workload: Workload) -> None:
        self._model, self._work = model, workload
        [self._probe] = [
            one
            for one in PROBES
            if (one.family, one.name) == (model.architecture.family, workload.kind)
        ]
        self._parameters = self._probe.parameters(**PARAMETERS.get(workload.kind, {}))
        self._subject = model_context(model)

    def decode(self, body: bytes) -> tuple[Row, object]:
        """Run the decoding stage: a request's body into a model input row."""
        if self._work.is_image:
            given: object = parse_images(
                Body(body, "image/png", {}), ImageBody, self._model.architecture, "mnist"
            )
        else:
            content = b'{"sequence":"%s"}' % body
            json_body = Body(content, "application/json", {})
            given = parse_sequences(json_body, SequenceBody, self._model)
        assert isinstance(given, ModelInput)  # noqa: S101 - every workload sends one input
        return given.row, given.echo

    def program(self, row: Row, rows: int) -> list[Outputs]:
        """Run the program stage: a full bucket of equal rows; of a sequence, every chunk."""
        assert self._probe.program is not None  # noqa: S101 - no workload is about weights alone
        outputs = self._probe.outputs(self._model.architecture, self._parameters)
        wanted = frozenset((*outputs, "logits"))
        runs = [self._model.run(self._probe.program, row, wanted) for _ in range(rows)]
        return drive(runs, self._model.programs)

    def figure(self, row: Row, outputs: Outputs) -> tuple[ProbeContext[Any], Figure]:
        """Compute the figure of an encoding stage, and the context that it shows."""
        call = ProbeCall(self._subject, ProbeInput(row), self._parameters)
        seen = call.with_outputs(outputs)
        return seen, self._probe.figure(seen)

    def encode(self, row: Row, echo: object, outputs: Outputs) -> list[Buffer]:
        """Run the encoding stage: compute the figure and encode the response body."""
        seen, figure = self.figure(row, outputs)
        head = {
            "model": self._model.name,
            "weights": self._model.checkpoint.digest,
            "input": echo,
            "prediction": prediction(self._model, seen),
        }
        base64 = self._work.name == "activations-base64"
        options = AnswerOptions(
            scale=1, format=None, encoding="base64" if base64 else "nested", precision=None
        )
        return encode(ProbeResult(head, figure), FORMS.get(self._work.name, "json"), options)

    def measure(self) -> dict[str, Any]:
        """Return the mean time of each stage over a workload's inputs."""
        inputs = self._work.inputs if self._work.name == "gates-mixed" else self._work.inputs[:1]
        measured = [self._measure_one(body) for body in inputs]
        return {
            "decode_s": statistics.mean(one["decode_s"] for one in measured),
            "encode_s": statistics.mean(one["encode_s"] for one in measured),
            "program_s": {
                bucket: statistics.mean(one["program_s"][bucket] for one in measured)
                for bucket in measured[0]["program_s"]
            },
        }

    def _measure_one(self, body: bytes) -> dict[str, Any]:
        row, echo = self.decode(body)
        [outputs] = self.program(row, 1)
        buckets = next(iter(self._model.programs.values())).buckets
        return {
            "decode_s": seconds(lambda: self.decode(body)),
            "encode_s": seconds(lambda: self.encode(row, echo, outputs)),
            "program_s": {rows: seconds(partial(self.program, row, rows)) for rows in buckets},
        }


def _model(workload: Workload) -> str:
    return "cnn" if workload.is_image else "lstm"


def main() -> None:
    """Time the stages of the workloads named on the command line, and print them as JSON."""
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # as the engine has it
    models = {name: load(name) for name in ("cnn", "lstm")}
    for model in models.values():
        model.compile()
        model.compile_larger_buckets()
    measured = {
        name: Stages(models[_model(workload)], workload).measure()
        for name, workload in workloads().items()
        if name in sys.argv[1:]
    }
    devices = [f"{one.platform} ({one.device_kind})" for one in jax.devices()]
    print(json.dumps({"devices": devices, "workloads": measured}))


if __name__ == "__main__":
    main()
