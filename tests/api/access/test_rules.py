"""Rules of access: host names, proxies and rates."""

import pytest

from api.access.addresses import address_of
from api.access.hosts import Hosts
from api.access.proxies import TrustedProxies
from api.access.rates import MAX_CLIENTS, Rates


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        (b"127.0.0.1:8000", True),
        (b"192.168.1.7", True),
        (b"[::1]:8000", True),
        (b"localhost:8000", True),
        (b"LOCALHOST.", True),
        (b"lab.example:80", True),
        (b"a.b.school.example", True),
        (b"school.example", False),
        (b"attacker.example", False),
        (b"127.0.0.1.attacker.example", False),
        (b"lab.example.attacker.example", False),
        (b"", False),
        (b"lab.example@attacker.example", False),
        (b"lab.example, attacker.example", False),
        (b"\xff\xfe", False),
    ],
)
def test_a_host_is_an_address_or_a_known_name(host: bytes, *, allowed: bool) -> None:
    """IP addresses and listed names are answered, foreign names are not."""
    assert Hosts(("lab.example", ".school.example")).allows(host) == allowed


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", [b"10.1.1.1"], "203.0.113.5"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [b"1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", [b"1.1.1.1", b"198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", [b"[2001:db8::1]:80"], "2001:db8::1"),
        ("10.0.0.1", [b"unknown, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"," * 100_000], "10.0.0.1"),
    ],
)
def test_a_client_is_the_last_foreign_address(
    peer: str, forwarded: list[bytes], client: str
) -> None:
    """Addresses that the client has written itself are before those of the proxies."""
    assert TrustedProxies(("10.0.0.0/8",)).client(peer, forwarded) == client


def test_a_client_waits_when_its_rate_is_used_up_and_others_do_not() -> None:
    """A burst, then the rate; and another client has a burst of its own."""
    now = [0.0]
    rates = Rates(10, 3, lambda: now[0])
    assert [rates.wait("anna") for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]
    assert rates.wait("ben") == 0.0
    now[0] = 0.1
    assert rates.wait("anna") == 0.0
    assert rates.wait("anna") > 0.0


def test_the_table_of_clients_is_bounded() -> None:
    """Clients in any number take the memory of a bounded number."""
    rates = Rates(1, 1, lambda: 0.0)
    for number in range(MAX_CLIENTS + 10):
        rates.wait(str(number))
    assert rates.wait(str(MAX_CLIENTS + 9)) > 0.0
    assert rates.wait("0") == 0.0


def test_an_ipv6_client_is_its_prefix() -> None:
    """A client has all addresses of its /64; an IPv4 address in IPv6 is that address."""
    assert address_of("2001:db8::1") == address_of("2001:db8::ffff:1") != address_of("2001:db9::1")
    assert address_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert address_of("::1") == "::1"
    assert address_of("fe80::1%eth0") == address_of("fe80::2")
    assert address_of("192.0.2.1") == "192.0.2.1"
