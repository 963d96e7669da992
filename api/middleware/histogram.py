"""Histogram of observations on one thread, as the Prometheus client exposes its own."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import INF, floatToGoString


class Series:
    """Series of a Prometheus histogram: observations by bucket, and their sum.

    Args:
        bounds: Upper bounds of the buckets, ascending; the last is infinite.
    """

    __slots__ = ("_bounds", "_counts", "_created", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * len(bounds)
        self._sum = 0.0
        self._created = time.time()

    def observe(self, value: float) -> None:
        """Count a value in the first bucket of the series whose bound it does not exceed."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: dict[str, str]) -> None:
        """Add the samples of the series to its Prometheus family, with labels."""
        names = map(floatToGoString, self._bounds)
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        family.add_metric(list(labels.values()), buckets, self._sum)
        family.add_sample(f"{family.name}_created", labels, self._created)


class Histogram(Collector):
    """Prometheus histogram with a series for each value of its label, observed on one thread.

    That of the client library may be observed on any thread: it takes two locks, and searches the
    buckets one by one, which for the five observations of a request is some percent of its time.

    Args:
        name: Name of the metric.
        text: Its meaning.
        bounds: Upper bounds of the buckets, ascending, without the infinite one.
        label: Name of the label; None for a single series.
    """

    def __init__(
        self, name: str, text: str, bounds: Sequence[float], label: str | None = None
    ) -> None:
        self._name, self._text, self._label = name, text, label
        self._bounds = (*map(float, bounds), INF)
        self._series: dict[str, Series] = {}

    def series(self, value: str = "") -> Series:
        """Return the series of a value of the label; of no label the single one."""
        found = self._series.get(value)
        if found is None:
            found = self._series[value] = Series(self._bounds)
        return found

    def collect(self) -> Iterator[Metric]:
        """Prometheus family of the histogram, with all its series so far."""
        label = self._label
        names = () if label is None else (label,)
        family = HistogramMetricFamily(self._name, self._text, labels=names)
        for value, one in tuple(self._series.items()):
            one.add_to(family, {} if label is None else {label: value})
        yield family
