"""Layer lines: meaning of each word, and the sentence for each wrong one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.declaration.layer_line import parse_line
from models.declaration.operations import (
    ACTIVATIONS,
    UNSUPPORTED,
    Activation,
    Conv,
    Dense,
    Dropout,
    Embed,
    Flatten,
    GlobalPool,
    LayerError,
    Merge,
    Norm,
    Operation,
    Pool,
    Recurrent,
)
from models.declaration.written_line import line_of

MEANINGS: dict[str, Operation] = {
    "conv 16": Conv(16, (3, 3), (1, 1), "same", (1, 1), 1, bias=True),
    "conv 8 5x3 stride 2x1 valid dilation 2 groups 4 nobias": Conv(
        8, (5, 3), (2, 1), "valid", (2, 2), 4, bias=False
    ),
    "conv 8 nobias groups 4 dilation 2 valid stride 2x1 5x3": Conv(
        8, (5, 3), (2, 1), "valid", (2, 2), 4, bias=False
    ),
    "conv 8 pad 1": Conv(8, padding=(1, 1, 1, 1)),
    "conv 8 pad 0 1 0 2 1x1": Conv(8, (1, 1), padding=(0, 1, 0, 2)),
    "pool": Pool("max", (2, 2), (2, 2), "valid", ceil=False, count_padding=False),
    "pool 3x3": Pool("max", (3, 3), (3, 3)),
    "pool 3x2 stride 2 avg pad 1 ceil countpad": Pool(
        "avg", (3, 2), (2, 2), (1, 1, 1, 1), ceil=True, count_padding=True
    ),
    "globalpool": GlobalPool("avg"),
    "globalpool max": GlobalPool("max"),
    "norm": Norm("batch", 1e-5),
    "norm layer eps 1e-3": Norm("layer", 1e-3),
    "dense 10": Dense(10),
    "dense 10 nobias": Dense(10, bias=False),
    "dropout": Dropout(0.5),
    "dropout 0.25": Dropout(0.25),
    "flatten": Flatten(),
    "embed 16": Embed(16),
    "lstm 48": Recurrent("lstm", 48),
    "gru 24": Recurrent("gru", 24),
    "rnn 12": Recurrent("rnn", 12, "tanh"),
    "rnn 12 relu": Recurrent("rnn", 12, "relu"),
    "leaky_relu": Activation("leaky_relu", 0.01),
    "leaky_relu 0.2": Activation("leaky_relu", 0.2),
    "elu": Activation("elu", 1.0),
    "add pool1": Merge("add", ("pool1",)),
    "concat a b": Merge("concat", ("a", "b")),
    # Names may be words that mean something elsewhere.
    "add attention": Merge("add", ("attention",)),
    "concat mask nobias": Merge("concat", ("mask", "nobias")),
}

WRONG = {
    "": "a layer is missing; the first word is one of conv, pool",
    "stem:": "a layer is missing",
    "Stem: conv 8": "'Stem' is not a layer's name: a lowercase letter and up to 31 lowercase",
    "1st: conv 8": "'1st' is not a layer's name",
    "a: b: conv 8": "'a: b' is not a layer's name",
    f"{'n' * 33}: relu": "is not a layer's name",
    "conv": "conv must be followed by its number of filters, such as conv 16",
    "conv 3x3": "conv must be a whole number from 1 to 4096, not '3x3'",
    "conv 0": "conv must be a whole number from 1 to 4096, not '0'",
    "conv 1_000": "not '1_000'",
    "conv 1e3": "not '1e3'",
    "conv ３": "not '３'",
    "conv 99999999999999999999": "not '99999999999999999999'",
    "conv 8 65x3": "the window must be a whole number from 1 to 64, not '65'",
    "conv 8 3x3 5x5": "two sizes of windows, 3x3 and 5x5: give one",
    "conv 8 stride": "stride must be followed by a number",
    "conv 8 stride valid": "stride must be a whole number from 1 to 64, not 'valid'",
    "conv 8 stride 0": "stride must be a whole number from 1 to 64, not '0'",
    "conv 8 stride 2 stride 3": "'stride' is not known here; after conv N come 5x5",
    "conv 8 same valid": "same and valid exclude each other: give one",
    "conv 8 same pad 1": "pad, same and valid exclude each other: give one",
    "conv 8 pad": "pad takes one number, or four: top, bottom, left and right",
    "conv 8 pad 1 2": "pad takes one number, or four",
    "conv 8 pad -1": "pad takes one number, or four",
    "conv 8 pad 65": "pad must be a whole number from 0 to 64, not '65'",
    "conv 8 groups": "groups must be followed by a number",
    "conv 8 groups two": "groups must be a whole number from 1 to 4096, not 'two'",
    "conv 8 relu": "'relu' is not known here; after conv N come",
    "pool max avg": "max and avg exclude each other: give one",
    "pool dilation 2": "'dilation' is not known here; after pool come",
    "globalpool 2x2": "'2x2' is not known here; after globalpool comes avg or max",
    "norm eps": "eps must be followed by a number",
    "norm eps 0": "eps must be a number from 1e-12 to 1, not '0'",
    "norm eps nan": "eps must be a number from 1e-12 to 1, not 'nan'",
    "norm eps 2": "eps must be a number from 1e-12 to 1, not '2'",
    "norm group": "Lightwell has no group normalisation",
    "dense": "dense must be followed by its number of units, such as dense 10",
    "dense ten": "dense must be a whole number from 1 to 4096, not 'ten'",
    "dropout 1": "dropout must be a number from 0 to 0.999, not '1'",
    "dropout -0.1": "dropout must be a number from 0 to 0.999, not '-0.1'",
    "dropout inf": "dropout must be a number",
    "flatten 3": "'3' is not known here; flatten takes nothing",
    "embed": "embed must be followed by its number of values for each symbol, such as embed 16",
    "embed 513": "embed must be a whole number from 1 to 512, not '513'",
    "lstm 513": "lstm must be a whole number from 1 to 512, not '513'",
    "lstm 8 relu": "'relu' is not known here; lstm takes nothing more",
    "lstm 8 bidirectional": "Lightwell has no bidirectional layers: a step of a trace would",
    "lstm 8 proj_size 4": "Lightwell has no projected LSTMs",
    "rnn 8 sigmoid": "'sigmoid' is not known here; rnn takes tanh or relu",
    "relu 0.1": "'0.1' is not known here; relu takes nothing more",
    "leaky_relu slope": "leaky_relu must be a number from 0 to 100, not 'slope'",
    "add": "add must name the layer to merge with, such as add pool1",
    "add from pool1": "add must name the layer to merge with",
    "relu from": "from must be followed by the name of a layer",
    "relu from a from b": "'from' is not known here",
    "Attention 8": "Lightwell has no attention layers",
    "conv1d 8": "Lightwell has no 1-D convolutions; sequences are read by lstm, gru or rnn",
    "batchnorm": "'batchnorm' is not a layer; layers are conv, pool",
    "ReLU": "'ReLU' is not a layer",
    "x" * 201: "the line has 201 characters; at most 200 are allowed",
}


@pytest.mark.parametrize(("text", "operation"), MEANINGS.items())
def test_each_word_has_its_meaning(text: str, operation: Operation) -> None:
    """Each option of each layer is read, in any order."""
    assert parse_line(text).operation == operation


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_each_activation_is_a_layer(function: str) -> None:
    """The name of an activation function alone is a layer line."""
    operation = parse_line(function).operation

    assert isinstance(operation, Activation)
    assert operation.function == function


def test_a_line_may_name_its_layer_and_the_layer_that_it_reads() -> None:
    """A name comes first, with a colon; a source last, after from."""
    line = parse_line("  stem :conv 8 from pool1 valid")

    assert (line.name, line.source) == ("stem", "pool1")
    assert line.operation == Conv(8, padding="valid")


@pytest.mark.parametrize(("text", "sentence"), WRONG.items())
def test_each_wrong_line_has_its_sentence(text: str, sentence: str) -> None:
    """A wrong word is named with its limit and what would do."""
    with pytest.raises(LayerError) as caught:
        parse_line(text)

    assert sentence in str(caught.value)


@pytest.mark.parametrize("word", UNSUPPORTED)
def test_a_layer_that_cannot_be_declared_has_a_sentence(word: str) -> None:
    """Layers of other libraries that do not exist here are named as such."""
    with pytest.raises(LayerError, match="^Lightwell has no "):
        parse_line(f"{word} 8")


WORDS = st.sampled_from(
    [*(word for line in (*MEANINGS, *WRONG) for word in line.split()), "٣", "\x07", "\u202e", "１"]
)


@given(st.one_of(st.text(max_size=220), st.lists(WORDS, max_size=9).map(" ".join)))
@settings(max_examples=200)
def test_any_text_is_a_line_or_a_sentence(text: str) -> None:
    """No text raises another error than that of a layer, and lines are written as they are read."""
    try:
        operation = parse_line(text).operation
    except LayerError:
        return
    assert parse_line(line_of(operation)).operation == operation


NUMBERS = st.integers(1, 64)
PAIRS = st.tuples(NUMBERS, NUMBERS)
PADDINGS = st.one_of(st.sampled_from(["same", "valid"]), st.tuples(*[st.integers(0, 64)] * 4))
EPSILONS = st.floats(1e-12, 1)
OPERATIONS = st.one_of(
    st.builds(Conv, NUMBERS, PAIRS, PAIRS, PADDINGS, PAIRS, NUMBERS, st.booleans()),
    st.builds(
        Pool, st.sampled_from(["max", "avg"]), PAIRS, PAIRS, PADDINGS, st.booleans(), st.booleans()
    ),
    st.builds(Norm, st.sampled_from(["batch", "layer"]), EPSILONS),
    st.builds(Dropout, st.floats(1e-9, 0.999)),
    st.builds(Activation, st.just("elu"), st.floats(1e-9, 100)),
    st.builds(Recurrent, st.sampled_from(["lstm", "gru", "rnn"]), NUMBERS),
)


@given(OPERATIONS)
@settings(max_examples=150)
def test_written_operations_are_read_again(operation: Operation) -> None:
    """The line of an operation means that operation, its numbers to the last digit."""
    assert parse_line(line_of(operation)).operation == operation


@pytest.mark.parametrize("operation", MEANINGS.values())
def test_each_kind_of_operation_is_written(operation: Operation) -> None:
    """The line of each operation means that operation."""
    assert parse_line(line_of(operation)).operation == operation
