"""Matching of tensors with declared layers: what decides, and what is refused."""

import re
from typing import Any

import numpy as np
import pytest

from models.architecture import Architecture
from models.derivation import derive
from models.importers import matching
from models.importers.errors import ConversionError
from models.importers.fitting import fit
from models.importers.matching import match_tensors
from tests.models.importers.comparison import declared
from tests.oracles.interpreter import interpret

RANDOM = np.random.default_rng(7)


def conv(filters: int, channels: int, size: int = 3) -> np.ndarray:
    """Return a kernel as PyTorch has it."""
    return RANDOM.normal(0, 1, (filters, channels, size, size)).astype(np.float32)


def two(last: str = "conv 4, relu, conv 4") -> Architecture:
    """Return the architecture of two convolutions of one shape behind a first one."""
    return derive(declared("image = [8, 8, 1]", 4, f"first: conv 4 5x5, relu, {last}, globalpool"))


def tensors(first: str, second: str) -> dict[str, np.ndarray]:
    """Return three convolutions with biases, of which the last two have these names."""
    found = {"first.weight": conv(4, 1, 5), "first.bias": np.zeros(4, np.float32)}
    for name in (first, second):
        found |= {f"{name}.weight": conv(4, 4), f"{name}.bias": np.zeros(4, np.float32)}
    return found


def test_two_layers_of_one_shape_without_an_order_are_refused() -> None:
    """Both candidates are named, and the line that decides."""
    with pytest.raises(ConversionError) as error:
        match_tensors(two(), tensors("stem", "body"))

    assert str(error.value) == (
        "layer conv2 (conv 4) may be stem.weight or body.weight, of one shape: name the layers as "
        'the file does ("stem: conv 4"), or give a reference with the original\'s answers'
    )


def test_names_in_the_declaration_decide() -> None:
    """Layers that are named as in the file take its tensors in any order of the file."""
    given = tensors("stem", "body")

    found = match_tensors(two("body: conv 4, relu, stem: conv 4"), given)

    np.testing.assert_array_equal(
        found.parameters["body.kernel"], given["body.weight"].transpose(2, 3, 1, 0)
    )
    assert set(found.by.values()) == {"name"}


def test_a_reference_decides() -> None:
    """Of all matches that shapes allow, the one that gives the original's answers is taken."""
    given = tensors("stem", "body")
    right = given["body.weight"].transpose(2, 3, 1, 0)

    found = match_tensors(
        two(), given, lambda parameters: np.array_equal(parameters["conv2.kernel"], right)
    )

    np.testing.assert_array_equal(found.parameters["conv2.kernel"], right)
    assert found.by["conv2"] == found.by["conv3"] == "reference"


def test_a_reference_that_no_match_gives_is_refused() -> None:
    """Where no match gives the original's answers none is taken."""
    with pytest.raises(ConversionError, match="none of 2 matches by shape give the answers"):
        match_tensors(two(), tensors("stem", "body"), lambda _: False)


def squares(*names: str) -> dict[str, np.ndarray]:
    """Return square matrices of 8 x 8, by the names of their layers."""
    return {f"{name}.weight": np.eye(8, dtype=np.float32) for name in names}


def test_too_few_layers_of_one_shape_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file lacks one of ten equal layers, ten factorial matches are not tried."""
    lines = ", relu, ".join(["flatten, first: dense 8", *["dense 8"] * 10])
    given = squares(*"abcdefghi") | {"first.weight": np.ones((8, 12), np.float32)}
    calls = []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        assert len(calls) <= 1000
        return fit(*arguments)

    monkeypatch.setattr(matching, "fit", counted)

    with pytest.raises(ConversionError) as error:
        match_tensors(derive(declared("image = [2, 2, 3]", 8, lines)), given, lambda _: True)

    assert str(error.value) == (
        "10 declared layers, one of them output (dense 8), need a layer of the file each, and only "
        "9 fit them"
    )


def test_a_search_for_matches_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes more choices than allowed is refused as ambiguous."""
    monkeypatch.setattr(matching, "MAX_CHOICES", 3)

    with pytest.raises(ConversionError, match=r"may be stem\.weight or body\.weight"):
        match_tensors(two(), tensors("stem", "body"), lambda _: True)


def test_numbers_in_names_decide() -> None:
    """Names that differ in a number alone are in its order, also 10 after 9."""
    given = tensors("block.9", "block.10")

    found = match_tensors(two(), given)

    np.testing.assert_array_equal(
        found.parameters["conv2.kernel"], given["block.9.weight"].transpose(2, 3, 1, 0)
    )


def test_numbers_that_begin_elsewhere_are_no_names() -> None:
    """Convolutions that the file counts from 0 are taken in order, not by our equal names."""
    lines = "conv 4 nobias, relu, conv 4 nobias, relu, conv 4 nobias, globalpool"
    architecture = derive(declared("image = [8, 8, 3]", 4, lines))
    given = {"conv0.weight": conv(4, 3), "conv1.weight": conv(4, 4), "conv2.weight": conv(4, 4)}

    found = match_tensors(architecture, given)

    np.testing.assert_array_equal(
        found.parameters["conv2.kernel"], given["conv1.weight"].transpose(2, 3, 1, 0)
    )


def test_a_transposed_matrix_is_not_mistaken() -> None:
    """Two square layers of one size are refused, too: shapes leave two ways."""
    architecture = derive(declared("image = [2, 2, 1]", 4, "flatten, dense 4, relu, dense 4"))
    given = {"a.weight": np.eye(4, dtype=np.float32), "b.weight": np.ones((4, 4), np.float32)}

    with pytest.raises(ConversionError, match=r"may be a\.weight or b\.weight, of one shape"):
        match_tensors(architecture, given)


def test_rows_after_a_flatten_follow_norms_and_branches() -> None:
    """The order of a flattened vector is kept by a normalisation and by concatenation."""
    lines = "a: flatten, b: conv 2 1x1 nobias from input, c: flatten, concat a from c, bn: norm"
    lines += ", fc: dense 3 nobias"
    architecture = derive(declared("image = [2, 3, 3]", 3, lines))
    maps, kernel = RANDOM.normal(0, 1, (2, 3, 3)), conv(2, 3, 1)
    given = {"b.weight": kernel, "fc.weight": RANDOM.normal(0, 1, (3, 30)).astype(np.float32)}
    for name in ("weight", "bias", "running_mean", "running_var"):
        given[f"bn.{name}"] = RANDOM.uniform(0.5, 1.5, 30).astype(np.float32)
    mixed = maps @ kernel[:, :, 0, 0].T
    vector = np.concatenate([one.transpose(2, 0, 1).reshape(-1) for one in (mixed, maps)])
    spread = np.sqrt(given["bn.running_var"] + 1e-5)
    normal = (vector - given["bn.running_mean"]) / spread
    wanted = given["fc.weight"] @ (normal * given["bn.weight"] + given["bn.bias"])

    found = match_tensors(architecture, given)
    values = interpret(architecture.declaration, found.parameters, maps)

    np.testing.assert_allclose(values["logits"], wanted, rtol=1e-5)


MERGED = "conv 2, flatten, dense 32, add flatten1, dense 4"


def test_a_sum_of_vectors_of_different_orders_is_refused() -> None:
    """Values of a dense layer of PyTorch and of a flattened map have two orders."""
    given = {
        "conv.weight": conv(2, 1),
        "one.weight": RANDOM.normal(0, 1, (32, 32)).astype(np.float32),
        "two.weight": RANDOM.normal(0, 1, (4, 32)).astype(np.float32),
    }
    architecture = derive(declared("image = [4, 4, 1]", 4, MERGED))

    with pytest.raises(
        ConversionError, match="vectors of different orders are added, which cannot"
    ):
        match_tensors(architecture, given)


def test_answers_that_are_flattened_maps_are_refused() -> None:
    """PyTorch has them in the order channel, row, column; of one channel both orders are one."""
    architecture = derive(declared("image = [2, 2, 1]", 8, "conv 2, flatten"))
    with pytest.raises(ConversionError, match="the answers are flattened maps in another order"):
        match_tensors(architecture, {"conv.weight": conv(2, 1), "conv.bias": np.zeros(2, "f4")})

    architecture = derive(declared("image = [2, 2, 1]", 4, "conv 1, flatten"))
    given = {"conv.weight": conv(1, 1), "conv.bias": np.zeros(1, "f4")}
    assert set(match_tensors(architecture, given).parameters) == {"conv1.kernel", "conv1.bias"}


def test_a_sum_is_as_declared_where_orders_are_equal() -> None:
    """Flax flattens as we do, and maps of one channel have one order."""
    flax = {
        "conv.kernel": conv(2, 1).transpose(2, 3, 1, 0),
        "one.kernel": RANDOM.normal(0, 1, (32, 32)).astype(np.float32),
        "two.kernel": RANDOM.normal(0, 1, (32, 4)).astype(np.float32),
    }
    found = match_tensors(derive(declared("image = [4, 4, 1]", 4, MERGED)), flax)
    np.testing.assert_array_equal(found.parameters["dense1.kernel"], flax["one.kernel"])

    torch = {
        "conv.weight": conv(1, 1),
        "one.weight": RANDOM.normal(0, 1, (16, 16)).astype(np.float32),
        "two.weight": RANDOM.normal(0, 1, (4, 16)).astype(np.float32),
    }
    layers = "conv 1, flatten, dense 16, add flatten1, dense 4"
    found = match_tensors(derive(declared("image = [4, 4, 1]", 4, layers)), torch)
    np.testing.assert_array_equal(found.parameters["dense1.kernel"], torch["one.weight"].T)


def test_a_normalisation_is_found_next_to_its_convolution() -> None:
    """In a container it follows the convolution; elsewhere it has the convolution's number."""
    lines = "stem: conv 4 nobias, norm, relu, conv2: conv 4 1x1 nobias, relu, norm, "
    lines += "conv3: conv 4 5x5 nobias, norm, globalpool"
    given = {
        "stem.0.weight": conv(4, 3),
        "conv2.weight": conv(4, 4, 1),
        "conv3.weight": conv(4, 4, 5),
    }
    for place, name in enumerate(("bn3", "bn2", "stem.1")):
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            given[f"{name}.{tensor}"] = np.full(4, place, np.float32)

    found = match_tensors(derive(declared("image = [8, 8, 3]", 4, lines)), given)

    assert [found.parameters[f"norm{index}.mean"][0] for index in (1, 2, 3)] == [2, 1, 0]
    assert found.by["norm2"] == "neighbour"


def test_absent_biases_and_scales_become_constants() -> None:
    """Zeros stand for a bias that the file lacks, ones for the scale of a bare normalisation."""
    architecture = derive(declared("image = [4, 4, 1]", 2, "conv 2, norm, globalpool"))
    statistics = {f"1.running_{name}": np.full(2, 2, np.float32) for name in ("mean", "var")}

    found = match_tensors(architecture, {"0.weight": conv(2, 1)} | statistics)

    assert found.parameters["conv1.bias"].tolist() == [0, 0]
    assert found.parameters["norm1.scale"].tolist() == [1, 1]
    matches = {match.ours: match for match in found.matches}
    assert matches["conv1.bias"].theirs == ()
    assert matches["conv1.kernel"] == ("conv1.kernel", ("0.weight",), "OIHW to HWIO")


REFUSED = {
    "of another shape": (
        {"first.weight": conv(4, 1), "a.weight": conv(4, 4), "b.weight": conv(4, 4)},
        "needs kernel (5, 5, 1, 4), bias (4,), and first has weight (4, 1, 3, 3): correct the line",
    ),
    "missing": (
        {"first.weight": conv(4, 1, 5), "block.1.weight": conv(4, 4)},
        "layer conv3 (conv 4) needs kernel (3, 3, 4, 4), bias (4,), and no tensor of the file fits",
    ),
    "left over": (
        tensors("block.1", "block.2") | {"head.weight": np.zeros((3, 4), np.float32)},
        "no declared layer takes head.weight",
    ),
    "bidirectional": (
        {"rnn.weight_ih_l0": np.zeros((4, 2)), "rnn.weight_ih_l0_reverse": np.zeros((4, 2))},
        "tensor rnn.weight_ih_l0_reverse is of a bidirectional layer",
    ),
    "projected": (
        {"rnn.weight_hr_l0": np.zeros((4, 2))},
        "is of a projected LSTM (proj_size)",
    ),
    "attention": ({"a.in_proj_weight": np.zeros((4, 2))}, "is of an attention layer"),
    "weight norm": (
        {"a.parametrizations.weight.original0": np.zeros((4, 2))},
        "is of a parametrised weight",
    ),
    "whole numbers": (
        {"first.weight": np.zeros((4, 1, 5, 5), np.int8)},
        "tensor first.weight is of int8: weights must be floating-point",
    ),
    "not finite": (
        {"first.weight": np.full((4, 1, 5, 5), np.nan)},
        "tensor first.weight has values that are not finite",
    ),
    "nothing": ({}, "the file holds no tensors of a network"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_match_is_refused_with_names(name: str) -> None:
    """Each kind of tensors that do not fit gets a sentence that names them."""
    given, reason = REFUSED[name]

    with pytest.raises(ConversionError, match=re.escape(reason)):
        match_tensors(two(), given)


def test_counters_and_random_states_are_dropped() -> None:
    """Tensors that no answer depends on need no layer."""
    given = tensors("block.1", "block.2")
    given["bn.num_batches_tracked"] = np.int64(3)
    given["dropout.rngs.count"] = np.uint32(1)

    assert len(match_tensors(two(), given).parameters) == 6
