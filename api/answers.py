"""From a question to an answer: run the program, draw the figure, write it down."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from api.engine import Engine, Spent
from api.questions import Question
from api.responses import Format, encode
from api.timing import Stopwatch
from models.programs import Outputs
from models.zoo import ResidentModel
from probes.cnn import softmax
from probes.encode import Answer
from probes.probe import Probe, Seen
from probes.warnings import Notice, image_warnings, sequence_warnings

LIGHT = 131_072
"""Numbers up to which an answer is written on the event loop, in some 2 ms: all that a picture
makes, or 3,000 steps of the gates. JSON is written under the interpreter's lock wherever that is
done; on another thread it takes longer, and its memory is given back and asked for each time."""


@dataclass(frozen=True)
class Asked:
    """What one request wants to know.

    Attributes:
        query: The probe's parameters, and how the answer is to be written.
    """

    probe: Probe
    question: Question
    query: Any
    form: Format


async def answer(engine: Engine, asked: Asked, deadline: float, watch: Stopwatch) -> bytes:
    """Answer one question with one probe, in the form asked for.

    Args:
        deadline: By `time.monotonic`, in seconds.

    Raises:
        ParameterError: The parameters ask for what this model or input does not have.
        QueueFullError, DeadlineError: The device could not be reached in time.
        AnswerTooLargeError: The JSON would be larger than an answer may be.
    """
    probe, row = asked.probe, asked.question.row
    model, subject = engine.models[probe.model], engine.subjects[probe.model]
    probe.check(subject, row, asked.query)
    outputs: Outputs = {}
    if probe.program is not None:
        spent = Spent()
        run = model.card.run(probe.program, row, _wanted(asked))
        outputs = await engine.run(run, deadline, spent)
        watch.split(queue=spent.queued_s, program=spent.ran_s)
    seen = Seen(subject, row, outputs)
    light = asked.form != "png" and 0 < sum(value.size for value in outputs.values()) <= LIGHT
    content = (
        _write(model, asked, seen) if light else await engine.compute(_write, model, asked, seen)
    )
    watch.lap("encode")
    return content


def _wanted(asked: Asked) -> frozenset[str]:
    """Name what has to leave the device: what the probe shows, and what every answer says."""
    said = ("logits", "unfamiliarity") if asked.probe.model == "cnn" else ("logits",)
    return frozenset((*asked.probe.outputs(asked.query), *said))


def _write(model: ResidentModel, asked: Asked, seen: Seen) -> bytes:
    """Draw the figure and write the answer around it. CPU work."""
    head: dict[str, Any] = {"model": asked.probe.model, "weights": model.checkpoint.digest}
    notices: list[Notice] = []
    if seen.outputs:
        said = prediction(model, seen.outputs["logits"])
        head |= {"input": asked.question.echo, "prediction": said}
        notices = _notices(model, seen)
    warnings = tuple({"code": one.code, "message": one.message} for one in notices)
    given = Answer(head, asked.probe.figure(seen, asked.query), warnings)
    return encode(given, asked.form, asked.query)


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


def _notices(model: ResidentModel, seen: Seen) -> list[Notice]:
    """Say what makes an answer doubtful."""
    if model.familiarity is not None:
        score = float(seen.outputs["unfamiliarity"][0])
        return image_warnings(seen.row["image"], score, model.familiarity.limit)
    tested = model.checkpoint.metadata.get("tested_length")
    return sequence_warnings(len(seen.row["sequence"]), tested) if isinstance(tested, int) else []
