"""Response pipeline: check a probe's parameters, run the program, draw the figure, encode it."""

from collections.abc import Callable, Sequence
from typing import Any

from api.content_coding import INLINE_BYTES, LEAST_BYTES, gzipped
from api.errors.problem import Problem
from api.inference.device_time import DeviceTime
from api.inference.served_model import ServedModel
from api.requests.model_input import ModelInput, ModelInputs
from api.requests.validation import validation_problem
from api.responses.context import RequestContext
from api.responses.gathering import gather_or_cancel
from api.responses.kept_results import encoded_key, result_key
from api.responses.negotiation import COMPRESSED, PICTURES, Encoded, Format, encode
from api.responses.probe_request import ProbeRequest
from api.responses.request_bytes import request_bytes, step_bytes_of, traced_of
from api.responses.results import probe_result
from api.responses.work_admission import admitted, has_known_rows, is_analysis
from models.cnn.programs import SCORE
from models.registry import ResidentModel
from models.runtime.programs import Outputs, Run
from probes.declaration import (
    ModelContext,
    ParameterError,
    ProbeCall,
    ProbeContext,
)
from probes.output.buffers import Buffer, nbytes_of
from probes.output.parts import ALL_PARTS, Part
from probes.output.results import ProbeResults
from probes.shared import choices

MAX_INLINE_VALUES = 131_072
"""Most values of a response that the pipeline encodes on the event loop, in some 2 ms.

Every CNN trace has fewer, as have 3,000 steps of the gates. Encoding holds the interpreter's lock
on any thread; on another one it takes longer, and its memory is returned to the system and
requested again each time.
"""

MAX_SEVERAL_BYTES = 67_108_864
"""Most bytes of values that the pipeline computes for the inputs of one request.

In any format: all values of 64 sequences of 4,096 steps and 8 units.
"""


async def answer(
    context: RequestContext, request: ProbeRequest, inputs: ModelInputs, response_format: Format
) -> Encoded:
    """Run the response pipeline: a probe on one input or several, the encoding, the coding.

    Raises:
        ParameterError: The parameters do not exist in this model or input.
        QueueFullError, DeadlineError: The device could not be reached in time.
        AnswerTooLargeError: The JSON is larger than 8 MiB.
        RequestTooLargeError, EngineBusyError: The request does not fit into the memory budget.
        Problem: The picture, or the values of several inputs, exceed their limit.
    """
    given = inputs if isinstance(inputs, list) else [inputs]
    context.job.is_analysis = request.probe.run is not None or is_analysis(given)
    if isinstance(inputs, list):
        content = await _answer_several(context, request, inputs, response_format)
    elif not request.probe.input:
        content = [await _kept_answer(context, request, inputs, response_format)]
    else:
        content = await _answer_one(context, request, inputs, response_format)
    found = Encoded(content)
    if context.takes_gzip and response_format not in COMPRESSED:
        found = await _coded(context, content)
    # All else was freed: the answer is held until the protocol has it. Arrays that it consists of
    # are no more bytes than it has.
    context.held.become(nbytes_of(found.buffers))
    context.watch.lap("encode")
    return found


async def _kept_answer(
    context: RequestContext, request: ProbeRequest, given: ModelInput, response_format: Format
) -> Buffer:
    """Return the pipeline's answer about the weights alone, encoded once for all requests."""

    async def encoded() -> Buffer:
        content = await _answer_one(context, request, given, response_format)
        return content[0] if len(content) == 1 else b"".join(content)

    key = encoded_key(context, request, response_format)
    return await context.engine.kept.encoded.result(key, encoded, context.job.deadline)


async def _coded(context: RequestContext, content: list[Buffer]) -> Encoded:
    """Return the pipeline's answer in gzip where it gains; large ones in CPU threads.

    What it holds meanwhile takes the place of values that were freed.
    """
    nbytes = nbytes_of(content)
    if nbytes < LEAST_BYTES:
        return Encoded(content)
    if nbytes <= INLINE_BYTES:
        coded = gzipped(content)
    else:
        coded = await context.engine.compute(gzipped, content, job=context.job)
    return Encoded(content) if coded is None else Encoded([coded], is_gzip=True)


async def _answer_one(
    context: RequestContext, request: ProbeRequest, given: ModelInput, response_format: Format
) -> list[Buffer]:
    """Check and admit the pipeline of one input, and compute it."""
    model = context.served.model
    call = checked_call(context.served, request, given)
    _check_bytes(model, request, [given], response_format)
    held = _held(model, request, [call], response_format)
    if context.job.is_analysis or response_format in PICTURES or not request.probe.input:
        # Before its memory is counted: most refusals of a busy server are these.
        with admitted(context, request, [call], response_format):
            context.held.add(held)
            return await _compute_one(context, request, given, call, response_format)
    context.held.add(held)
    return await _compute_one(context, request, given, call, response_format)


async def _compute_one(
    context: RequestContext,
    request: ProbeRequest,
    given: ModelInput,
    call: ProbeCall[Any],
    response_format: Format,
) -> list[Buffer]:
    """Compute the pipeline of one input; encode a small response of a prediction on the event loop.

    Analyses are encoded in CPU threads, where they wait for predictions.
    """
    engine, model = context.engine, context.served.model
    parts = request.parts(response_format)
    result, device_time = await run_probe(context, request, call, parts)
    if device_time is not None:
        context.watch.split(queue=device_time.queued_s, program=device_time.ran_s)
    values = sum([value.size for value in result.outputs.values()])
    # Figures of the weights alone take longer to compute than those of an input.
    is_picture = response_format in PICTURES
    is_small = not is_picture and request.probe.input and 0 < values <= MAX_INLINE_VALUES
    if is_small and not context.job.is_analysis:
        return encode_one(model, request, given, result, response_format)
    return await engine.compute(
        encode_one, model, request, given, result, response_format, job=context.job
    )


async def _answer_several(
    context: RequestContext,
    request: ProbeRequest,
    inputs: list[ModelInput],
    response_format: Format,
) -> list[Buffer]:
    """Check the pipeline of several inputs, and compute one response.

    It is admitted here only where its work depends on its inputs (`admitted_inputs`).
    """
    model, calls = context.served.model, []
    for index, given in enumerate(inputs):
        try:
            calls.append(checked_call(context.served, request, given))
        except ParameterError as error:
            raise error.of_input(index) from error
        except Problem as error:
            raise error.within("inputs", index) from error
    _check_bytes(model, request, inputs, response_format)
    held = _held(model, request, calls, response_format)
    if has_known_rows(request):
        context.held.add(held)
        return await _compute_several(context, request, inputs, calls, response_format)
    with admitted(context, request, calls, response_format):
        context.held.add(held)
        return await _compute_several(context, request, inputs, calls, response_format)


async def _compute_several(
    context: RequestContext,
    request: ProbeRequest,
    inputs: list[ModelInput],
    calls: list[ProbeCall[Any]],
    response_format: Format,
) -> list[Buffer]:
    """Compute the pipeline of several inputs, whose rows are queued together."""
    engine, model = context.engine, context.served.model
    parts = request.parts(response_format)
    found = await gather_or_cancel(run_probe(context, request, call, parts) for call in calls)
    # The runs overlap: the slowest took as long as all of them.
    slowest = max((time for _, time in found if time), key=lambda time: time.queued_s + time.ran_s)
    context.watch.split(queue=slowest.queued_s, program=slowest.ran_s)
    results = [result for result, _ in found]
    # The last reference is that of the thread: to free thousands of arrays takes milliseconds.
    del found
    return await engine.compute(
        _encode_several, model, request, inputs, results, response_format, job=context.job
    )


def checked_call(served: ServedModel, request: ProbeRequest, given: ModelInput) -> ProbeCall[Any]:
    """Return the call of a pipeline's probe, checked, with the weights of its checkpoint.

    Raises:
        ParameterError: The parameters do not exist in this model or input.
        Problem: The extra fields of the body name a layer that the model does not have.
    """
    model: ModelContext = served.context
    if request.checkpoint is not None:
        known = model.training_checkpoints
        if request.checkpoint not in known:
            listed = f"one of {', '.join(known)}" if known else "recorded: these weights have none"
            raise ParameterError("checkpoint", f"checkpoint '{request.checkpoint}' is not {listed}")
        model = model.at_checkpoint(request.checkpoint)
    call = ProbeCall(model, given, request.query)
    found = () if given.extra is None else tuple(choices.faults(given.extra, model.architecture))
    if found:
        raise validation_problem(found)
    request.probe.check(call)
    return call


def _check_bytes(
    model: ResidentModel,
    request: ProbeRequest,
    inputs: list[ModelInput],
    response_format: Format,
) -> None:
    """Raise `answer-too-large` for inputs whose values exceed the pipeline's memory limit."""
    if request.probe.program != "trace":
        return
    rows = 0
    for one in inputs:
        steps = one.row.get("sequence")
        rows += 1 if steps is None else len(steps)
    outputs = request.outputs(model.architecture, request.parts(response_format))
    found = rows * step_bytes_of(model.architecture, outputs)
    if found > MAX_SEVERAL_BYTES:
        way_out = (
            "Send fewer inputs in one request."
            if len(inputs) > 1
            else "Ask for fewer values, or send a shorter sequence."
        )
        raise Problem(
            "answer-too-large",
            f"The values of all inputs would take {found} bytes; at most {MAX_SEVERAL_BYTES} bytes "
            f"are allowed. {way_out}",
        )


def _held(
    model: ResidentModel,
    request: ProbeRequest,
    calls: Sequence[ProbeCall[Any]],
    response_format: Format,
) -> int:
    """Return the bytes that a request holds in the pipeline at its worst."""
    architecture = model.architecture
    outputs = request.outputs(architecture, request.parts(response_format))
    traced = traced_of(architecture, outputs)
    return request_bytes(model, request.probe, calls, traced, response_format)


async def run_probe(
    context: RequestContext,
    request: ProbeRequest,
    call: ProbeCall[Any],
    parts: frozenset[Part] = ALL_PARTS,
) -> tuple[ProbeContext[Any], DeviceTime | None]:
    """Run a probe's program in the pipeline; outputs of the weights alone are cached.

    Args:
        parts: Those of the answer: only what they need is fetched.

    Returns:
        The outputs, and the time in queue and on the device; None for a probe without a program.
    """
    engine, served, probe = context.engine, context.served, request.probe
    if probe.run is None and probe.program is None:
        return call.with_outputs({}), None
    device_time, name = DeviceTime(), request.checkpoint
    if probe.run is None:
        wanted = wanted_outputs(served.model, request, parts)
        run = served.model.run(probe.program or "", call.input.row, wanted)
        outputs = await engine.run(served, run, context.job, device_time, name)
        return call.with_outputs(outputs), device_time
    begin = probe.run if "warnings" in parts else _without_score(probe.run)

    async def analyse() -> Outputs:
        # An analysis has more rows than a queue takes: they are limited here, all of them or none.
        with engine.admission.analysis(probe.rows(call)):
            context.job.is_admitted = True
            return await engine.run(served, begin(call), context.job, device_time, name)

    async def analyse_weights() -> Outputs:
        context.held.add(probe.held(call))
        return await analyse()

    if (key := result_key(context, request)) is None:
        outputs = await analyse()
    else:
        outputs = await engine.kept.outputs.result(key, analyse_weights, context.job.deadline)
    return call.with_outputs(outputs), device_time


def wanted_outputs(
    model: ResidentModel, request: ProbeRequest, parts: frozenset[Part]
) -> frozenset[str]:
    """Return the outputs of predict or trace that the pipeline fetches for parts of an answer."""
    wanted = request.outputs(model.architecture, parts)
    return wanted | {SCORE} if model.ood_detector and "warnings" in parts else wanted


def _without_score(begin: Callable[[ProbeCall[Any]], Run]) -> Callable[[ProbeCall[Any]], Run]:
    """Return a probe's `run` without the score that only the pipeline's warnings need."""

    def run(call: ProbeCall[Any]) -> Run:
        inner = begin(call)
        try:
            calls = next(inner)
            while True:
                leaner = [one._replace(outputs=one.outputs - {SCORE}) for one in calls]
                calls = inner.send((yield leaner))
        except StopIteration as end:
            outputs: Outputs = end.value
            return outputs

    return run


def encode_one(
    model: ResidentModel,
    request: ProbeRequest,
    given: ModelInput,
    found: ProbeContext[Any],
    response_format: Format,
) -> list[Buffer]:
    """Finish the pipeline of one input: draw the figure and encode the response. CPU work."""
    parts = request.parts(response_format)
    result = probe_result(model, request, given, found, parts, _head(model, request))
    return encode(result, response_format, request.query, parts)


def _encode_several(
    model: ResidentModel,
    request: ProbeRequest,
    inputs: list[ModelInput],
    found: list[ProbeContext[Any]],
    response_format: Format,
) -> list[Buffer]:
    """Finish the pipeline of several inputs: draw the figures, encode one response. CPU work."""
    parts = request.parts(response_format)
    results = [
        probe_result(model, request, given, one, parts, {})
        for given, one in zip(inputs, found, strict=True)
    ]
    found.clear()
    several = ProbeResults(_head(model, request), tuple(results))
    return encode(several, response_format, request.query, parts)


def _head(model: ResidentModel, request: ProbeRequest) -> dict[str, Any]:
    """Return the first keys of a pipeline's response: the model and the digest of its weights."""
    return {"model": request.model, "weights": model.digest(request.checkpoint)}
