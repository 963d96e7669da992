"""Rates of answers to pictures that people send: right, warned about, misread in silence."""

from collections import defaultdict

import pytest

from tests.pictures import digits, rates
from tests.pictures.kinds import KINDS
from tests.pictures.measure import pictures
from tests.pictures.reading import Reader, prepared

SEED = 14
EACH = 2
"""Pictures of each kind; `python -m tests.pictures.measure` draws any number."""


@pytest.fixture(scope="module")
def reader():
    """The shipped network and detector."""
    return Reader()


@pytest.fixture(scope="module")
def found(reader):
    """Rates of each kind, over a few drawn pictures."""
    source = digits.load("fixture")
    # The digits in turn, over the kinds.
    numbers = {name: range(EACH * place, EACH * (place + 1)) for place, name in enumerate(KINDS)}
    drawn = [one for name in KINDS for one in pictures(name, numbers[name], SEED, source)]
    answers = reader.answers([prepared(one.encoded) for one in drawn])
    triples = [(one.kind, one.label, answer) for one, answer in zip(drawn, answers, strict=True)]
    return rates.by_kind(triples)


def groups(found):
    """Gather the rates of kinds by the module that draws them."""
    parts = defaultdict(list)
    for name, one in found.items():
        parts[KINDS[name].draw.__module__.rsplit(".", 1)[1]].append(one)
    return {name: rates.together(part) for name, part in parts.items()}


def test_pictures_are_read_rightly(found):
    """At least 95 of 100 pictures are right, over all and in every group of kinds."""
    whole = {"all": rates.together(found.values()), **groups(found)}
    low = {
        name: one.right / one.count for name, one in whole.items() if one.right < 0.95 * one.count
    }
    assert low == {}, rates.table(found)


def test_no_kind_is_misread(found):
    """No kind has most of its pictures wrong, except strokes with a wide glow in one colour."""
    assert {name for name, one in found.items() if 2 * one.right <= one.count} == set()


def test_kinds_that_were_read_well_still_are(found):
    """At least 99 of 100 pictures are right over the kinds that were read well before."""
    held = rates.together(one for name, one in found.items() if KINDS[name].holds)
    assert held.right >= 0.99 * held.count, rates.table(found)


def test_errors_are_seldom_silent(found):
    """At most 3 of 1,000 pictures are misread without a warning."""
    assert rates.together(found.values()).silent <= 0.003 * EACH * len(KINDS), rates.table(found)


def test_pictures_that_are_read_rightly_seldom_warn(found):
    """At most 5 of 100 pictures that are read rightly have a warning."""
    whole = rates.together(found.values())
    assert whole.needless <= 0.05 * whole.right, rates.table(found)
