"""Admission: requests in flight and rows of analyses are counted, and refused above a limit."""

import pytest

from api.inference.admission import Admission
from api.inference.errors import EngineBusyError
from api.inference.jobs import Job


def test_requests_are_counted_while_they_are_in_flight() -> None:
    """One above the limit is refused; one that has ended makes room."""
    admission = Admission(2, 1)
    with admission.request(), admission.request():
        assert admission.in_flight == 2
        with pytest.raises(EngineBusyError, match="2 requests are in flight, the limit"):
            admission.request()
    assert admission.in_flight == 0
    with admission.request():
        assert admission.in_flight == 1


def test_a_request_that_fails_is_counted_no_longer() -> None:
    """Also an analysis that raises gives its rows back."""
    admission = Admission(1, 10)
    with pytest.raises(KeyError), admission.request(), admission.analysis(5):
        raise KeyError

    assert (admission.in_flight, admission.analysis_rows) == (0, 0)


def test_one_analysis_alone_may_have_any_number_of_rows() -> None:
    """A second is refused where both together exceed the limit, with both numbers."""
    admission = Admission(1, 10)
    refusal = pytest.raises(EngineBusyError, match="100 rows .* 1 rows .* limit of 10")
    with admission.analysis(100), refusal, admission.analysis(1):
        pass
    with admission.analysis(4), admission.analysis(6):
        assert admission.analysis_rows == 10


def test_bodies_have_a_limit_of_bytes_together() -> None:
    """A chunk over the limit is refused with both numbers; an ended body makes room."""
    admission = Admission(9, 9, max_body_bytes=10)
    with admission.body(Job()) as first, admission.body(Job()) as second:
        first.add(4)
        first.add(2)
        with pytest.raises(EngineBusyError, match="have 6 bytes, and may have 10"):
            second.add(5)
        second.add(4)
        assert admission.body_bytes == 10
    assert admission.body_bytes == 0


def test_one_body_alone_may_have_any_number_of_bytes() -> None:
    """A body larger than the limit is read where no other is, and then others wait."""
    admission = Admission(9, 9, max_body_bytes=10)
    with admission.body(Job()) as body, admission.body(Job()) as other:
        body.add(8)
        body.add(8)
        with pytest.raises(EngineBusyError):
            other.add(1)
