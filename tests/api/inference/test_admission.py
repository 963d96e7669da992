"""Admission: requests in flight and rows of analyses are counted, and refused above a limit."""

import pytest

from api.inference.admission import Admission
from api.inference.errors import EngineBusyError


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
