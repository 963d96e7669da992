"""Expected outputs of every workload, computed by Lightwell's compiled programs."""

import io
import pickle
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from models.cnn.programs import run_image
from models.registry import ResidentModel, load
from models.rnn.programs import run_sequence
from models.runtime.programs import Row
from models.runtime.resident import drive
from probes.cnn.activations import ActivationsParameters, activations
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.output.render import render
from probes.shared.class_probabilities import softmax
from scripts.bench.decoders import downscaled
from scripts.bench.workloads import CHANNEL, LAYER, Arrays, Workload, workloads

GATES = ("input_gate", "forget_gate", "candidate", "output_gate")


def expected_outputs(model: ResidentModel, workload: Workload) -> list[Arrays]:
    """Compute the expected output arrays of a workload's responses, for each of its inputs."""
    return [
        (_image if workload.is_image else _sequence)(model, workload, one)
        for one in workload.inputs
    ]


def _image(model: ResidentModel, workload: Workload, png: bytes) -> Arrays:
    row = {"image": np.asarray(Image.open(io.BytesIO(png)))}
    run = run_image("trace", row, frozenset(model.architecture.layers))
    [outputs] = drive([run], model.programs)
    if workload.name == "activations-png":
        parameters = ActivationsParameters(layers=["all"])
        call = ProbeCall(
            ModelContext(model.architecture, model.weights), ProbeInput(row), parameters
        )
        figure = activations(call.with_outputs(outputs))
        return {"picture": downscaled(render(figure))}
    match workload.kind:
        case "activations":
            return outputs
        case "channel":
            return {f"{LAYER}.{CHANNEL}": outputs[LAYER][CHANNEL], **_prediction(outputs["logits"])}
        case _:
            return _prediction(outputs["logits"])


def _sequence(model: ResidentModel, _: Workload, bits: bytes) -> Arrays:
    zeros = np.zeros(model.architecture.states[0].units, np.float32)
    row: Row = {"sequence": bits_of(bits), "cell": zeros, "hidden": zeros}
    run = run_sequence(model.architecture, "trace", row, frozenset((*GATES, "logits")))
    [outputs] = drive([run], model.programs)
    return {**{name: outputs[name] for name in GATES}, **_prediction(outputs["logits"][-1])}


def bits_of(text: bytes) -> np.ndarray:
    """Convert a workload's characters 0 and 1 into the input array of the expected outputs."""
    return np.frombuffer(text, np.uint8) - np.uint8(ord("0"))


def _prediction(logits: np.ndarray) -> Arrays:
    return {
        "label": np.asarray(logits.argmax()),
        "probabilities": softmax(logits),
        "logits": logits,
    }


def main() -> None:
    """Pickle the expected outputs of all workloads into the file named on the command line."""
    models = {name: load(name) for name in ("cnn", "lstm")}
    for model in models.values():
        model.compile()
    right = {
        name: expected_outputs(models["cnn" if workload.is_image else "lstm"], workload)
        for name, workload in workloads().items()
    }
    Path(sys.argv[1]).write_bytes(pickle.dumps(right))


if __name__ == "__main__":
    main()
