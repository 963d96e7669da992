"""Guesses: wrong tokens of each address, which have a rate of their own."""

import time
from collections import OrderedDict
from collections.abc import Callable

from api.access.credentials import WRONG
from api.access.rates import MAX_CLIENTS, Rates
from api.access.tokens import Tokens

GUESSES_A_MINUTE = 10
"""Wrong tokens that an address may send a minute, and at once."""


class Guesses:
    """Wrong tokens of each address, of which a few a minute are examined.

    Beyond them, a short token from the address is refused whether it is right or wrong: if the
    right one passed, guesses at any rate would find it. Two kinds pass all the same, so that a
    client cannot lock out others that share its address, as behind one router: tokens that are too
    long to be guessed, and those of holders that the address was let in as before.

    Args:
        clock: Seconds; monotonic.
        processes: Processes that share the rate.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, processes: int = 1) -> None:
        at_once = max(1, GUESSES_A_MINUTE // processes)
        self._wrong = Rates(GUESSES_A_MINUTE / 60 / processes, at_once, clock)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, tokens: Tokens, address: str, holder: str) -> float:
        """Count a token that was sent, if it is wrong; return 0, or the seconds to the next one.

        Args:
            address: Of the client, as `address_of` returns it.
            holder: Of the token; `WRONG` where there is none.
        """
        if holder == WRONG:
            return self._wrong.wait(address)
        if tokens.is_long(holder):
            return 0.0
        pair = address, holder
        if pair not in self._known and (missing := self._wrong.missing(address)):
            return missing
        self._known[pair] = None
        self._known.move_to_end(pair)
        if len(self._known) > MAX_CLIENTS:
            self._known.popitem(last=False)
        return 0.0
