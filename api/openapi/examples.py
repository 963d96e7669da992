"""Example responses of the OpenAPI document, shortened."""

from typing import Any

# Two steps, one unit, two colours: whole responses would fill the page at /docs.
_PREDICTION = {
    "label": 1,
    "name": "yes",
    "probabilities": [0.002, 0.998],
    "logits": [-3.1, 3.1],
}
_TENSOR = {
    "name": "forget_gate",
    "kind": "gate",
    "axes": ["step", "unit"],
    "coordinates": {"step": [1, 2], "unit": [0]},
    "shape": [2, 1],
    "dtype": "float32",
    "stats": {"min": 0.25, "max": 0.75, "mean": 0.5, "std": 0.25, "zero_fraction": 0.0},
    "colour": {"map": "viridis", "vmin": 0.0, "vmax": 1.0, "scope": "fixed"},
    "encoding": "nested",
    "data": [[0.25], [0.75]],
}
_ABOUT = {"weights": "9f86d081…", "tensors": [_TENSOR], "measures": [], "warnings": []}
_SEQUENCE = {
    "model": "lstm",
    **_ABOUT,
    "input": {"sequence": "11", "length": 2, "ones": 2, "initial_state": "zero"},
    "prediction": _PREDICTION,
}
_MODEL = {
    "name": "lstm",
    "title": "CountingLSTM",
    "task": "Does a sequence of bits have more 1s than 0s? A tie is a no.",
    "input": "sequence",
    "classes": ["no", "yes"],
    "parameters": 338,
    "weights": "9f86d081…",
    "device": "cpu (cpu)",
    "matmul_precision": "highest",
    "dtype": "float32",
    "row_buckets": [1, 4, 16],
    "layers": [
        {
            "name": "forget_gate",
            "kind": "gate",
            "axes": ["step", "unit"],
            "shape": [None, 8],
            "parameters": 80,
            "receptive_field": None,
        }
    ],
    "probes": [
        {
            "name": "gates",
            "path": "/lstm/gates",
            "methods": ["POST", "GET"],
            "title": "Forget, input and output gate and the candidate, at every step.",
            "parameters": {"type": "object"},
        }
    ],
    "checkpoints": ["round-0", "round-1"],
    "length_limits": {"tested_length": 4096, "certified_length": 4096},
    "checkpoint_limits": {
        "round-0": {"tested_length": 0, "certified_length": 0},
        "round-1": {"tested_length": 0, "certified_length": 0},
    },
    "training": {"seed": 0, "metrics": {"test_accuracy": 1.0}},
}
_TOUR_STEP = {
    "state": {"layer": "relu1"},
    "outline": "layer relu1",
    "text": "Each small square is the map of one channel.",
    "ask": "Choose channel 5.",
    "done": {"layer": "relu1", "channel": 5},
    "change": "",
}
_COLOUR_MAP = {
    "name": "viridis",
    "kind": "sequential",
    "colours": ["#440154", "#440256", "#450457"],
}
_FINDING = {
    "key": "filters_specialise",
    "statement": "Filters specialise.",
    "model": "cnn",
    "weights": "9f86d081…",
    "supported": True,
    "architectural": False,
    "why": "",
    "value": 0.517,
    "least": 0.1,
    "reference": 0.0,
    "reference_low": -0.013,
    "reference_high": 0.019,
    "references": 5,
    "unit": "share of answers",
    "measured": "Interchange: how much more often the answer becomes another image's digit …",
    "request": "/cnn/findings?finding=filters_specialise",
    "picture": "/cnn/findings.png?finding=filters_specialise",
}
_SAMPLE = {"index": 3, "label": 8, "pixels": [[0, 255], [255, 0]]}
_PROBLEM = {
    "type": "urn:lightwell:problem:invalid-parameter",
    "title": "A parameter is not valid",
    "status": 422,
    "detail": "layer 'conv9' is not one of conv1, conv2, conv3, dense1, output",
    "instance": "urn:uuid:0e6ffa2c-9bd3-4d1c-8fd1-3c1f3f8d2f5b",
    "request_id": "0e6ffa2c-9bd3-4d1c-8fd1-3c1f3f8d2f5b",
    "errors": [
        {
            "location": ["query", "layers"],
            "reason": "layer 'conv9' is not one of conv1, conv2, conv3, dense1, output",
        }
    ],
}

_GATES = '"input_gate":[0.5],"forget_gate":[0.75],"candidate":[-0.25],"output_gate":[0.5]'
LINES = f'{{"input":0,"step":1,"bit":1,{_GATES}}}\n{{"input":0,"step":2,"bit":0,{_GATES}}}\n'
"""Example of the gates' JSON lines in the OpenAPI document: two steps."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "model": _MODEL,
    "tour": {"model": "cnn", "weights": "9f86d081…", "steps": [_TOUR_STEP]},
    "models": {"models": [_MODEL], "failed": [], "ready": True},
    "findings": {"findings": [_FINDING]},
    "samples": {"samples": [_SAMPLE]},
    "colormaps": {"colormaps": [_COLOUR_MAP]},
    "signed": {
        "path": "/lstm/gates.png?sequence=10110&holder=token&expires=1800000000&signature=8c5f",
        "expires": 1800000000,
    },
    "livez": {"status": "alive"},
    "readyz": {"status": "ready"},
    "problem": _PROBLEM,
    "sequence": _SEQUENCE,
    "query": _SEQUENCE,
    "weights": {"model": "lstm", **_ABOUT},
    "image": {
        "model": "cnn",
        **_ABOUT,
        "tensors": [
            {
                **_TENSOR,
                "name": "relu1",
                "kind": "post_activation",
                "axes": ["channel", "y", "x"],
                "coordinates": {"channel": [7]},
                "shape": [1, 1, 2],
                "data": [[[0.25, 0.75]]],
            }
        ],
        "input": {"pixels": [[0, 255], [255, 0]], "preparation": {"preprocess": "mnist"}},
        "prediction": {
            "label": 7,
            "name": "7",
            "probabilities": [0.004, 0.004, 0.004, 0.004, 0.004, 0.004, 0.004, 0.964, 0.004, 0.004],
            "logits": [-1, -1, -1, -1, -1, -1, -1, 4.5, -1, -1],
            "calibrated": [0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
            "reliability": {
                "low": 0.95,
                "high": 1,
                "images": 7667,
                "right": 7667,
                "sentence": "Of 10,000 MNIST test images, 7,667 get a probability of …",
            },
        },
    },
}
"""Example responses of the OpenAPI document by input source, operation ID, or `problem`."""
