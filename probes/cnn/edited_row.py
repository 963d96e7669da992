"""Row of the program `intervene` that holds only the edited values until its batch is formed."""

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float32, Int, Shaped


def edited_places(
    scale: Float32[np.ndarray, " values"], shift: Float32[np.ndarray, " values"]
) -> Int[np.ndarray, " edited"]:
    """Return the places at which an edited row has another scale than 1 or another shift than 0."""
    # By bits: a shift of -0.0 changes the sign of a value of -0.0.
    return np.flatnonzero((scale != 1) | (shift.view(np.int32) != 0))


class EditedRow(Mapping[str, np.ndarray]):
    """Row of the CNN program `intervene`, whose scale and shift are arrays only while it is read.

    A sweep queues a row for each channel. Scale and shift of all values take 800 KB for the shipped
    network, those of one channel a hundredth of it.

    Args:
        image: Image of the row.
        places: Indices of the edited values among those of all layers.
        scale: Scale of every value, of which those at `places` are kept; 1 elsewhere.
        shift: Shift of every value, of which those at `places` are kept; 0 elsewhere.
    """

    def __init__(
        self,
        image: Shaped[np.ndarray, "*image"],
        places: Int[np.ndarray, " edited"],
        scale: Float32[np.ndarray, " values"],
        shift: Float32[np.ndarray, " values"],
    ) -> None:
        self._image = image
        self._count = len(scale)
        self._places = places.astype(np.int32)
        self._edited = {"scale": scale[places], "shift": shift[places]}

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the image of an edited row, or its scale or shift of all values."""
        if name == "image":
            return self._image
        values = np.full(self._count, name == "scale", np.float32)
        values[self._places] = self._edited[name]
        return values

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of an edited row's inputs."""
        return iter(("image", *self._edited))

    def __len__(self) -> int:
        """Number of an edited row's inputs."""
        return 1 + len(self._edited)
