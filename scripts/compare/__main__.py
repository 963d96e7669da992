"""Compare the answers of two checkouts on this machine, in one run of `scripts.compare`.

    python -m scripts.compare OLD NEW
    python -m scripts.compare OLD NEW --only '/cnn/sweep*'

Both are started as `python -m api` in their own folders with this interpreter, on loopback. Every
operation that the OpenAPI document of OLD lists is asked in each format, with each parameter and
each form of body, and each problem type is provoked, one request at a time. The exit code is 1
where a difference has no reason in `expected.py`, or where no request covers something. With
`--only`, neither pages nor problems are compared.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from http.client import HTTPException
from pathlib import Path

from scripts.command_line import script_parser
from scripts.compare import contract, plan, situations
from scripts.compare.bodies import Material
from scripts.compare.contract import Operation
from scripts.compare.coverage import OK, Coverage
from scripts.compare.differences import compare, trees
from scripts.compare.problems import refused
from scripts.compare.report import Report
from scripts.compare.servers import Checkout, Side, pair
from scripts.compare.wire import Answer, Request

# A busy machine must not turn a slow analysis into a 504 of one of the two servers.
SETTINGS = {"CORS_ORIGINS": plan.ALLOWED, "DEADLINE_S": "60"}
DOCUMENT = Request("openapi.json", "GET", "/openapi.json")
LENGTH = "headers.content-length"
EVERY = "*"
METRICS = Request("metrics after all requests", "GET", "/metrics")


class Comparison:
    """One comparison of two checkouts' answers: its requests, its coverage and its report.

    Args:
        only: Pattern of the paths that are asked, as `fnmatch` reads it; problems are provoked
            only where it is `*`.
    """

    def __init__(self, only: str = EVERY) -> None:
        self._only = only
        self.operations: dict[str, Operation] = {}
        self.coverage = Coverage()
        self.report = Report()
        self._sides: Sequence[Side] = ()

    def run(self, checkouts: Sequence[Checkout]) -> None:
        """Run the comparison of two checkouts, with servers of several settings."""
        with pair(checkouts, "main", SETTINGS, situations.WARMING) as self._sides:
            for request, old, new in zip(
                situations.WARMING, *(side.early for side in self._sides), strict=True
            ):
                self.note(request, old, new)
            material = self._prepare()
            self._ask_operations(material)
            if self._only == EVERY:
                self._ask_others(material)
        if self._only == EVERY:
            for situation in (situations.busy, situations.late):
                for request, old, new in situation(checkouts, material):
                    self.note(request, old, new)
            self.report.gaps = list(self.coverage.problem_gaps())
        self.report.gaps += self.coverage.gaps(self.operations.values())

    def _prepare(self) -> Material:
        """Begin the comparison: compare OpenAPI documents, list operations, await all programs."""
        documents = [json.loads(side.send(DOCUMENT).body) for side in self._sides]
        listed = contract.operations(documents[0])
        self.operations = {one.name: one for one in listed if fnmatchcase(one.path, self._only)}
        old, new = map(contract.compared, documents)
        for found in trees(old, new, "openapi"):
            self.report.add(DOCUMENT, found)
        self._sides[0].wait_until_warm(())
        material = material_of(self._sides[0].send)
        # Programs of analyses come last, those of checkpoints before them: wait for all.
        plain = [plan.base(one, material) for one in listed if not one.is_picture]
        for side in self._sides:
            side.wait_until_warm(plain)
        return material

    def _ask_operations(self, material: Material) -> None:
        """Compare each operation in every way in which it answers, and in those that it refuses."""
        for at, operation in enumerate(self.operations.values(), 1):
            print(f"{at}/{len(self.operations)} {operation.name}", file=sys.stderr, flush=True)
            for request in plan.accepted(operation, material):
                old = self.send([request])
                if old is None or old.status != OK:
                    self.report.refused.append(request.name)
            self.send(plan.cross_origin(operation, material))
            if not operation.is_picture:
                self.send(plan.refused_parameters(operation, material))
            if operation.method == "GET":
                self._follow(plan.base(operation, material))

    def _ask_others(self, material: Material) -> None:
        """Compare pages, metrics, and all requests that a server of default limits refuses."""
        print("pages and problems", file=sys.stderr, flush=True)
        self.send(plan.pages())
        self.send(refused(material))
        self.send([METRICS])

    def send(self, requests: Iterable[Request]) -> Answer | None:
        """Compare both checkouts' answers to requests; return the last of the old checkout."""
        old = None
        for request in requests:
            old, new = (answered(side, request) for side in self._sides)
            self.note(request, old, new)
            if not old.status:
                self.report.refused.append(f"{request.name}: {old.body.decode()}")
        return old

    def _follow(self, request: Request) -> None:
        """Compare the answers of both checkouts to a GET and to the requests that use its ETag."""
        old = self.send([request])
        if old is not None and old.status == OK:
            self.send(plan.conditional(request, old))

    def note(self, request: Request, old: Answer, new: Answer) -> None:
        """Compare two checkouts' answers to one request and add the differences to the report."""
        self.coverage.note(self.operations.get(request.operation), request, old)
        lengths: list[int | None] = [len(old.body), len(new.body)]
        if request.method == "HEAD":
            lengths = [side.lengths.get(request.target) for side in self._sides]
        for difference in compare(request, old, new, lengths):
            # The length of the metrics grows with each request, so HEAD has another than GET had.
            if difference.where != LENGTH or request.target != METRICS.target:
                self.report.add(request, difference, (old.status, new.status))


def answered(side: Side, request: Request) -> Answer:
    """Send a request of the comparison; a broken connection counts as an answer of status 0."""
    try:
        return side.send(request)
    except (OSError, HTTPException) as error:
        return Answer(0, (), type(error).__name__.encode())


def material_of(send: Callable[[Request], Answer]) -> Material:
    """Read a checkout's served networks and sample images, for the bodies of the comparison."""
    models, samples = (
        json.loads(send(Request(path, "GET", path)).body) for path in ("/models", "/samples")
    )
    named = {one["name"]: one for one in models["models"]}
    hidden = next(one for one in named["lstm"]["layers"] if one["name"] == "hidden")
    return Material(
        tuple(one["pixels"] for one in samples["samples"]),
        {name: tuple(one["checkpoints"]) for name, one in named.items()},
        hidden["shape"][1],
    )


def main() -> int:
    """Run `scripts.compare` on two checkouts; return its exit code, 0 if all answers are equal."""
    parser = script_parser("python -m scripts.compare", __doc__)
    parser.add_argument("old", type=Path, help="Checkout whose answers are right.")
    parser.add_argument("new", type=Path, help="Checkout whose answers are compared with them.")
    parser.add_argument("--only", default=EVERY, help="Pattern of the paths to ask.")
    arguments = parser.parse_args()
    comparison = Comparison(arguments.only)
    with tempfile.TemporaryDirectory(prefix="compare-") as caches:
        comparison.run(
            [
                Checkout(getattr(arguments, name).resolve(), Path(caches) / name)
                for name in ("old", "new")
            ]
        )
    print("\n".join(comparison.report.lines(comparison.coverage, len(comparison.operations))))
    return 0 if comparison.report.equal else 1


if __name__ == "__main__":
    sys.exit(main())
