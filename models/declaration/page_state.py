"""Page state: values of the page's address, and parts of the page, that a tour may name."""

from collections.abc import Mapping

Value = bool | int | str
"""Value of the page's address."""

IMAGE_STATE: Mapping[str, Value] = {
    "sample": 0,
    "pixels": "",
    "strokes": "",
    "preprocess": "mnist",
    "layer": "",
    "channel": -1,
    "y": -1,
    "x": -1,
    "before": False,
    "panel": "",
    "method": "integrated_gradients",
    "target": -1,
    "edits": "",
}
"""Values of the page of a network of images that a tour may set, with their defaults."""

SEQUENCE_STATE: Mapping[str, Value] = {
    "sequence": "1001001101101110",
    "step": 16,
    "unit": 3,
    "order": "role",
    "recurrent": "",
    "bitMethod": "decomposition",
    "gateEdit": "",
    "gateUnits": "all",
    "gateSteps": "step",
    "sequencePanel": "",
}
"""Values of the page of a network of sequences that a tour may set, with their defaults."""

IMAGE_PARTS = (
    "samples",
    "pad",
    "seen",
    "network",
    "layer",
    "answer",
    "channels",
    "map",
    "value",
    "receptive-field",
    "kernel",
    "arithmetic",
    "sum",
    "tabs",
    "panel",
    "attribution",
    "examples",
)
"""Parts of the page of a network of images that a tour may outline; `layer` takes a name."""

SEQUENCE_PARTS = (
    "sequence",
    "answer",
    "steps",
    "units",
    "lanes",
    "lane",
    "gates",
    "new-cell",
    "new-hidden",
    "so-far",
    "tabs",
    "panel",
)
"""Parts of the page of a network of sequences that a tour may outline; `lane` takes a name."""

NAMED_PARTS = ("layer", "lane")
"""Parts of the page that are followed by the name of a value of the trace."""

COMPUTED_LANES = ("count", "probability")
"""Lanes of the page that are computed from an answer; the count only of a network that counts."""
