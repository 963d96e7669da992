"""Figures of the CNN's findings: lines by layer and rank, bars, and maps."""

import numpy as np
from jaxtyping import Float

from models.runtime.programs import Outputs
from probes.cnn.specialisation import Interchange
from probes.figures import colours
from probes.figures.figures import Bars, Coordinates, Heatmap, Lines, Panels, Tensor

DRAWS = 5
"""CNN findings: number of networks with permuted convolutions, and of those with redrawn ones."""

DEPTHS = ("pool1", "pool2", "relu3")
"""CNN findings: layers whose similarity of images `edges_to_patterns` compares."""

TUNED_LAYERS = ("conv1", "conv2")
"""CNN findings: layers whose tuning to gratings `edges_to_patterns` measures."""


def similarity_lines(similar: Float[np.ndarray, "networks layers"]) -> Lines:
    """Lines of a CNN finding: similarity of images of one digit, by layer and network."""
    title = "How often two images of one digit are more similar than images of two digits"
    lines = _beside("similar", "random", "layer", similar, {"layer": DEPTHS})
    return Lines(title, lines, "layer", (0.5, 1.0), names=_names("random"))


def _beside(
    name: str,
    other: str,
    axis: str,
    values: Float[np.ndarray, "networks places"],
    coordinates: Coordinates,
) -> tuple[Tensor, ...]:
    """Three lines of a CNN finding: the network, and the highest and lowest of the random ones."""
    rows = {
        name: values[0],
        f"{name}_{other}_high": values[1:].max(axis=0),
        f"{name}_{other}_low": values[1:].min(axis=0),
    }
    return tuple(
        Tensor(key, "statistic", (axis,), row.astype(np.float32), coordinates)
        for key, row in rows.items()
    )


def _names(other: str) -> tuple[str, ...]:
    """Names of the three lines of a CNN finding."""
    return ("trained", f"{other}, highest", f"{other}, lowest")


def tuning_bars(outputs: Outputs) -> Bars:
    """Bars of a CNN finding: mean tuning of the first layers, trained and permuted."""
    bars = {}
    for quantity in ("orientation", "frequency"):
        for layer in TUNED_LAYERS:
            trained, *others = outputs[f"{quantity}.{layer}"].mean(axis=1)
            bars[f"{layer}, {quantity}"] = trained
            bars[f"{layer}, {quantity}, permuted"] = np.mean(others)
    values = np.array(list(bars.values()), np.float32)
    tensor = Tensor("tuning", "statistic", ("tuning",), values, {"tuning": tuple(bars)})
    return Bars("Selectivity for orientation and spatial frequency of gratings", tensor)


def tuning_lines(orientation: Float[np.ndarray, "networks channels"]) -> Lines:
    """Lines of a CNN finding: orientation selectivity of the channels of conv2, by rank."""
    # Sorted by value: channels of two sets of weights have no common order.
    lines = _beside("tuned", "permuted", "rank", np.sort(orientation, axis=1), {})
    title = "Orientation selectivity of the channels of conv2, the least first"
    return Lines(title, lines, "rank", (0.0, 1.0), names=_names("permuted"))


def selectivity_lines(selective: Float[np.ndarray, "networks channels"]) -> Lines:
    """Lines of a CNN finding: selectivity of the channels of relu3 for a digit, by rank."""
    lines = _beside("selective", "random", "rank", np.sort(selective, axis=1), {})
    title = "Selectivity of the channels of relu3 for their favourite digit, the least first"
    return Lines(title, lines, "rank", (0.3, 1.0), names=_names("random"))


def exchange_bars(exchange: Interchange) -> Bars:
    """Bars of a CNN finding: answers that follow the other image, by channels exchanged."""
    names = ("selective channels", *(f"random channels {draw + 1}" for draw in range(DRAWS)))
    shares = np.array([exchange.selective, *exchange.random], np.float32)
    tensor = Tensor("answers_follow", "statistic", ("exchanged",), shares, {"exchanged": names})
    title = "Answers that become the digit of the image that the channels come from"
    return Bars(title, tensor, (0.0, 1.0), highlight=0)


def by_digit(means: Float[np.ndarray, "digits channels"]) -> Heatmap:
    """Heatmap of a CNN finding: mean maximum by digit, relative to each channel's largest."""
    most = means.max(axis=0)
    share = (means / np.where(most > 0, most, 1.0)).astype(np.float32)
    # Channels with one favourite digit are adjacent.
    order = np.argsort(share.argmax(axis=0), kind="stable")
    tensor = Tensor(
        "activation_by_digit",
        "statistic",
        ("digit", "channel"),
        np.ascontiguousarray(share[:, order]),
        {"channel": order.tolist()},
        colours.unit_interval("viridis"),
    )
    return Heatmap("Mean maximum by digit, as a share of the channel's largest", tensor, "channel")


def maps_of(outputs: Outputs) -> Panels:
    """Panels of a CNN finding: a channel's map of an image, and of the image displaced."""
    # The most active channel, so that the picture is not black.
    strongest = int(outputs["still"].max(axis=(1, 2)).argmax())
    maps = [outputs[name][strongest] for name in ("still", "moved")]
    colour = colours.non_negative(np.stack(maps), "viridis")
    titles = (f"Channel {strongest} of relu3", "The same, of the image moved 4 pixels right")
    figures = tuple(
        Heatmap(title, Tensor(name, "post_activation", ("y", "x"), one, colour=colour), "x")
        for title, name, one in zip(titles, ("map", "map_moved"), maps, strict=True)
    )
    return Panels("A map moves with the image", figures, 2)
