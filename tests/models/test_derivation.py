"""Layers that do not fit each other, and networks that are too large: the sentence for each."""

from collections.abc import Mapping
from typing import Any

import pytest

from models.declaration.declaration import parse_declaration
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from tests.oracles.declarations import declared

ONE_HOT = {"alphabet": "abc", "encoding": "one-hot"}
EMBEDDED = {"alphabet": "abc", "encoding": "embed"}

IMAGES = {
    "dense 3": "layers[0] 'dense 3': dense reads one vector, and 1 maps of 8 x 9 came in: put "
    "flatten or globalpool before it",
    "flatten, conv 2": "conv reads maps, and 72 values came in: put it before flatten and dense",
    "flatten, globalpool": "globalpool reads maps, and 72 values came in",
    "conv 4, conv 6 groups 3": "groups must divide the 4 input channels, and 3 does not",
    "conv 4, conv 6 groups 4": "groups must divide the 6 filters, and 4 does not",
    "conv 2 9x9 valid": "its windows of 9 rows do not fit into 8: use smaller windows or same",
    "conv 2 12x1 pad 1": "windows of 12 rows do not fit into 8 and 2 of padding",
    "pool 2x2 pad 2": "a window has padding alone: use less padding",
    "add conv1": "layer 'conv1' is not one of those before it: input",
    "relu from later, later: relu": "layer 'later' is not one of those before it: input",
    "conv 2, add input": "add merges layers of one size, and conv1 gives 2 maps of 8 x 9, "
    "input 1 maps of 8 x 9: give one of them the size of the other by conv, pool or dense, or use "
    "concat",
    "pool, concat input": "concat merges layers of one size, and pool1 gives 1 maps of 4 x 4",
    "flatten, concat input": "flatten1 gives 72 values, input 1 maps of 8 x 9",
    "lstm 4": "an image has no steps: recurrent layers and embed are for sequences",
    "embed 4": "an image has no steps",
    "softmax, flatten, dense 3": "softmax is possible as the last layer only, after dense",
    "flatten, dense 4": "layers[1] 'dense 4': the last layer gives 4 values, and classes has "
    "3: end with dense 3",
    "conv 3": "the last layer gives 3 maps of 8 x 9, and classes has 3: end with dense 3",
    "flatten, dense 1": "the last layer gives 1 values, and classes has 3",
    "flatten, dense 3, sigmoid": "layers[2] 'sigmoid': sigmoid reads 3 values: sigmoid is for one",
    "flatten, dense 1, softmax": "layers[2] 'softmax': softmax reads 1 values: sigmoid is for one",
    "a: relu, a: relu": "layers[1] 'a: relu': the name 'a' is taken: give another",
    "logits: relu": "the name 'logits' is reserved: give another",
    "from: relu": "the name 'from' is reserved",
    "metadata: relu": "the name 'metadata' is reserved",
    "probabilities: relu": "the name 'probabilities' is reserved",
    "label: relu": "the name 'label' is reserved",
    "flatten, dense 4096, dense 4096": "layers[2] 'dense 4096': up to this layer the network has "
    "17,080,320 parameters; at most 5,000,000 are allowed",
    "dense 5 from conv1 from conv2": "'from' is not known here",
}
"""Layer lines of grey images of 8 x 9 pixels and three classes; part of the sentence for each."""

SEQUENCES = {
    "conv 4": "a sequence has no maps: use lstm, gru, rnn, dense",
    "flatten": "a sequence has no maps",
    "embed 4": 'embed is the first layer, and needs input.encoding "embed"',
    "dense 3": "layers have no recurrent layer, which a sequence needs: lstm, gru or rnn",
    "lstm 3": "layers[0] 'lstm 3': the last layer is recurrent: end with dense 3 after it",
    "lstm 4, hidden: dense 3, dense 3": "'hidden' is the name of a value of a recurrent layer",
    "final_hidden: dense 3, lstm 4, dense 3": "the name 'final_hidden' is reserved",
    "running_logits: dense 3, lstm 4, dense 3": "the name 'running_logits' is reserved",
    "lstm 512, lstm 512, lstm 512": "parameters; at most 5,000,000 are allowed",
}
"""Layer lines of sequences over three symbols; part of the sentence for each."""

EMBED = "with the encoding embed only embed reads the input: put a line such as embed 16 first"
LARGE = {
    "conv 8 16x16, conv 8 16x16": "layers[1] 'conv 8 16x16': up to this layer the network has "
    "2,415,919,104 floating-point operations for one image; at most 2,000,000,000 are allowed",
    "conv 40": "2,621,440 trace values for one image; at most 2,000,000 are allowed",
}
"""Layer lines of grey images of 256 x 256 pixels."""

EMBEDDINGS = {
    "lstm 4, dense 3": EMBED,
    "embed 4, lstm 4, add input": EMBED,
    "embed 4, lstm 4, concat input": EMBED,
    "embed 4, lstm 4, dense 3 from input": EMBED,
    "relu, embed 4, lstm 4, dense 3": EMBED,
}
"""Layer lines of sequences over three symbols that are to be embedded."""


def refusal(text: str) -> str:
    """Return the sentence that refuses a declaration."""
    with pytest.raises(DeclarationError) as caught:
        derive(parse_declaration(text))
    return str(caught.value)


@pytest.mark.parametrize(
    ("layers", "sentence", "given"),
    [
        *((*error, None) for error in IMAGES.items()),
        *((*error, ONE_HOT) for error in SEQUENCES.items()),
        *((*error, {"image": [256, 256, 1]}) for error in LARGE.items()),
        *((*error, EMBEDDED) for error in EMBEDDINGS.items()),
    ],
)
def test_each_layer_that_does_not_fit_has_its_sentence(
    layers: str, sentence: str, given: Mapping[str, Any] | None
) -> None:
    """The line, the layer, the values that came in and what would do are named."""
    assert sentence in refusal(declared(*layers.split(", "), given=given))


@pytest.mark.parametrize(
    "line", ["concat " + "input " * 30, "conv 1 64x64 pad 64", "dense 4096 from flatten1"]
)
def test_a_network_that_grows_is_refused_where_it_is_too_large(line: str) -> None:
    """Sizes are checked after each layer, so that no number of absurd size is computed."""
    layers = ["flatten"] if "flatten" in line else []
    sentence = refusal(declared(*layers, *[line] * (64 - len(layers))))

    assert "up to this layer the network has" in sentence
    assert len(sentence) < 400
