"""Declared networks of sequences with drawn parameters, and their probes without a server."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

from models.architecture import Architecture
from models.declaration.declaration import parse_declaration
from models.derivation import derive
from models.rnn.analyses import sequence_analyses
from models.rnn.layout import layout_of
from models.rnn.programs import run_sequence, sequence_programs
from models.runtime.checkpoints import Checkpoint
from models.runtime.programs import Row
from models.runtime.resident import ResidentProgram, drive
from probes import PROBES
from probes.declaration import ModelContext, Probe, ProbeCall, ProbeContext, ProbeInput
from probes.figures.figures import Figure, Tensor, measures, tensors
from probes.shared.choices import faults, resolved
from tests.oracles.declarations import declared, draw_parameters
from tests.oracles.interpreter import interpret

LETTERS = {"alphabet": "abcde"}
EMBEDDED, ONE_HOT = LETTERS | {"encoding": "embed"}, LETTERS | {"encoding": "one-hot"}
BITS = {"alphabet": "01", "encoding": "number"}
NETWORKS = {
    "gru stack": declared("embed 4", "gru 5", "gru 4", "dense 3", given=EMBEDDED),
    "lstm stack": declared("lstm 4", "lstm 3", "dense 4", given={"features": 3}, classes=4),
    "every step": 'answer = "every"\n' + declared("rnn 5", "dense 3", given=ONE_HOT),
    "relu rnn": declared("rnn 4 relu", "dense 3", given={"features": 2}),
    "letters": declared("lstm 6", "dense 5", given=ONE_HOT, classes=5),
    "between": declared(
        "dense 4", "tanh", "first: lstm 3", "norm layer", "dense 4", "gelu", "add tanh1",
        "second: gru 4", "dense 3", "relu", "dense 3", given=EMBEDDED | {"encoding": "one-hot"},
    ),
    "sigmoid": declared("gru 4", "dropout 0.2", "dense 1", "sigmoid", given=BITS, classes=2),
}  # fmt: skip
"""Declarations of small networks of sequences of each kind."""


class Answer(NamedTuple):
    """Figure of a probe, with its tensors and measures by name."""

    figure: Figure
    tensors: Mapping[str, Tensor]
    measures: Mapping[str, Any]

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the values of a tensor."""
        return self.tensors[name].values


class Network(NamedTuple):
    """Network with drawn parameters."""

    architecture: Architecture
    weights: Mapping[str, np.ndarray]
    programs: Mapping[str, ResidentProgram]

    @property
    def artifacts(self) -> Mapping[str, Checkpoint]:
        """Artifacts of training: none."""
        return {}

    def row(self, steps: int, seed: int = 0) -> Row:
        """Draw a sequence and an initial state."""
        random, spec = np.random.default_rng(seed), self.architecture.sequence
        if spec.alphabet:
            sequence = random.integers(0, len(spec.alphabet), steps).astype(np.uint8)
        else:
            sequence = random.normal(size=(steps, spec.features)).astype(np.float32)
        states = {
            state.name: random.uniform(-0.5, 0.5, state.units).astype(np.float32)
            for state in self.architecture.states
        }
        return {"sequence": sequence, **states}

    def oracle(self, row: Row) -> Mapping[str, np.ndarray]:
        """Interpret a row in float64; states have the initial one first."""
        states = {state.name: row[state.name] for state in self.architecture.states}
        declaration = self.architecture.declaration
        found = interpret(declaration, self.weights, row["sequence"], states)
        return found | {name: np.concatenate([row[name][None], found[name]]) for name in states}

    def probe(self, name: str) -> Probe | None:
        """Return a probe of sequences by its name; None where it does not apply."""
        (found,) = (one for one in PROBES if (one.family, one.name) == ("sequence", name))
        return found if found.unmet(self) is None else None

    def call(self, name: str, row: Row, source: Row | None = None, **query: Any) -> ProbeCall[Any]:
        """Check a call of a probe, with the network's defaults."""
        probe = self.probe(name)
        assert probe is not None, name
        posted = query.pop("posted", {})
        body = None if probe.body is None else probe.body(**posted)
        parameters = resolved(probe.parameters(**query), self.architecture)
        assert list(faults(parameters, self.architecture)) == []
        context = ModelContext(self.architecture, self.weights)
        call = ProbeCall(context, ProbeInput(row, body, source or {}), parameters)
        probe.check(call)
        return call

    def context(self, name: str, call: ProbeCall[Any]) -> ProbeContext[Any]:
        """Run a probe on the resident programs."""
        probe = self.probe(name)
        assert probe is not None, name
        if probe.run is None and probe.program is None:
            return call.with_outputs({})
        if probe.run is not None:
            assert probe.rows(call) > 0
            run = probe.run(call)
        else:
            wanted = frozenset((*probe.outputs(self.architecture, call.parameters), "logits"))
            run = run_sequence(self.architecture, probe.program or "", call.input.row, wanted)
        (outputs,) = drive([run], self.programs)
        return call.with_outputs(outputs)

    def ask(self, name: str, row: Row, source: Row | None = None, **query: Any) -> Answer:
        """Answer a request to a probe."""
        probe = self.probe(name)
        assert probe is not None, name
        context = self.context(name, self.call(name, row, source, **query))
        figure = probe.figure(context)
        assert all(one.message for one in probe.warnings(context))
        by_name = {one.name: one for one in tensors(figure)}
        return Answer(figure, by_name, {one.name: one.value for one in measures(figure)})


@cache
def network(name: str) -> Network:
    """Derive a network, draw its parameters, and compile its programs."""
    architecture = derive(parse_declaration(NETWORKS[name]))
    weights = draw_parameters(architecture.parameters, 5)
    held = jax.device_put(dict(weights))
    core = [one for one in sequence_programs(architecture) if one.name.endswith(".128")]
    programs = {
        one.name: ResidentProgram(one, held, (one.buckets or (4,))[-1:])
        for one in [*core, *sequence_analyses(architecture)]
    }
    return Network(architecture, weights, programs)


def encoded(found: Network, row: Row) -> np.ndarray:
    """Return the steps of a row as the first layer reads them."""
    return layout_of(found.architecture).encode(row["sequence"], found.weights)
