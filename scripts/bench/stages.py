"""Stages of a request, timed in this process: decoding, program, encoding.

    python -m scripts.bench.stages WORKLOAD...                wall time
    python -m scripts.bench.stages --cpu --lean WORKLOAD...   CPU time, of the content of PyTorch's

Prints JSON, in seconds per request. Each stage runs the functions that the server runs for the
address of the request.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qsl

import jax

from api.requests.body import Body
from api.requests.image_body import ImageBody
from api.requests.inputs import parse_images, parse_sequences
from api.requests.model_input import ModelInput
from api.requests.sequence_body import SequenceBody
from api.responses.negotiation import Format, negotiate
from api.responses.pipeline import encode_one, wanted_outputs
from api.responses.probe_request import ProbeRequest
from api.routes.probes import query_model, resolved_query, sources_of
from api.server.interpreter import tune_garbage_collection
from models.registry import ResidentModel, load
from models.runtime.programs import Outputs
from models.runtime.resident import drive
from probes import PROBES
from probes.declaration import ModelContext, ProbeCall
from probes.model_context import model_context
from probes.output.buffers import Buffer
from scripts.bench.systems import LEAN, SYSTEMS
from scripts.bench.workloads import Workload, workloads
from scripts.command_line import script_parser

SHORTEST_S, ROUNDS = 0.05, 5

Clock = Callable[[], float]
"""Clock of a stage's time, in seconds: `time.perf_counter`, or `time.process_time` for CPU time."""


def seconds(function: Callable[[], object], clock: Clock) -> float:
    """Return the time of one stage of a request in seconds: the median of rounds of many calls."""
    function()
    rounds = []
    for _ in range(ROUNDS):
        until, began, calls = time.perf_counter() + SHORTEST_S, clock(), 0
        # The clock of all threads' CPU time takes microseconds to read: not after each call.
        while time.perf_counter() < until or not calls:
            function()
            calls += 1
        rounds.append((clock() - began) / calls)
    return statistics.median(rounds)


def probe_request(model: ResidentModel, address: str) -> tuple[ProbeRequest, Format]:
    """Return the request whose stages are timed, and the format of its answer, of an address.

    Args:
        model: Network that answers.
        address: Path and query.
    """
    path, _, query = address.partition("?")
    name, _, picture = path.removeprefix(f"/{model.name}/").partition(".")
    [probe] = [one for one in PROBES if (one.family, one.name) == (model.architecture.family, name)]
    source = sources_of(probe, model.architecture)[0]
    declared = query_model(probe, source, picture=bool(picture))
    resolved = resolved_query(model.architecture, declared.model_validate(dict(parse_qsl(query))))
    chosen = cast("Format | None", picture or resolved.format)
    return ProbeRequest(model.name, probe, resolved), negotiate(chosen, None)


class Stages:
    """Stages of one request: decode, program, encode.

    Args:
        model: Network that answers.
        context: Its context for probes.
        request: Complete HTTP request.
    """

    def __init__(self, model: ResidentModel, context: ModelContext, request: bytes) -> None:
        head, _, self._content = request.partition(b"\r\n\r\n")
        self._model, self._context = model, context
        self._request, self._format = probe_request(model, head.split(b" ")[1].decode())

    def decode(self) -> ModelInput:
        """Run the decoding stage: a request's body into a model input."""
        architecture = self._model.architecture
        if architecture.family == "image":
            body = Body(self._content, "image/png", {})
            preprocess = self._request.query.preprocess
            given: object = parse_images(body, ImageBody, architecture, preprocess)
        else:
            body = Body(self._content, "application/json", {})
            given = parse_sequences(body, SequenceBody, self._model)
        assert isinstance(given, ModelInput)  # noqa: S101 - every workload sends one input
        return given

    def program(self, given: ModelInput, rows: int) -> list[Outputs]:
        """Run the program stage: a full bucket of equal rows; of a sequence, every chunk."""
        program = self._request.probe.program
        assert program is not None  # noqa: S101 - no workload is about weights alone
        wanted = wanted_outputs(self._model, self._request, self._request.parts(self._format))
        runs = [self._model.run(program, given.row, wanted) for _ in range(rows)]
        return drive(runs, self._model.programs)

    def encode(self, given: ModelInput, outputs: Outputs) -> list[Buffer]:
        """Run the encoding stage: compute the figure and encode the response body."""
        found = ProbeCall(self._context, given, self._request.query).with_outputs(outputs)
        return encode_one(self._model, self._request, given, found, self._format)

    def measure(self, clock: Clock) -> dict[str, Any]:
        """Return the time of each stage of a request, and that of the program for every bucket."""
        given = self.decode()
        [outputs] = self.program(given, 1)
        buckets = next(iter(self._model.programs.values())).buckets
        return {
            "decode_s": seconds(self.decode, clock),
            "encode_s": seconds(partial(self.encode, given, outputs), clock),
            "program_s": {
                rows: seconds(partial(self.program, given, rows), clock) for rows in buckets
            },
        }


def measure(
    model: ResidentModel, workload: Workload, requests: Sequence[bytes], clock: Clock
) -> dict[str, Any]:
    """Return the mean time of each stage over the requests of a workload that differ in size."""
    context = model_context(model)
    timed = requests if workload.name == "gates-mixed" else requests[:1]
    measured = [Stages(model, context, one).measure(clock) for one in timed]
    return {
        "decode_s": statistics.mean(one["decode_s"] for one in measured),
        "encode_s": statistics.mean(one["encode_s"] for one in measured),
        "program_s": {
            bucket: statistics.mean(one["program_s"][bucket] for one in measured)
            for bucket in measured[0]["program_s"]
        },
    }


def main(arguments: Sequence[str]) -> None:
    """Time the stages of the workloads named on the command line, and print them as JSON."""
    flags = _parser().parse_args(arguments)
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # as the engine has it
    models = {name: load(name) for name in ("cnn", "lstm")}
    for model in models.values():
        model.compile()
        model.compile_larger_buckets()
    tune_garbage_collection()
    system = LEAN if flags.lean else SYSTEMS[0]
    clock = time.process_time if flags.cpu else time.perf_counter
    measured = {
        name: measure(
            models["cnn" if workload.is_image else "lstm"],
            workload,
            system.requests(workload),
            clock,
        )
        for name, workload in workloads().items()
        if name in flags.workloads
    }
    devices = [f"{one.platform} ({one.device_kind})" for one in jax.devices()]
    print(json.dumps({"devices": devices, "workloads": measured}))


def _parser() -> argparse.ArgumentParser:
    parser = script_parser("python -m scripts.bench.stages", __doc__)
    parser.add_argument("workloads", nargs="+", metavar="WORKLOAD", help="workloads to time")
    parser.add_argument("--cpu", action="store_true", help="CPU time of all threads")
    parser.add_argument(
        "--lean", action="store_true", help="answers with the content of the PyTorch servers' alone"
    )
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
