"""Mutations of byte strings, drawn from a seeded generator."""

from random import Random

MARK = "<zq7Kanary>"
"""Text in values of hostile requests, which no problem may repeat; short words it may."""

EDGES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\r", b"\n", b"\r\n", b" ", b"\t", b'"', b"\\", b"%")
"""Bytes at which parsers change their state."""


def seeded(seed: int) -> Random:
    """Return the generator of a fuzzer."""
    return Random(seed)  # noqa: S311 - no secret


def mutated(random: Random, content: bytes, most: int = 4) -> bytes:
    """Return a byte string after one to `most` mutations."""
    for _ in range(random.randint(1, most)):
        content = random.choice(MUTATIONS)(random, content)
    return content


def _flip(random: Random, content: bytes) -> bytes:
    changed = bytearray(content or b"\0")
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(random: Random, content: bytes) -> bytes:
    return content[: random.randint(0, len(content))]


def _remove(random: Random, content: bytes) -> bytes:
    start = random.randint(0, len(content))
    return content[:start] + content[start + random.choice((1, 1, 4, 16)) :]


def _repeat(random: Random, content: bytes) -> bytes:
    start = random.randint(0, len(content))
    part = content[start : start + random.choice((1, 4, 16, 64))]
    return content[:start] + part * random.choice((2, 3, 64)) + content[start + len(part) :]


def _insert(random: Random, content: bytes) -> bytes:
    start = random.randint(0, len(content))
    added = random.choice((*EDGES, random.randbytes(random.randint(1, 8))))
    return content[:start] + added + content[start:]


def _overwrite(random: Random, content: bytes) -> bytes:
    start = random.randint(0, len(content))
    value = random.choice((0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
    return content[:start] + value.to_bytes(4, "big") + content[start + 4 :]


MUTATIONS = (_flip, _flip, _cut, _remove, _repeat, _insert, _overwrite)
"""Mutations of a byte string; flipped bits are as likely as two others together."""
