"""Networks of images of other shapes than SimpleCNN, with drawn weights, and their probes."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

import jax
import numpy as np

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.cnn.randomisation import cascade
from models.families import analysis_programs, core_programs
from models.registry import ResidentModel
from models.runtime.checkpoints import Checkpoint
from models.runtime.programs import Outputs, Program
from models.runtime.resident import ResidentProgram, drive
from probes import PROBES
from probes.declaration import ModelContext, ProbeCall, ProbeContext, ProbeInput
from probes.figures.figures import measures, tensors
from probes.shared.choices import faults, resolved
from tests.networks import network
from tests.oracles.declarations import draw_parameters
from tests.oracles.interpreter import Values, interpret

DECLARED = {
    "skip": """
classes = ["a", "b", "c", "d"]
input = { image = [10, 9, 3], mean = [0.5, 0.4, 0.3], std = [0.2, 0.3, 0.4] }
layers = ["conv 4 nobias", "norm", "relu", "conv 4", "norm", "add relu1", "relu",
          "conv 5 stride 2 pad 1", "short: conv 5 1x1 stride 2 from relu2", "add conv3",
          "relu", "globalpool", "dense 4"]
""",
    "branches": """
classes = ["a", "b", "c"]
input = { image = [11, 9, 1], mean = 0.4, std = 0.5 }
layers = ["stem: conv 6 5x3 pad 2 2 1 1", "relu", "pool 3x3 stride 2 pad 1",
          "one: conv 4 groups 2 dilation 2", "two: pool 3x3 stride 1 avg pad 1 countpad from pool1",
          "concat one", "norm layer", "tanh", "conv 4 3x3", "pool avg 2x2 ceil", "flatten",
          "dropout 0.2", "dense 5", "elu", "dense 3", "softmax"]
""",
    "plain": """
classes = ["no", "yes"]
input = { image = [8, 12, 1] }
layers = ["conv 3 5x5", "tanh", "pool avg", "conv 4 1x1", "tanh", "pool 2x3 stride 2 same",
          "flatten", "dense 5", "tanh", "dense 1", "sigmoid"]
""",
    "dense block": """
classes = ["a", "b", "c"]
input = { image = [9, 8, 1] }
layers = ["conv 3", "tanh", "conv 2", "concat conv2 from tanh1", "flatten", "elu", "dense 3"]
""",
}
"""Declarations: skips on RGB pictures, branches, plain tanh, an input joined with its sum."""

IMAGE_PROBES = {probe.name: probe for probe in PROBES if probe.family == "image"}


class Programs(dict[str, ResidentProgram]):
    """Programs of a network by name, each compiled when it is first asked for."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        listed = (*core_programs(architecture), *analysis_programs(architecture))
        self._declared: dict[str, Program] = {program.name: program for program in listed}
        self._sets = {
            None: weights,
            **cascade(weights, layers=layout_of(architecture).cascade),
        }

    def __missing__(self, name: str) -> ResidentProgram:
        """Compile a program for one batch size."""
        program = self._declared[name]
        buckets = (program.buckets or (1,))[-1:]
        made = self[name] = ResidentProgram(program, jax.device_put(self._sets[None]), buckets)
        for key, tensors_of in self._sets.items():
            if key is not None:
                made.add_parameters(key, jax.device_put(dict(tensors_of)))
        return made


class Network:
    """Network with drawn weights: its probes, and its values in float64."""

    def __init__(self, text: str) -> None:
        self.architecture = network(text)
        self.weights = draw_parameters(self.architecture.parameters, 3)
        self.programs = Programs(self.architecture, self.weights)
        image, random = self.architecture.image, np.random.default_rng(5)
        shape = (image.height, image.width, image.channels)
        self.pixels, self.other = random.integers(0, 256, (2, *shape)).astype(np.uint8)

    @cached_property
    def model(self) -> ResidentModel:
        """The network as the registry holds it."""
        return ResidentModel("drawn", self.architecture, Checkpoint(self.weights, {}, "0" * 64))

    @cached_property
    def image(self) -> np.ndarray:
        """Values that the network reads of its picture."""
        return self.architecture.image.normalised(self.pixels)

    def ask(self, name: str, extra: Any = None, **asked: Any) -> ProbeContext[Any]:
        """Run a probe of the network's picture; `extra` are the fields of its body."""
        probe = IMAGE_PROBES[name]
        parameters = resolved(probe.parameters(**asked), self.architecture)
        assert list(faults(parameters, self.architecture)) == []
        body = probe.body(**(extra or {})) if probe.body else None
        source = {"image": self.architecture.image.normalised(self.other)} if probe.body else {}
        row = {"image": self.image} if probe.input else {}
        model = ModelContext(self.architecture, self.weights)
        call = ProbeCall(model, ProbeInput(row, body, source), parameters)
        probe.check(call)
        outputs: Outputs = {}
        if probe.run is not None:
            (outputs,) = drive([probe.run(call)], self.programs)
        elif probe.program is not None:
            wanted = frozenset((*probe.outputs(self.architecture, parameters), "logits"))
            run = self.model.run(probe.program, row, wanted)
            (outputs,) = drive([run], self.programs)
        return call.with_outputs(outputs)

    def shown(self, name: str, extra: Any = None, **asked: Any) -> dict[str, Any]:
        """Return tensors and measures of a probe's figure by name."""
        figure = IMAGE_PROBES[name].figure(self.ask(name, extra, **asked))
        found: dict[str, Any] = {one.name: one.values for one in tensors(figure)}
        return found | {one.name: one.value for one in measures(figure)}

    def values(self, image: np.ndarray | None = None) -> Values:
        """Return every value of an image in float64, channel last."""
        given = self.image if image is None else image
        return interpret(self.architecture.declaration, self.weights, given)


@cache
def declared(name: str) -> Network:
    """Return a declared network; its programs are compiled once."""
    return Network(DECLARED[name])


def smooth(name: str) -> Network:
    """Return a declared network with tanh for every nonlinearity, which hides no value."""
    return Network(DECLARED[name].replace("relu", "tanh").replace("elu", "tanh"))
