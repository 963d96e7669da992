"""Inference of a request of the Open Inference Protocol: rows are admitted, queued, encoded."""

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext

from api.content_coding import INLINE_BYTES, LEAST_BYTES
from api.errors.problem import Problem
from api.inference.device_time import DeviceTime
from api.open_inference.answer import TOO_LARGE, Answer, encode, json_bytes
from api.open_inference.content_coding import Coding, compressed
from api.open_inference.request import InferenceRequest
from api.open_inference.rows import rows_of
from api.open_inference.signature import Signature
from api.requests.model_input import ModelInput
from api.responses.context import RequestContext
from api.responses.gathering import gather_or_cancel
from api.responses.negotiation import MAX_JSON_BYTES
from api.responses.pipeline import MAX_INLINE_VALUES, MAX_SEVERAL_BYTES
from api.responses.request_bytes import INPUT_BYTES, KIB, REQUEST_BYTES, TEXT_PER_BYTE
from api.responses.work_admission import MAX_INTERACTIVE_STEPS, is_analysis
from models.runtime.programs import Outputs
from probes.output.buffers import nbytes_of

ANSWER_BYTES = 4 * KIB
"""Bytes of an answer besides its values: names, shapes and types of its outputs."""


class Inference:
    """Inference of one request: its rows on the device, and their answer.

    Args:
        context: Context of the request.
        signature: Inputs and outputs of the network.
        asked: The parsed request.
        coding: Content coding that the client accepts; None for none.

    Raises:
        Problem: The request has not the inputs of the network, or its answer would be too large.
    """

    def __init__(
        self,
        context: RequestContext,
        signature: Signature,
        asked: InferenceRequest,
        coding: Coding | None,
    ) -> None:
        self._context, self._signature, self._asked = context, signature, asked
        self._coding = coding
        self._rows = rows_of(asked.inputs, context.served.model.architecture)
        self._steps = len(self._rows[0].row.get("sequence", (0,)))
        names = [one.name for one in asked.outputs]
        self._program = signature.program(names)
        self._wanted = signature.wanted(names)
        self._values = len(self._rows) * signature.row_bytes(names, self._steps)
        self._check_size()

    def _check_size(self) -> None:
        """Refuse an inference whose answer would be over a limit, before anything runs."""
        asked, rows = self._asked, len(self._rows)
        if self._values > MAX_SEVERAL_BYTES:
            detail = (
                f"The values of all rows would take {self._values} bytes; at most "
                f"{MAX_SEVERAL_BYTES} bytes are allowed. Ask for fewer outputs, rows or steps."
            )
            raise Problem("answer-too-large", detail)
        written = [one.name for one in asked.outputs if not one.is_binary]
        if json_bytes(rows * self._signature.row_bytes(written, self._steps)) > MAX_JSON_BYTES:
            raise Problem("answer-too-large", TOO_LARGE)

    @property
    def _held(self) -> int:
        """Bytes of memory that the inference holds at its worst, besides its body."""
        written = [one.name for one in self._asked.outputs if not one.is_binary]
        text = len(self._rows) * self._signature.row_bytes(written, self._steps)
        answer = self._values + min(int(TEXT_PER_BYTE * text), MAX_JSON_BYTES)
        inputs = sum(value.nbytes for value in self._asked.inputs.values())
        # Chunks of a long sequence are held until they are joined.
        held = self._values * (1 + (self._steps > MAX_INTERACTIVE_STEPS))
        return REQUEST_BYTES + len(self._rows) * INPUT_BYTES + inputs + held + answer

    async def answer(self) -> Answer:
        """Run the rows of the inference, and encode the answer.

        Raises:
            QueueFullError, DeadlineError: The device could not be reached in time.
            RequestTooLargeError, EngineBusyError: The request does not fit into a limit.
            Problem: The JSON would be over its limit, or have values that are not finite.
        """
        context = self._context
        context.job.is_analysis = is_analysis(self._rows)
        context.held.add(self._held)
        with self._admitted():
            found = await self._run()
            encoded = await self._coded(await self._encode(found))
        # All else was freed: the answer is held until the protocol has it.
        context.held.become(nbytes_of(encoded.buffers))
        context.watch.lap("encode")
        return encoded

    def _admitted(self) -> AbstractContextManager[None]:
        """Admit an inference of many rows or steps if it will be computed in time."""
        context = self._context
        if not context.job.is_analysis:
            return nullcontext()
        rows = len(self._rows) * (1 + self._steps // MAX_INTERACTIVE_STEPS)
        name = (context.served.name, "infer", self._program)
        kinds: Sequence[Hashable] = (
            (*name, self._asked.outputs, rows),
            (*name, rows.bit_length()),
            name,
        )
        return context.engine.workload.admitted(context.job, kinds, rows)

    async def _run(self) -> list[Outputs]:
        """Run every row of the inference; rows of one request are queued together."""
        if len(self._rows) == 1:
            found = [await self._run_row(self._rows[0])]
        else:
            found = await gather_or_cancel(self._run_row(row) for row in self._rows)
        # The runs overlap: the slowest took as long as all of them.
        _, slowest = max(found, key=lambda one: one[1].queued_s + one[1].ran_s)
        self._context.watch.split(queue=slowest.queued_s, program=slowest.ran_s)
        return [outputs for outputs, _ in found]

    async def _run_row(self, given: ModelInput) -> tuple[Outputs, DeviceTime]:
        """Run one row of the inference; return its outputs, and the time that it took."""
        context, spent = self._context, DeviceTime()
        run = context.served.model.run(self._program, given.row, self._wanted)
        return await context.engine.run(context.served, run, context.job, spent), spent

    async def _encode(self, found: list[Outputs]) -> Answer:
        """Encode the answer of the inference; a small one on the event loop."""
        context, asked = self._context, self._asked
        arguments = context.served.model, self._signature, asked, found
        if not context.job.is_analysis and self._values <= 4 * MAX_INLINE_VALUES:
            return encode(*arguments)
        return await context.engine.compute(encode, *arguments, job=context.job)

    async def _coded(self, answer: Answer) -> Answer:
        """Compress the answer of the inference where that gains; a large one in a CPU thread."""
        context, coding, nbytes = self._context, self._coding, nbytes_of(answer.buffers)
        if coding is None or nbytes < LEAST_BYTES:
            return answer
        if nbytes <= INLINE_BYTES:
            found = compressed(answer.buffers, coding)
        else:
            found = await context.engine.compute(
                compressed, answer.buffers, coding, job=context.job
            )
        return answer if found is None else Answer([found], answer.header_bytes, coding)
