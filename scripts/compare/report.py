"""Report of a comparison of checkouts: counts, gaps, expected and unexplained differences."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from scripts.compare.coverage import Coverage
from scripts.compare.differences import Difference
from scripts.compare.expected import EXPECTED, reason_for
from scripts.compare.problems import NOT_PROVOKED
from scripts.compare.wire import Request

MOST_REQUESTS = 40  # with unexplained differences that are listed
MOST_DIFFERENCES = 4  # listed of each
MOST_TEXTS = 60


@dataclass
class Report:
    """Report of a comparison: differences that are unexplained, expected, or texts for people."""

    unexplained: dict[str, list[Difference]] = field(default_factory=dict)
    expected: Counter[str] = field(default_factory=Counter)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(
        self, request: Request, difference: Difference, statuses: tuple[int, int] = (200, 200)
    ) -> None:
        """Sort one difference into the comparison's report; the statuses are old, then new."""
        if (reason := reason_for(request, difference, statuses)) is not None:
            self.expected[reason] += 1
        elif difference.text:
            self.texts.setdefault((difference.old, difference.new), request.name)
        else:
            self.unexplained.setdefault(request.name, []).append(difference)

    @property
    def equal(self) -> bool:
        """Whether the comparison's report has neither unexplained differences nor gaps."""
        return not self.unexplained and not self.gaps

    def lines(self, coverage: Coverage, operations: int) -> Iterator[str]:
        """Write the comparison's report, line by line."""
        yield from self._texts()
        yield from self._expected()
        yield from (f"refused by OLD: {one}" for one in self.refused)
        yield from (f"gap: {gap}" for gap in self.gaps)
        yield from self._unexplained()
        parameters = len(coverage.parameters)
        yield (
            f"{coverage.requests} requests, {operations} operations, {parameters} parameters, "
            f"{len(coverage.problems)} problem types; {len(self.texts)} texts differ, "
            f"{sum(self.expected.values())} expected differences, "
            f"{sum(map(len, self.unexplained.values()))} unexplained in "
            f"{len(self.unexplained)} requests, {len(self.gaps)} gaps"
        )

    def _texts(self) -> Iterator[str]:
        for (old, new), name in list(self.texts.items())[:MOST_TEXTS]:
            yield f"text differs: {name}\n    old {old}\n    new {new}"
        if len(self.texts) > MOST_TEXTS:
            yield f"… and {len(self.texts) - MOST_TEXTS} more texts"

    def _expected(self) -> Iterator[str]:
        for reason, count in self.expected.items():
            yield f"expected, {count} differences: {reason}"
        for one in EXPECTED:
            if one.reason not in self.expected:
                yield f"expected, but not found: {one.request}: {one.reason}"
        for kind, reason in NOT_PROVOKED.items():
            yield f"problem type not provoked: {kind}: {reason}"

    def _unexplained(self) -> Iterator[str]:
        for name, found in list(self.unexplained.items())[:MOST_REQUESTS]:
            yield f"DIFFERENT: {name}"
            for one in found[:MOST_DIFFERENCES]:
                yield f"    {one.where}: old {one.old}, new {one.new}"
            if len(found) > MOST_DIFFERENCES:
                yield f"    … and {len(found) - MOST_DIFFERENCES} more"
        if len(self.unexplained) > MOST_REQUESTS:
            yield f"… and {len(self.unexplained) - MOST_REQUESTS} more requests"
