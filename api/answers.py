"""From a question to an answer: run the program, draw the figure, write it down."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from api.engine import Engine
from api.questions import Question
from api.responses import AnswerOptions, Format, encode
from models.zoo import ResidentModel
from probes.cnn import softmax
from probes.encode import Answer
from probes.probe import Parameters, Probe, Seen


class Stopwatch:
    """Measures the stages of one request, for `Server-Timing`."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._stages: list[str] = []

    def lap(self, stage: str) -> None:
        """Say which stage has just ended."""
        now = time.perf_counter()
        self._stages.append(f"{stage};dur={1000 * (now - self._last):.2f}")
        self._last = now

    @property
    def header(self) -> str:
        """The stages so far, in milliseconds."""
        return ", ".join(self._stages)


async def answer(
    engine: Engine,
    probe: Probe,
    parameters: Parameters,
    question: Question,
    deadline: float,
    watch: Stopwatch,
) -> Answer:
    """Answer one question with one probe.

    Raises:
        ParameterError: The parameters ask for what this model or input does not have.
        QueueFullError, DeadlineError: The device could not be reached in time.
    """
    model, subject = engine.models[probe.model], engine.subjects[probe.model]
    probe.check(subject, question.row, parameters)
    head: dict[str, Any] = {"model": probe.model, "weights": model.checkpoint.digest}
    outputs: Mapping[str, np.ndarray] = {}
    if probe.program is not None:
        wanted = frozenset((*probe.outputs(parameters), "logits"))
        run = model.card.run(probe.program, question.row, wanted)
        outputs = await engine.run(run, deadline)
        head |= {"input": question.echo, "prediction": prediction(model, outputs["logits"])}
    watch.lap("model")
    seen = Seen(subject, question.row, dict(outputs))
    notices = tuple({"code": one.code, "message": one.message} for one in question.notices)
    figure = await engine.compute(probe.figure, seen, parameters)
    return Answer(head, figure, notices)


def prediction(model: ResidentModel, logits: np.ndarray) -> dict[str, Any]:
    """State the network's answer; of running logits, the last."""
    last = logits.reshape(-1, logits.shape[-1])[-1]
    label = int(last.argmax())
    return {
        "label": label,
        "name": model.card.classes[label],
        "probabilities": softmax(last),
        "logits": last,
    }


async def write(
    engine: Engine, given: Answer, form: Format, options: AnswerOptions, watch: Stopwatch
) -> bytes:
    """Write an answer in the form asked for."""
    content = await engine.compute(encode, given, form, options)
    watch.lap("encode")
    return content


def deadline_in(seconds: float) -> float:
    """Return the moment so many seconds from now, by the event loop's clock."""
    return asyncio.get_running_loop().time() + seconds
