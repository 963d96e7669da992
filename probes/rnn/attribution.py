"""Probe `attribution` of sequences: to each step by four methods, with completeness checks."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from models.architecture import LEAST_CHUNK, Architecture
from models.rnn.analyses import CHUNK
from models.rnn.layout import FREE_CHUNK, layout_of
from models.rnn.programs import run_sequence
from models.runtime.programs import SLICE, Row, Run
from probes.declaration import (
    Indices,
    LayerChoice,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
    ResultWarning,
)
from probes.figures import colours
from probes.figures.figures import Bars, Coordinates, Figure, Heatmap, Measure, Panels, Tensor
from probes.rnn.attribution_input import (
    AttributionInput,
    absent_step,
    baseline_names,
    default_baseline,
)
from probes.rnn.attribution_methods import MAX_BLOCKS_IN_FLIGHT, METHODS
from probes.rnn.path_integral import MAX_EVALUATIONS, PART_NODES, incompleteness
from probes.rnn.strips import BITS, sequence_strip
from probes.rnn.targets import TWO, SequenceTargetParameters, logit_weights, target_title
from probes.shared.completeness import completeness
from probes.shared.held_bytes import floats, in_flight, kept

MAX_FREE = 16
"""Most free steps of exact Shapley values: 2^16 = 65,536 sequences are run."""

MAX_SHAPLEY_FLOPS = 200_000_000_000
"""Most floating-point operations of exact Shapley values, which take some seconds."""

METHOD_TITLES: Mapping[str, str] = {
    "flip": "What flipping each {} takes away",
    "replace": "What replacing each {} takes away",
    "shapley": "Shapley value of each {}",
    "integrated_gradients": "Integrated gradients of each {}",
    "gradient_x_input": "Gradient times input of each {}",
}
"""Titles of attribution methods, with a gap for the noun of a step."""


def method_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the attribution methods of a network: `flip` only between two symbols."""
    other = "replace" if len(architecture.sequence.alphabet) == TWO else "flip"
    return tuple(name for name in METHODS if name != other)


class StepParameters(SequenceTargetParameters):
    """Parameters of the probe `attribution`: method, settings, and attributed steps."""

    method: Annotated[str, LayerChoice(method_names)] = Field(
        "shapley",
        description="`flip`, loss of the target when one bit is flipped, or in other alphabets "
        "`replace`, when one step is absent; `shapley`, exact Shapley values: the mean marginal "
        "contribution of a step over all orders; `integrated_gradients`, from a baseline; "
        "`gradient_x_input`.",
    )
    baseline: Annotated[str, LayerChoice(baseline_names, default_baseline)] = Field(
        "zero",
        description="Value of an absent step, for `replace`, `shapley` and "
        "`integrated_gradients`. Of counted bits `zero`, `one`, or `half`, which favours neither "
        "but does not occur in training; of other alphabets `zero` (a vector of zeros), a symbol, "
        "or the `mean` of all symbols, the default; of features `zero` or the `mean` over the "
        "sequence. The attribution of a step that equals the baseline is exactly 0.",
    )
    free: Indices | None = Field(
        None,
        description="Attributed steps, counted from 1, default all; other steps keep their values. "
        f"At most {MAX_FREE} for `shapley`, fewer of large networks.",
    )
    nodes: int = Field(
        200,
        ge=2,
        le=200,
        description="Gauss-Legendre nodes of `integrated_gradients` over the whole path. Parts of "
        "the path whose sum misses the change of the target are halved, with "
        f"{PART_NODES} nodes each, up to {MAX_EVALUATIONS:,} gradients.",
    )

    def steps(self, row: Row) -> list[int]:
        """Return the attributed steps, sorted and without duplicates."""
        every = range(1, len(row["sequence"]) + 1)
        return list(every) if self.free is None else sorted(set(self.free))


def noun_of(architecture: Architecture) -> str:
    """Return the noun of a step in the texts of attributions: `bit`, or `step`."""
    return "bit" if architecture.sequence.alphabet == BITS else "step"


def check_free(call: ProbeCall[StepParameters]) -> None:
    """Raise `ParameterError` for an attribution of too long a sequence or too many free steps."""
    row, parameters, architecture = call.input.row, call.parameters, call.model.architecture
    last = len(row["sequence"])
    # The gradient program takes one chunk: gradients are not carried from chunk to chunk.
    if last > CHUNK:
        reason = f"attributions take sequences of up to {CHUNK} steps; this one has {last}"
        raise ParameterError("method", reason)
    for step in parameters.free or ():
        if not 1 <= step <= last:
            raise ParameterError("free", f"step {step} is not one of the sequence's, 1 to {last}")
    free, most = len(parameters.steps(row)), _most_free(architecture, last)
    if parameters.method == "shapley" and free > most:
        reason = (
            f"shapley takes up to {most} free {noun_of(architecture)}s, not {free}: name their "
            "steps in free"
        )
        raise ParameterError("free", reason)


def _most_free(architecture: Architecture, steps: int) -> int:
    """Return the most free steps of exact Shapley values: fewer of a large network."""
    flops = max(architecture.flops // LEAST_CHUNK, 1) * steps
    return min(MAX_FREE, (MAX_SHAPLEY_FLOPS // flops).bit_length() - 1)


def rows(call: ProbeCall[StepParameters]) -> int:
    """Return the number of program rows that an attribution and its prediction take."""
    row, parameters = call.input.row, call.parameters
    free = len(parameters.steps(row))
    match parameters.method:
        case "flip" | "replace":
            # The sequence unedited, and its prediction.
            return free + 2
        case "shapley":
            blocks = -(-(1 << free) // layout_of(call.model.architecture).block)
            return blocks * -(-len(row["sequence"]) // FREE_CHUNK) + 2
        case "integrated_gradients":
            return MAX_EVALUATIONS + 1
        case _:
            return 2


def held(call: ProbeCall[StepParameters]) -> int:
    """Return the bytes that an attribution to the steps of a sequence holds."""
    architecture, parameters = call.model.architecture, call.parameters
    layout, free = layout_of(architecture), len(parameters.steps(call.input.row))
    row, logits = floats(CHUNK, *layout.encoded_shape), floats(len(architecture.classes))
    by_step = CHUNK if architecture.declaration.answer == "every" else 1
    flying = in_flight(SLICE, row, row + by_step * logits)
    gradient = floats(free, *layout.encoded_shape)
    match parameters.method:
        case "flip" | "replace":
            return flying + kept(free + 1, 2 * by_step * logits)
        case "shapley":
            states = sum(state.units for state in architecture.states)
            step = floats(layout.block, *layout.encoded_shape)
            # Blocks of coalitions with their states, before and after a chunk.
            blocks = (len(call.input.row["sequence"]) + 2 * FREE_CHUNK) * step
            blocks += 4 * floats(layout.block, states) + 2 * layout.block * logits
            return MAX_BLOCKS_IN_FLIGHT * blocks + (1 << free) * (4 * logits + 32)
        case "integrated_gradients":
            return flying + kept(MAX_EVALUATIONS // 4, 6 * gradient)
        case _:
            return flying


def run(call: ProbeCall[StepParameters]) -> Run:
    """Run the network's prediction, then the attribution method."""
    row, parameters, architecture = call.input.row, call.parameters, call.model.architecture
    predicted = yield from run_sequence(architecture, "predict", row, frozenset({"logits"}))
    given = attribution_input(call, predicted["logits"])
    found = yield from METHODS[parameters.method](given)
    return {**predicted, **found}


def attribution_input(call: ProbeCall[StepParameters], logits: np.ndarray) -> AttributionInput:
    """Build the input of the attribution methods from a call and the logits of its sequence."""
    row, parameters, architecture = call.input.row, call.parameters, call.model.architecture
    present = layout_of(architecture).encode(row["sequence"], call.model.weights)
    # Steps count from 1 in requests, positions in the sequence from 0.
    free = np.array(parameters.steps(row), np.int64) - 1
    absent = present.copy()
    absent[free] = absent_step(call.model, present, parameters.baseline)
    target = logit_weights(architecture, logits, parameters.target)
    return AttributionInput(architecture, row, present, absent, free, target, parameters.nodes)


def attribution(context: ProbeContext[StepParameters]) -> Figure:
    """Attribution of the target logit to the steps of the sequence.

    Blue increases the target, red decreases it. `flip` is the target minus the target with that bit
    flipped, `replace` minus the target with that step absent. Shapley values sum to `f_input` minus
    `f_baseline` exactly, integrated gradients up to the quadrature, of `evaluations` gradients;
    `delta` is the error of the sum. All methods but `flip` compare a step with a baseline, so with
    `zero` the attribution of a 0 is 0. Of a step that the network reads as a vector it is the sum
    over the features. Where gates or the candidate saturate, as those of a counting unit do,
    gradients vanish: `gradient_x_input` can be near 0 for every step, although another input there
    would change the answer.
    """
    parameters, architecture = context.parameters, context.model.architecture
    noun, title = noun_of(architecture), METHOD_TITLES[parameters.method]
    values = context.outputs["attribution"].astype(np.float32)
    at = {"step": parameters.steps(context.input.row)}
    tensor = Tensor("attribution", "attribution", ("step",), values, at, colours.signed(values))
    figures: list[Figure] = [
        sequence_strip(context),
        Heatmap("Blue speaks for it, red against it", tensor, "step"),
        Bars(title.format(noun), tensor, measures=_measures(context)),
        *_gradient(context, at),
    ]
    target = target_title(architecture, context.logits, parameters.target)
    return Panels(f"Attribution of the logit of {target}", tuple(figures))


def _gradient(context: ProbeContext[StepParameters], at: Coordinates) -> tuple[Figure, ...]:
    """Figure of the gradient by each step, or each feature of it; none for other methods."""
    gradient = context.outputs.get("gradient")
    if gradient is None:
        return ()
    architecture = context.model.architecture
    title, colour = f"Gradient by each {noun_of(architecture)}", colours.signed(gradient)
    if gradient.ndim == 1:
        slope = Tensor("gradient", "attribution", ("step",), gradient, at, colour)
        return (Bars(title, slope),)
    spec = architecture.sequence
    named: Coordinates = {"feature": spec.alphabet} if spec.encoding == "one-hot" else {}
    slope = Tensor(
        "gradient", "attribution", ("step", "feature"), gradient, {**at, **named}, colour
    )
    return (Heatmap(f"{title} and feature", slope, "step"),)


def _measures(context: ProbeContext[Parameters]) -> tuple[Measure, ...]:
    """Measures of an attribution: completeness terms, sum, and number of changed answers."""
    found = context.outputs
    measures = completeness(found)
    measures.append(Measure("sum", float(found["attribution"].sum()), "logits"))
    counted = [name for name in ("answers_changed", "evaluations") if name in found]
    return (*measures, *(Measure(name, int(found[name])) for name in counted))


def incomplete(context: ProbeContext[StepParameters]) -> list[ResultWarning]:
    """Warn about an attribution by integrated gradients whose sum misses the difference."""
    if context.parameters.method != "integrated_gradients":
        return []
    delta, end, start = (float(context.outputs[n]) for n in ("delta", "f_input", "f_baseline"))
    without_path = method_names(context.model.architecture)[:2]
    return incompleteness(delta, end - start, without_path)


PROBES = (
    Probe(
        family="sequence",
        name="attribution",
        figure=attribution,
        parameters=StepParameters,
        run=run,
        rows=rows,
        held=held,
        checkpoints=True,
        check=check_free,
        warnings=incomplete,
        example={"method": "integrated_gradients", "baseline": "half", "nodes": "16"},
    ),
)
