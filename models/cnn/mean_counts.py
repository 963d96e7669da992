"""Numbers of values that the windows of an average pool divide by."""

from dataclasses import replace

from models.declaration.operations import Pool
from models.windows import windows


def mean_counts(operation: Pool, axis: int, inputs: int) -> list[int]:
    """Return the number of rows or columns of feature maps that the mean of each window counts.

    Args:
        operation: Average pool.
        axis: 0 for rows, 1 for columns.
        inputs: Size of the map along it.
    """
    along = windows(operation, axis, inputs)
    if not operation.count_padding:
        return [last - first + 1 for first, last in along.spans]
    # Padding counts, and what a last window has beyond it does not, as in PyTorch.
    end = inputs + windows(replace(operation, ceil=False), axis, inputs).after
    starts = (index * along.stride - along.before for index in range(along.count))
    return [min(start + along.size, end) - start for start in starts]
