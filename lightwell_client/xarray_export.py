"""Export of the Python client's tensors to xarray, an optional package."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lightwell_client.optional import optional_package

if TYPE_CHECKING:
    import xarray

    from lightwell_client.answers import Tensor

NOT_INSTALLED = "to_xarray() needs xarray, which is not installed: pip install xarray"


class Dataset(NamedTuple):
    """Contents of a data set of xarray besides the tensors of the Python client's answers.

    Attributes:
        coordinates: Coordinates by name, as xarray takes them.
        attributes: Attributes by name: the network, the digest of its weights.
    """

    coordinates: Mapping[str, Any]
    attributes: Mapping[str, str]


def to_data_array(tensor: "Tensor") -> "xarray.DataArray":
    """Return a tensor of the Python client as an array of xarray, with the names of its axes.

    Raises:
        ImportError: xarray is not installed.
    """
    held = {axis: list(labels) for axis, labels in tensor.coordinates.items()}
    found: xarray.DataArray = optional_package("xarray", NOT_INSTALLED).DataArray(
        tensor.values, held, tensor.axes, tensor.name, {"kind": tensor.kind}
    )
    return found


def to_dataset(tensors: "Iterable[Tensor]", besides: Dataset) -> "xarray.Dataset":
    """Return tensors of the Python client as a data set of xarray.

    An axis whose size differs between tensors, such as the rows of maps, is named after the tensor
    in each of them (`relu3.y`), because a data set has one size for each name. A tensor with the
    name of an axis has `.values` at its end (`image.values`).

    Raises:
        ImportError: xarray is not installed.
    """
    arrays = [to_data_array(one) for one in tensors]
    kept: dict[Hashable, set[Any]] = {}
    for one in arrays:
        for axis in one.dims:
            kept.setdefault(axis, set()).add(_labels(one, axis))
    renamed = [
        one.rename({axis: f"{one.name}.{axis}" for axis in one.dims if len(kept[axis]) > 1})
        for one in arrays
    ]
    named = {f"{one.name}.values" if one.name in kept else one.name: one for one in renamed}
    found: xarray.Dataset = optional_package("xarray", NOT_INSTALLED).Dataset(
        named, besides.coordinates, besides.attributes
    )
    return found


def _labels(array: "xarray.DataArray", axis: Hashable) -> Any:
    """Return size and labels of an axis of a tensor of the client, to compare axes of one name."""
    labels = tuple(array.coords[axis].values.tolist()) if axis in array.coords else None
    return array.sizes[axis], labels
