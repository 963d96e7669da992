"""From a question to an answer: run the program, draw the figure, write it down."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from api.errors.problem import Problem
from api.inference.engine import DeviceTime, Engine
from api.middleware.server_timing import Stopwatch
from api.requests.inputs import ModelInput, ModelInputs
from api.responses.negotiation import Format, encode
from models.registry import ResidentModel
from probes.declaration import ModelContext, ParameterError, Probe, ProbeContext
from probes.output.encode import ProbeResult, ProbeResults
from probes.shared.input_warnings import InputWarning, image_warnings, sequence_warnings

LIGHT = 131_072
"""Numbers up to which an answer is written on the event loop, in some 2 ms: all that a picture
makes, or 3,000 steps of the gates. JSON is written under the interpreter's lock wherever that is
done; on another thread it takes longer, and its memory is given back and asked for each time."""

MAX_SEVERAL_BYTES = 67_108_864
"""Bytes of values that the sequences of one request may make, whatever form they are sent in: all
values of 64 sequences of 4,096 steps, of 8 units."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class ProbeRequest:
    """What a request wants to know of whatever it is about.

    Attributes:
        query: The probe's parameters, and how the answer is to be written.
    """

    probe: Probe
    query: Any
    form: Format

    @cached_property
    def checkpoint(self) -> str:
        """The name of the network that is asked; empty for the trained one."""
        return getattr(self.query, "checkpoint", None) or ""

    @property
    def key(self) -> str:
        """What the outputs of a probe without an input depend on."""
        names = set(self.probe.parameters.model_fields)
        told = self.query.model_dump_json(include=names)
        return f"{self.probe.model} {self.probe.name} {self.checkpoint} {told}"

    @cached_property
    def wanted(self) -> frozenset[str]:
        """What has to leave the device: what the probe shows, and what every answer says."""
        said = ("logits", "unfamiliarity") if self.probe.model == "cnn" else ("logits",)
        return frozenset((*self.probe.outputs(self.query), *said))


async def answer(
    engine: Engine, asked: ProbeRequest, question: ModelInputs, deadline: float, watch: Stopwatch
) -> bytes:
    """Answer a question, or several in one answer, with one probe, in the form asked for.

    Args:
        question: About one input, or several.
        deadline: By `time.monotonic`, in seconds.

    Raises:
        ParameterError: The parameters ask for what this model or input does not have.
        QueueFullError, DeadlineError: The device could not be reached in time.
        AnswerTooLargeError: The JSON would be larger than an answer may be.
        Problem: The picture, or the values of several inputs, would be larger than they may be.
    """
    model = engine.models[asked.probe.model]
    if isinstance(question, list):
        content = await _answer_several(engine, asked, question, deadline, watch)
    else:
        _check(engine, asked, question)
        seen, spent = await see(engine, asked, question, deadline)
        if spent is not None:
            watch.split(queue=spent.queued_s, program=spent.ran_s)
        numbers = sum([value.size for value in seen.outputs.values()])
        # What is said of the weights alone takes longer to work out than an input's values.
        light = asked.probe.input and 0 < numbers <= LIGHT
        if asked.form != "png" and light:
            content = _write(model, asked, question, seen)
        else:
            content = await engine.compute(_write, model, asked, question, seen)
    watch.lap("encode")
    return content


async def _answer_several(
    engine: Engine,
    asked: ProbeRequest,
    questions: list[ModelInput],
    deadline: float,
    watch: Stopwatch,
) -> bytes:
    """Answer several questions: their rows wait side by side, and batches mix them."""
    for index, question in enumerate(questions):
        try:
            _check(engine, asked, question)
        except ParameterError as error:
            raise error.of_input(index) from error
    _check_bytes(asked, questions)
    found = await together(see(engine, asked, question, deadline) for question in questions)
    # They ran at the same time: what the slowest took is what all of them took.
    slowest = max((one for _, one in found if one), key=lambda one: one.queued_s + one.ran_s)
    watch.split(queue=slowest.queued_s, program=slowest.ran_s)
    model, seen = engine.models[asked.probe.model], [one for one, _ in found]
    return await engine.compute(_write_several, model, asked, questions, seen)


def _check(engine: Engine, asked: ProbeRequest, question: ModelInput) -> None:
    """Refuse parameters that this model or input cannot answer."""
    known = engine.contexts[asked.probe.model].milestones
    if asked.checkpoint and asked.checkpoint not in known:
        listed = f"one of {', '.join(known)}" if known else "recorded: these weights have none"
        raise ParameterError("checkpoint", f"checkpoint '{asked.checkpoint}' is not {listed}")
    asked.probe.check(_subject(engine, asked), question.row, asked.query)


def _check_bytes(asked: ProbeRequest, questions: list[ModelInput]) -> None:
    """Refuse several sequences whose values would take too much memory."""
    steps = sum(len(one.row["sequence"]) for one in questions if "sequence" in one.row)
    values = len(asked.wanted) * questions[0].row["cell"].nbytes if steps else 0
    if steps * values > MAX_SEVERAL_BYTES:
        raise Problem(
            "answer-too-large",
            f"The values of all inputs would take more than {MAX_SEVERAL_BYTES} bytes: ask about "
            "fewer inputs at once.",
        )


async def together(works: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Do several things at once, each to its end; when one fails, drop the others.

    Raises:
        Exception: What the first of them raised that failed.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def see(
    engine: Engine, asked: ProbeRequest, question: ModelInput, deadline: float
) -> tuple[ProbeContext, DeviceTime | None]:
    """Run the program on one input, if the probe has one, and say where the time went."""
    probe, row = asked.probe, question.row
    subject = _subject(engine, asked)
    if probe.run is None and probe.program is None:
        return ProbeContext(subject, row, {}), None
    spent, name = DeviceTime(), asked.checkpoint
    if probe.run is None:
        run = engine.models[probe.model].card.run(probe.program or "", row, asked.wanted)
        return ProbeContext(subject, row, await engine.run(run, deadline, spent, name)), spent
    if not probe.input and (known := engine.remembered(asked.key)) is not None:
        return ProbeContext(subject, row, known), spent
    with engine.claim(probe.rows(row, asked.query)):
        run = probe.run(subject, row, asked.query)
        outputs = await engine.run(run, deadline, spent, name, claimed=True)
    if not probe.input:
        engine.remember(asked.key, outputs)
    return ProbeContext(subject, row, outputs), spent


def _subject(engine: Engine, asked: ProbeRequest) -> ModelContext:
    """Return what the probe may know of the network that is asked."""
    subject = engine.contexts[asked.probe.model]
    if not asked.checkpoint:
        return subject
    return replace(subject, weights=subject.milestones[asked.checkpoint])


def _write(
    model: ResidentModel, asked: ProbeRequest, question: ModelInput, seen: ProbeContext
) -> bytes:
    """Draw the figure and write the answer around it. CPU work."""
    given = _answer_of(model, asked, question, seen, _head(model, asked))
    return encode(given, asked.form, asked.query)


def _write_several(
    model: ResidentModel, asked: ProbeRequest, questions: list[ModelInput], seen: list[ProbeContext]
) -> bytes:
    """Draw several figures and write one answer around them. CPU work."""
    answers = [
        _answer_of(model, asked, question, one, {})
        for question, one in zip(questions, seen, strict=True)
    ]
    return encode(ProbeResults(_head(model, asked), tuple(answers)), asked.form, asked.query)


def _head(model: ResidentModel, asked: ProbeRequest) -> dict[str, Any]:
    return {"model": asked.probe.model, "weights": model.digest(asked.checkpoint)}


def _answer_of(
    model: ResidentModel,
    asked: ProbeRequest,
    question: ModelInput,
    seen: ProbeContext,
    head: dict[str, Any],
) -> ProbeResult:
    """Draw the figure about one input, and say what the network makes of it."""
    notices: list[InputWarning] = []
    if question.echo is not None:
        said = prediction(model, seen)
        head |= {"input": question.echo, "prediction": said}
        notices = _notices(model, seen)
    warnings = tuple({"code": one.code, "message": one.message} for one in notices)
    return ProbeResult(head, asked.probe.figure(seen, asked.query), warnings)


def prediction(model: ResidentModel, seen: ProbeContext) -> dict[str, Any]:
    """State the network's answer."""
    label = int(seen.logits.argmax())
    return {
        "label": label,
        "name": model.card.classes[label],
        "probabilities": seen.probabilities,
        "logits": seen.logits,
    }


def _notices(model: ResidentModel, seen: ProbeContext) -> list[InputWarning]:
    """Say what makes an answer doubtful."""
    if model.familiarity is not None:
        score = float(seen.outputs["unfamiliarity"][0])
        return image_warnings(seen.row["image"], score, model.familiarity.limit)
    tested = model.checkpoint.metadata.get("tested_length")
    return sequence_warnings(len(seen.row["sequence"]), tested) if isinstance(tested, int) else []
