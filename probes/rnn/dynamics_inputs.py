"""Parameters of the probe `dynamics`, and the encoded inputs that they choose."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from pydantic import BeforeValidator, Field

from models.architecture import Architecture
from probes.declaration import ModelContext, ParameterError, Parameters, ProbeCall, split_commas
from probes.rnn.targets import TWO
from probes.rnn.trajectories import symbol_inputs
from probes.shared.choices import Fault, Schema

MAX_WORD = 12
"""Most symbols of a word that the probe `dynamics` repeats."""

MAX_COMPARED = 10
"""Most symbols whose drift the probe `dynamics` shows, a line for each."""

MEAN = "mean"
"""Name of the mean of all symbols among the inputs of the probe `dynamics`."""

Vector = Float[np.ndarray, " features"]


class WordChoice:
    """Choice of a word of symbols of the network's alphabet, for the probe `dynamics`."""

    def default(self, architecture: Architecture) -> str | None:
        """Return the default word: the second symbol and the first one; None without symbols."""
        alphabet = architecture.sequence.alphabet
        return _separator(alphabet).join((alphabet[1], alphabet[0])) if alphabet else None

    def faults(self, value: Any, architecture: Architecture) -> Iterator[Fault]:
        """Yield a fault where a word has no, too many or other symbols."""
        alphabet = architecture.sequence.alphabet
        if alphabet and word_of(alphabet, value) is None:
            pattern = word_pattern(alphabet)
            yield {
                "type": "string_pattern_mismatch",
                "loc": (),
                "msg": f"String should match pattern '{pattern}'",
                "input": value,
                "ctx": {"pattern": pattern},
            }

    def describe(self, schema: Schema, architecture: Architecture) -> None:
        """Add the pattern of words of the network's alphabet to the JSON schema, and a default."""
        alphabet = architecture.sequence.alphabet
        if alphabet:
            found = {"pattern": word_pattern(alphabet), "default": self.default(architecture)}
            described = dict(sorted({**schema, **found}.items()))
            schema.clear()
            schema.update(described)


def _separator(alphabet: tuple[str, ...]) -> str:
    """Return the text between the symbols of a word: none where each is one character."""
    return "" if all(len(symbol) == 1 for symbol in alphabet) else " "


def word_pattern(alphabet: tuple[str, ...]) -> str:
    """Return the regular expression of words of an alphabet, for the probe `dynamics`."""
    if _separator(alphabet):
        symbol = "|".join(map(re.escape, alphabet))
        return f"^({symbol})( ({symbol})){{0,{MAX_WORD - 1}}}$"
    return f"^[{''.join(map(re.escape, alphabet))}]{{1,{MAX_WORD}}}$"


def word_of(alphabet: tuple[str, ...], text: str) -> list[int] | None:
    """Return the symbols of a word as indices; None where it is not a word of the alphabet."""
    if re.fullmatch(word_pattern(alphabet)[1:-1], text) is None:
        return None
    # A symbol may contain a space, or begin with another symbol.
    symbols = "|".join(map(re.escape, sorted(alphabet, key=len, reverse=True)))
    separator = _separator(alphabet)
    found = re.findall(f"({symbols})(?:{separator}|$)", text)
    return [alphabet.index(one) for one in found] if separator.join(found) == text else None


class DynamicsParameters(Parameters):
    """Parameters of the probe `dynamics`: inputs of both searches, and starting states."""

    input: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="Constant input of the fixed-point search, between the two symbols of an "
        "alphabet. A counter has no fixed points at 0 or 1, as each bit changes its state; 0.5 "
        "favours neither, but does not occur in training.",
    )
    word: Annotated[str, WordChoice()] = Field(
        "10",
        description="Word of 1 to 12 symbols, repeated, whose periodic points are searched; spaces "
        "separate symbols of several characters. Under `10` the count does not change in the long "
        "run: a stable point shows a leak.",
    )
    sequences: int = Field(32, ge=4, le=64, description="Number of held-out sequences of 64 steps.")
    points: int = Field(
        4, ge=1, le=16, description="Number of points of each search to show, slowest first."
    )
    seed: int = Field(
        0, ge=0, le=4_294_967_295, description="Seed of the starting states of the search."
    )
    symbol: str | None = Field(
        None,
        max_length=32,
        description="Symbol of the constant input, in place of `input`; of an alphabet of more "
        "than two symbols the default is the mean of all.",
    )
    features: Annotated[list[float] | None, BeforeValidator(split_commas)] = Field(
        None,
        min_length=1,
        max_length=4096,
        description="Constant features of the search, one number each; default zeros.",
    )


def check_dynamics(call: ProbeCall[DynamicsParameters]) -> None:
    """Raise `ParameterError` for an input of the dynamics that the network does not read."""
    parameters, spec = call.parameters, call.model.architecture.sequence
    if spec.alphabet:
        if parameters.features is not None:
            reason = "features are for networks of feature vectors: name a symbol"
            raise ParameterError("features", reason)
        if parameters.symbol is not None and parameters.symbol not in spec.alphabet:
            reason = f"symbol must be one of the alphabet's {len(spec.alphabet)}"
            raise ParameterError("symbol", reason)
        return
    for name in ("input", "symbol", "word"):
        if name in parameters.model_fields_set:
            reason = f"{name} is for networks of an alphabet: name {spec.features} features"
            raise ParameterError(name, reason)
    given = parameters.features
    if given is not None and (len(given) != spec.features or not np.isfinite(given).all()):
        reason = f"features must be {spec.features} finite numbers, not {len(given)}"
        raise ParameterError("features", reason)


@dataclass(frozen=True, eq=False)
class ChosenInputs:
    """Encoded inputs of the probe `dynamics`.

    Attributes:
        title: Title of the figures at the constant input.
        constant: Constant input of the fixed-point search.
        compared: Inputs whose drift is shown, by name.
        word: Inputs of the repeated word; empty for a network of features.
    """

    title: str
    constant: Vector
    compared: Mapping[str, Vector]
    word: tuple[Vector, ...]


def chosen_inputs(model: ModelContext, parameters: DynamicsParameters) -> ChosenInputs:
    """Return the encoded inputs that the parameters of the probe `dynamics` choose."""
    alphabet = model.architecture.sequence.alphabet
    if not alphabet:
        given = parameters.features or [0.0] * model.architecture.sequence.features
        vector = np.array(given, np.float64)
        return ChosenInputs("At constant features", vector, {"the features": vector}, ())
    symbols = symbol_inputs(model.architecture, model.weights)
    word = tuple(symbols[index] for index in word_of(alphabet, parameters.word) or ())
    if len(alphabet) == TWO and parameters.symbol is None:
        return _between(symbols, parameters.input, word)
    chosen = parameters.symbol or MEAN
    vectors = dict(zip(alphabet, symbols, strict=True))
    constant = vectors.get(chosen, symbols.mean(axis=0))
    shown = dict(list(vectors.items())[:MAX_COMPARED]) | {chosen: constant}
    title = f"At a constant input of {'the mean symbol' if chosen == MEAN else f'symbol {chosen}'}"
    return ChosenInputs(title, constant, shown, word)


def _between(
    symbols: Float[np.ndarray, "2 features"], chosen: float, word: tuple[Vector, ...]
) -> ChosenInputs:
    """Return the inputs of the dynamics of two symbols: a constant one between them."""

    def at(place: float) -> Vector:
        return np.asarray((1.0 - place) * symbols[0] + place * symbols[1])

    compared = {f"input {x:g}": at(x) for x in sorted({0.0, 1.0, chosen})}
    return ChosenInputs(f"At a constant input of {chosen:g}", at(chosen), compared, word)
