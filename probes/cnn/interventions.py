"""Probes `intervene` and `sweep` of images: edited activations and their effect on the logits."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import BeforeValidator, Field

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.runtime.programs import SLICE, Call, Run, in_slices
from models.runtime.sparse_input import SparseInput
from probes.cnn import targets
from probes.cnn.attribution import predicted_outputs
from probes.cnn.edits import Edit, Edits, check_edits, no_edit, scale_and_shift
from probes.cnn.images import picture
from probes.cnn.layer_values import signed_layers
from probes.cnn.targets import TargetParameters
from probes.declaration import (
    ExtraFields,
    Indices,
    ModelContext,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
    split_commas,
)
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Measure, Panels, Tensor, Tiles
from probes.shared.checks import check_channel_index
from probes.shared.choices import LayerChoice, RecordedValue
from probes.shared.class_probabilities import softmax
from probes.shared.edited_runs import ANSWERS, RUNS
from probes.shared.held_bytes import floats, in_flight, kept
from probes.shared.recovery import recovery_of


class InterventionParameters(Parameters):
    """Parameters of the image probe `intervene`: layers and channels of both runs to show."""

    layers: Annotated[
        list[str] | None,
        BeforeValidator(split_commas),
        Field(min_length=1),
        LayerChoice(lambda network: network.layers, is_limited=True),
    ] = Field(None, description="Layers to show; default the edited layers.")
    channels: Indices | None = Field(
        None,
        description="Channels (of a dense layer: units) to show; default the edited channels, and "
        "all of a layer without edits.",
    )

    def names(self, architecture: Architecture, edits: tuple[Edit, ...]) -> list[str]:
        """Return the layers that a CNN intervention shows, in the order of the network."""
        named = {edit.layer for edit in edits} if self.layers is None else set(self.layers)
        return [name for name in architecture.layers if name in named]

    def shown(self, architecture: Architecture, layer: str, edits: tuple[Edit, ...]) -> list[int]:
        """Return the channels of a layer that a CNN intervention shows."""
        if self.channels is not None:
            return self.channels
        of_layer = [edit.channels for edit in edits if edit.layer == layer]
        # An edit without channels changes all of them.
        if not of_layer or None in of_layer:
            return list(range(architecture.layers[layer].shape[-1]))
        return sorted({channel for channels in of_layer for channel in channels or ()})


def check_intervention(call: ProbeCall[InterventionParameters]) -> None:
    """Raise `ParameterError` for a CNN intervention with an invalid edit or a missing channel."""
    parameters, architecture = call.parameters, call.model.architecture
    check_edits(call.model, call.input)
    for layer in parameters.names(architecture, edits_of(call)):
        largest = max(parameters.channels or [0])
        count = architecture.layers[layer].shape[-1]
        check_channel_index("channels", layer, largest, count)


def edits_of(call: ProbeCall[Parameters]) -> tuple[Edit, ...]:
    """Return the edits that the body of a CNN intervention has."""
    return call.input.extra_as(Edits).edits


def means_of(model: ModelContext) -> Mapping[str, np.ndarray]:
    """Return each activation's mean over the training images for CNN interventions, by layer.

    Channel first; empty for weights without the artifact `units`.
    """
    record = model.artifacts.get("units")
    if record is None:
        return {}
    layers = model.architecture.layers
    return {name: np.moveaxis(record.tensors[f"{name}.mean"], -1, 0) for name in layers}


def _call(
    image: np.ndarray,
    edit: tuple[SparseInput, SparseInput],
    outputs: frozenset[str],
) -> Call:
    scale, shift = edit
    return Call("intervene", {"image": image, "scale": scale, "shift": shift}, outputs)


def intervention_held(call: ProbeCall[InterventionParameters]) -> int:
    """Return the bytes that a CNN intervention holds."""
    architecture, edits = call.model.architecture, edits_of(call)
    layers = {name: floats(*layer.shape) for name, layer in architecture.layers.items()}
    edited = sum(layers[name] for name in {edit.layer for edit in edits})
    shown = sum(layers[name] for name in call.parameters.names(architecture, edits))
    # Several edits are composed in whole vectors.
    vectors = 2 * floats(layout_of(architecture).value_count) if len(edits) > 1 else 0
    return in_flight(3, 3 * edited, shown) + edited + 4 * shown + vectors


def run_intervention(call: ProbeCall[InterventionParameters]) -> Run:
    """Run a CNN intervention: the source image, then baseline and edited image in one batch."""
    row, architecture = call.input.row, call.model.architecture
    edits, posted = edits_of(call), call.input.source
    unedited = no_edit(architecture)
    (predicted,) = yield (
        Call("predict", {"image": row["image"]}, predicted_outputs(architecture)),
    )
    source: Mapping[str, np.ndarray] = {}
    found = dict(predicted)
    if posted:
        patched = frozenset({edit.layer for edit in edits if edit.operation == "patch"})
        (source,) = yield (_call(posted["image"], unedited, patched | {"logits"}),)
        found["logits.source"] = source["logits"]
    wanted = frozenset({*call.parameters.names(architecture, edits), "logits"})
    edited = scale_and_shift(architecture, edits, means_of(call.model), source)
    calls = [_call(row["image"], each, wanted) for each in (unedited, edited)]
    # In one batch of one program: equal values are then equal to the bit.
    both = yield calls
    for name, outputs in zip(RUNS, both, strict=True):
        found |= {f"{layer}.{name}": value for layer, value in outputs.items()}
    return found


def intervene(context: ProbeContext[InterventionParameters]) -> Figure:
    """Intervention on activations: logits and maps of the edited run and of the baseline.

    Both runs use one program, in which each value is replaced by value · scale + shift; without an
    edit they are equal to the bit. For each layer there are the values of both runs and the
    difference, edited minus baseline. With a `source`, `recovery` is the share of the way that the
    edit moves the logit difference of the source's label and the baseline's label, from that of
    the image (0) to that of `source` (1); null where both labels are equal.
    """
    parameters, architecture = context.parameters, context.model.architecture
    edits = edits_of(context)
    logits = np.stack([context.outputs[f"logits.{name}"] for name in RUNS])
    figures: list[Figure] = [
        Heatmap("What the network sees", picture(context), "x"),
        Panels("Answers", _answers(logits, architecture.classes)),
    ]
    layers = [name for name in parameters.names(architecture, edits) if name != "logits"]
    maps = [_layer(context, name, parameters.shown(architecture, name, edits)) for name in layers]
    top = Panels("Both runs", tuple(figures), measures=_changes(context, logits))
    return Panels("Intervention", (top, *maps))


def _answers(
    logits: Float32[np.ndarray, "runs classes"], classes: tuple[str, ...]
) -> tuple[Heatmap, Heatmap]:
    """Heatmaps of class probabilities and logits of a CNN intervention's two runs."""
    axes, names = ("run", "label"), {"run": RUNS, "label": classes}
    unit, signed = colours.unit_interval("viridis"), colours.signed(logits)
    likely = Tensor("probabilities", "probability", axes, softmax(logits), names, unit)
    found = Tensor("logits", "logits", axes, logits, names, signed)
    return Heatmap("Probabilities", likely, "label"), Heatmap("Logits", found, "label")


def _changes(
    context: ProbeContext[Parameters], logits: Float32[np.ndarray, "runs classes"]
) -> tuple[Measure, ...]:
    """Measures of a CNN intervention: classes, change of the logit, and recovery."""
    classes = context.model.architecture.classes
    before, after = (int(one.argmax()) for one in logits)
    measures = [
        Measure("edits", len(edits_of(context))),
        Measure("label_baseline", classes[before], words=ANSWERS["baseline"]),
        Measure("label_edited", classes[after], words=ANSWERS["edited"]),
        Measure("logit_change", float(logits[1, before] - logits[0, before]), "logits"),
    ]
    if (source := context.outputs.get("logits.source")) is not None:
        answer = classes[int(source.argmax())]
        measures.append(Measure("label_source", answer, words=ANSWERS["source"]))
        measures.append(Measure("recovery", recovery(logits[1], logits[0], source)))
    return tuple(measures)


def recovery(
    edited: Float32[np.ndarray, " classes"],
    baseline: Float32[np.ndarray, " classes"],
    source: Float32[np.ndarray, " classes"],
) -> float | None:
    """Return the recovery of an intervention on images, by the logits of both predicted classes.

    None where both labels are equal.
    """
    # Difference of two logits: a shift that all logits have in common has no effect on it.
    to, away = int(source.argmax()), int(baseline.argmax())
    at = [float(one[to]) - float(one[away]) for one in (edited, baseline, source)]
    return recovery_of(*at)


def _layer(context: ProbeContext[Parameters], name: str, channels: list[int]) -> Figure:
    """Figures of one layer in a CNN intervention: baseline, edited, and their difference."""
    baseline, edited = (context.outputs[f"{name}.{each}"][channels] for each in RUNS)
    # Both runs share one colour range, so that their pictures can be compared.
    together = np.stack([baseline, edited])
    architecture = context.model.architecture
    kind = architecture.layers[name].kind
    signed = name in signed_layers(architecture) or bool((together < 0).any())
    colour = colours.signed(together) if signed else colours.non_negative(together, "viridis")
    axes = ("channel", "y", "x")[: baseline.ndim]
    at = {"channel": channels}
    difference = edited - baseline
    parts = [
        Tensor(f"{name}.{each}", kind, axes, values, at, colour)
        for each, values in zip(RUNS, (baseline, edited), strict=True)
    ]
    changed = colours.signed(difference)
    parts.append(Tensor(f"{name}.difference", "difference", axes, difference, at, changed))
    titles = ("Baseline", "Edited", "Edited minus baseline")
    figures = (
        Tiles(title, one) if one.values.ndim > 1 else Bars(title, one)
        for title, one in zip(titles, parts, strict=True)
    )
    return Panels(name, tuple(figures))


def _last_map(architecture: Architecture) -> str:
    """Return the layer of a sweep without one: the last with maps, or the first of all."""
    return next(reversed(architecture.maps or tuple(architecture.layers)[:1]))


class SweepParameters(TargetParameters):
    """Parameters of the image probe `sweep`: layer whose channels are edited in turn, operation."""

    layer: Annotated[str, LayerChoice(lambda network: network.layers, _last_map)] = Field(
        "", description="Layer whose channels (or units) are edited; default the last with maps."
    )
    operation: Annotated[Literal["zero", "mean", "patch"], RecordedValue("mean", "units")] = Field(
        "zero",
        description="Edit of one channel at a time: `zero`; `mean`, the mean over the training "
        "images at each position; `patch`, the values in the run of `source`.",
    )


class SweepSource(ExtraFields):
    """Extra fields of the image probe `sweep`: the image that `patch` takes activations from."""

    source: dict[str, Any] | None = Field(
        None, description="Second image, as `image` or `pixels`, whose values `patch` takes."
    )


def check_sweep(call: ProbeCall[SweepParameters]) -> None:
    """Raise `ParameterError` for a sweep over channels without the source or means it needs."""
    parameters = call.parameters
    targets.check_target(call)
    if parameters.operation == "patch" and not call.input.source:
        raise ParameterError("operation", "patch needs a source in the body")
    if parameters.operation == "mean" and "units" not in call.model.artifacts:
        raise ParameterError("operation", "these weights have no record of units, for the means")


def sweep_rows(call: ProbeCall[SweepParameters]) -> int:
    """Return the number of program rows that a sweep over a CNN layer's channels takes."""
    # One for each channel; and prediction, baseline and source.
    return call.model.architecture.layers[call.parameters.layer].shape[-1] + 3


def sweep_held(call: ProbeCall[SweepParameters]) -> int:
    """Return the bytes that a sweep over a CNN layer's channels holds."""
    architecture, parameters = call.model.architecture, call.parameters
    *sides, channels = architecture.layers[parameters.layer].shape
    values, logits = floats(*sides), floats(len(architecture.classes))
    patched = channels * values if parameters.operation == "patch" else 0
    # A row in flight has places, scale and shift of one channel.
    flying = in_flight(min(channels + 1, SLICE), 3 * values, logits)
    indices = 2 * channels * values  # of the layer, for the row that is being made
    return flying + kept(channels + 1, 4 * logits) + 2 * patched + indices


def run_sweep(call: ProbeCall[SweepParameters]) -> Run:
    """Run a sweep over a CNN layer: the image once for each channel, with that channel edited."""
    row, architecture = call.input.row, call.model.architecture
    parameters, unedited = call.parameters, no_edit(architecture)
    wanted = frozenset({"logits"})
    (predicted,) = yield (
        Call("predict", {"image": row["image"]}, predicted_outputs(architecture)),
    )
    source: Mapping[str, np.ndarray] = {}
    if parameters.operation == "patch":
        image = call.input.source["image"]
        (source,) = yield (_call(image, unedited, wanted | {parameters.layer}),)
    means = means_of(call.model)

    def calls() -> Iterator[Call]:
        yield _call(row["image"], unedited, wanted)
        for channel in range(architecture.layers[parameters.layer].shape[-1]):
            edit = Edit(layer=parameters.layer, channels=(channel,), operation=parameters.operation)
            edited = scale_and_shift(architecture, [edit], means, source)
            yield _call(row["image"], edited, wanted)

    found = yield from in_slices(calls())
    logits = np.stack([one["logits"] for one in found])
    outputs = {**predicted, "baseline": logits[0], "edited": logits[1:]}
    return outputs | ({"source": source["logits"]} if source else {})


_SWEPT = {"zero": "set to zero", "mean": "set to its mean", "patch": "patched"}
"""Words for the edit of each channel of a sweep."""


def sweep(context: ProbeContext[SweepParameters]) -> Figure:
    """Sweep over a layer: effect of each channel on the target logit when that channel is edited.

    `effect` is the target's logit without an edit minus that with the channel edited: positive for
    channels that increase the target, negative for those that decrease it. `edited` has all
    logits. With `patch`, `recovery` is the share of the way to the answer of `source` that each
    channel alone moves the logits.
    """
    parameters, architecture = context.parameters, context.model.architecture
    baseline, edited = context.outputs["baseline"], context.outputs["edited"]
    logits = context.outputs["logits"]
    target = targets.weights(architecture, parameters, logits).astype(np.float64)
    effect = ((baseline.astype(np.float64) - edited) @ target).astype(np.float32)
    labels = edited.argmax(axis=-1)
    measures = (
        Measure("target", targets.called(architecture, parameters, logits)),
        Measure("strongest", int(effect.argmax())),
        Measure("answers_changed", int((labels != baseline.argmax()).sum())),
    )
    bars = Bars(
        f"What the target loses without each channel of {parameters.layer}",
        Tensor("effect", "effect", ("channel",), effect, colour=colours.signed(effect)),
        highlight=int(effect.argmax()),
        measures=measures,
    )
    figures: list[Figure] = [bars, _edited_logits(edited, architecture.classes)]
    if "source" in context.outputs:
        figures.append(_recoveries(context))
    edit = _SWEPT[parameters.operation]
    return Panels(f"Sweep of {parameters.layer}: each channel {edit}", tuple(figures))


def _edited_logits(
    edited: Float32[np.ndarray, "channels classes"], classes: tuple[str, ...]
) -> Heatmap:
    """Heatmap of the logits in a sweep, with each channel of the layer edited."""
    values, names = np.ascontiguousarray(edited.T), {"label": classes}
    colour = colours.signed(edited)
    tensor = Tensor("edited", "logits", ("label", "channel"), values, names, colour)
    return Heatmap("Logits with each channel edited", tensor, "channel")


def _recoveries(context: ProbeContext[Parameters]) -> Bars:
    """Bars of each channel's recovery in a sweep; NaN where source and baseline have one digit."""
    baseline, source = context.outputs["baseline"], context.outputs["source"]
    found = [recovery(one, baseline, source) for one in context.outputs["edited"]]
    values = np.array([np.nan if one is None else one for one in found], np.float32)
    return Bars("Recovery by each channel", Tensor("recovery", "effect", ("channel",), values))


PROBES = (
    Probe(
        family="image",
        name="intervene",
        figure=intervene,
        checkpoints=True,
        parameters=InterventionParameters,
        run=run_intervention,
        rows=lambda _: 4,
        held=intervention_held,
        body=Edits,
        check=check_intervention,
        posted={"edits": [{"layer": "relu2", "channels": [3, 7], "operation": "zero"}]},
    ),
    Probe(
        family="image",
        name="sweep",
        figure=sweep,
        checkpoints=True,
        parameters=SweepParameters,
        run=run_sweep,
        rows=sweep_rows,
        held=sweep_held,
        body=SweepSource,
        check=check_sweep,
        example={"layer": "relu2"},
    ),
)
