"""Rates: how many pictures of a kind are read rightly, warned about, or misread in silence."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.pictures.kinds import KINDS
from tests.pictures.reading import Answer


@dataclass
class Rates:
    """Counts over the pictures of one kind, or of all.

    Attributes:
        count: Pictures.
        right: Pictures whose digit was answered.
        warned: Pictures with a warning, right or wrong.
        silent: Wrong answers without a warning.
        needless: Right answers with a warning.
        codes: Warnings by their code.
    """

    count: int = 0
    right: int = 0
    warned: int = 0
    silent: int = 0
    needless: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, label: int, answer: Answer) -> None:
        """Count the answer to a picture of a digit."""
        right, warned = answer.label == label, bool(answer.warnings)
        self.count += 1
        self.right += right
        self.warned += warned
        self.silent += not right and not warned
        self.needless += right and warned
        self.codes.update(answer.warnings)


def by_kind(answers: Iterable[tuple[str, int, Answer]]) -> dict[str, Rates]:
    """Return the rates of each kind from triples of kind, digit and answer."""
    found: dict[str, Rates] = {}
    for name, label, answer in answers:
        found.setdefault(name, Rates()).add(label, answer)
    return found


def together(rates: Iterable[Rates]) -> Rates:
    """Return the rates over all kinds."""
    whole = Rates()
    for one in rates:
        for name in ("count", "right", "warned", "silent", "needless"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
        whole.codes += one.codes
    return whole


def least(name: str) -> float:
    """Return the least share of pictures of a kind that must be read rightly."""
    return KINDS[name].least if name in KINDS else 0.95


def table(rates: Mapping[str, Rates]) -> str:
    """Return the rates of each kind and over all as a table in plain text."""
    lines = [f"{'kind':36}{'right':>10}{'warned':>8}{'silent':>8}{'needless':>9}  warnings"]
    for name, one in [*rates.items(), ("all", together(rates.values()))]:
        low = name != "all" and one.right < least(name) * one.count
        codes = ", ".join(f"{code} {count}" for code, count in one.codes.most_common())
        right = f"{one.right}/{one.count}"
        start = f"{name + (' !' if low else ''):36}{right:>10}"
        lines.append(f"{start}{one.warned:8}{one.silent:8}{one.needless:9}  {codes}".rstrip())
    return "\n".join(lines)
