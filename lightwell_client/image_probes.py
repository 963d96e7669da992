"""Image probes: the Python client's methods for networks of images, such as the CNN."""

from collections.abc import Iterable
from typing import Any, TypeVar, Unpack, overload

from lightwell_client.answer_list import AnswerList
from lightwell_client.answers import Answer
from lightwell_client.asking import Asking
from lightwell_client.inputs import Image
from lightwell_client.parameters import MapParameters

AnImage = TypeVar("AnImage", bound=Image)


class ImageProbes(Asking):
    """Python client: a method for each probe of networks of images."""

    @overload
    def activations(self, image: Image, **parameters: Unpack[MapParameters]) -> Answer: ...
    @overload
    def activations(
        self, image: list[AnImage], **parameters: Unpack[MapParameters]
    ) -> AnswerList: ...
    def activations(self, image: Any, **parameters: Any) -> Any:
        """Ask the server for the feature maps of every layer, or of `layers=` and `channels=`."""
        return self._ask("cnn", "activations", image, **parameters)

    @overload
    def channel(self, image: Image, layer: str, channel: int, **more: Any) -> Answer: ...
    @overload
    def channel(
        self, image: list[AnImage], layer: str, channel: int, **more: Any
    ) -> AnswerList: ...
    def channel(self, image: Any, layer: str, channel: int, **more: Any) -> Any:
        """Ask the server for a channel's map, kernel, and receptive field of its largest value."""
        return self._ask("cnn", "channel", image, layer=layer, channel=channel, **more)

    @overload
    def pixel(
        self, image: Image, layer: str, channel: int, y: int, x: int, **more: Any
    ) -> Answer: ...
    @overload
    def pixel(
        self, image: list[AnImage], layer: str, channel: int, y: int, x: int, **more: Any
    ) -> AnswerList: ...
    def pixel(self, image: Any, layer: str, channel: int, y: int, x: int, **more: Any) -> Any:
        """Ask the server for the arithmetic of a map's pixel: patch, kernel, products, bias."""
        where: dict[str, Any] = {"layer": layer, "channel": channel, "y": y, "x": x}
        return self._ask("cnn", "pixel", image, **where, **more)

    @overload
    def embedding(self, image: Image, **more: Any) -> Answer: ...
    @overload
    def embedding(self, image: list[AnImage], **more: Any) -> AnswerList: ...
    def embedding(self, image: Any, **more: Any) -> Any:
        """Ask the server for an image's place among 2,000 test images, and its nearest ones."""
        return self._ask("cnn", "embedding", image, **more)

    @overload
    def sweep(self, image: Image, source: Image | None = None, **more: Any) -> Answer: ...
    @overload
    def sweep(
        self, image: list[AnImage], source: Image | None = None, **more: Any
    ) -> AnswerList: ...
    def sweep(self, image: Any, source: Any = None, **more: Any) -> Any:
        """Ask the server for the effect of each channel of a `layer` on the target logit."""
        return self._ask("cnn", "sweep", image, source=source, **more)

    def embedded(self, image: int | None = None, **more: Any) -> Answer:
        """Ask the server for 2,000 test images on the map of `embedding`, or for one of them."""
        return self._answer_of("cnn", "embedded", image=image, **more)

    def filters(self, layers: str | Iterable[str] | None = None, **more: Any) -> Answer:
        """Ask the server for the learned filters of the CNN's convolutions, or of `layers`."""
        return self._answer_of("cnn", "filters", layers=layers, **more)

    def unit(self, layer: str, channel: int, **more: Any) -> Answer:
        """Ask the server for a unit's strongest test images, statistics and optimal image."""
        return self._answer_of("cnn", "unit", layer=layer, channel=channel, **more)

    def units(self, label: int | None = None, **more: Any) -> Answer:
        """Ask the server for the units that respond most to a class, or another ranking `by=`."""
        return self._answer_of("cnn", "units", label=label, **more)

    def descriptors(self, layer: str | None = None, **more: Any) -> Answer:
        """Ask the server for the orientation and frequency of a layer's 3x3 filters."""
        return self._answer_of("cnn", "descriptors", layer=layer, **more)

    def field(self, layer: str, **more: Any) -> Answer:
        """Ask the server for a unit's receptive field, at the middle or at `y=` and `x=`."""
        return self._answer_of("cnn", "field", layer=layer, **more)

    def layers(self, **more: Any) -> Answer:
        """Ask the server for the linear probe accuracy of each layer, and their similarity."""
        return self._answer_of("cnn", "layers", **more)
