"""Place of a request among those in flight, which it takes when its body has arrived."""

from types import TracebackType

from api.inference.admission import Admission, InFlightCounter


class Place:
    """Place of one request among those in flight: `with Place(admission) as place: place.take()`.

    A client that sends its body slowly has none, so that it keeps no other from being served.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._taken: InFlightCounter | None = None

    def take(self) -> None:
        """Take the place until the end of the `with` statement.

        Raises:
            EngineBusyError: As many requests are in flight as are allowed.
        """
        counter = self._admission.request()
        counter.__enter__()
        self._taken = counter

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._taken is not None:
            self._taken.__exit__(kind, error, trace)
