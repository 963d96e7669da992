"""Sequence probes: the Python client's methods for recurrent networks, such as the LSTM."""

from typing import Any, TypeVar, Unpack, overload

from lightwell_client.answer_list import AnswerList
from lightwell_client.answers import Answer
from lightwell_client.asking import Asking
from lightwell_client.inputs import Bits
from lightwell_client.parameters import StepParameters

ASequence = TypeVar("ASequence", bound=Bits)


class SequenceProbes(Asking):
    """Python client: a method for each probe of networks of sequences."""

    @overload
    def gates(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def gates(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> AnswerList: ...
    def gates(self, sequence: Any, **parameters: Any) -> Any:
        """Ask the server for the three gates and the candidate at every step of a sequence."""
        return self._ask("lstm", "gates", sequence, **parameters)

    @overload
    def hidden(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def hidden(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> AnswerList: ...
    def hidden(self, sequence: Any, **parameters: Any) -> Any:
        """Ask the server for the hidden state at every step, from step 0 (initial state) on."""
        return self._ask("lstm", "hidden", sequence, **parameters)

    @overload
    def cell(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def cell(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> AnswerList: ...
    def cell(self, sequence: Any, **parameters: Any) -> Any:
        """Ask the server for the cell state at every step, from step 0 (initial state) on."""
        return self._ask("lstm", "cell", sequence, **parameters)

    @overload
    def summary(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def summary(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> AnswerList: ...
    def summary(self, sequence: Any, **parameters: Any) -> Any:
        """Ask the server for gates, states and logits at every step, and the role of each unit."""
        return self._ask("lstm", "summary", sequence, **parameters)

    @overload
    def trace(self, sequence: Bits, **parameters: Unpack[StepParameters]) -> Answer: ...
    @overload
    def trace(
        self, sequence: list[ASequence], **parameters: Unpack[StepParameters]
    ) -> AnswerList: ...
    def trace(self, sequence: Any, **parameters: Any) -> Any:
        """Ask the server for gates, states and logits at every step of a sequence."""
        return self._ask("lstm", "trace", sequence, **parameters)

    @overload
    def memory(self, sequence: Bits, **parameters: Any) -> Answer: ...
    @overload
    def memory(self, sequence: list[ASequence], **parameters: Any) -> AnswerList: ...
    def memory(self, sequence: Any, **parameters: Any) -> Any:
        """Ask the server for the contribution of each step to the cell state at a `step`."""
        return self._ask("lstm", "memory", sequence, **parameters)

    @overload
    def decomposition(self, sequence: Bits, **parameters: Any) -> Answer: ...
    @overload
    def decomposition(self, sequence: list[ASequence], **parameters: Any) -> AnswerList: ...
    def decomposition(self, sequence: Any, **parameters: Any) -> Any:
        """Ask the server for the contribution of each step and unit to a logit."""
        return self._ask("lstm", "decomposition", sequence, **parameters)

    @overload
    def patching(self, sequence: Bits, source: Bits, **parameters: Any) -> Answer: ...
    @overload
    def patching(
        self, sequence: list[ASequence], source: Bits, **parameters: Any
    ) -> AnswerList: ...
    def patching(self, sequence: Any, source: Any, **parameters: Any) -> Any:
        """Ask the server for the effect of each state of `source` in a run of the sequence."""
        return self._ask("lstm", "patching", sequence, source=source, **parameters)

    def counter(self, **parameters: Any) -> Answer:
        """Ask the server how each unit of the LSTM counts, and which units are sufficient."""
        return self._answer_of("lstm", "counter", **parameters)

    def dynamics(self, **parameters: Any) -> Answer:
        """Ask the server for trajectories, fixed points and eigenvalues of the state space."""
        return self._answer_of("lstm", "dynamics", **parameters)

    def generalisation(self, **parameters: Any) -> Answer:
        """Ask the server for the accuracy by sequence length and kind, and the certified length."""
        return self._answer_of("lstm", "generalisation", **parameters)

    def weights(self, **parameters: Any) -> Answer:
        """Ask the server for the kernels of each gate, the biases and the readout."""
        return self._answer_of("lstm", "weights", **parameters)
