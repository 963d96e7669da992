"""Background stream: no caller waits for its reader, and dropped texts are counted."""

import os
from collections.abc import Iterator

import pytest

from api.background_stream import MAX_TEXT_BYTES, MAX_TEXTS, BackgroundStream

PIPE_BYTES = 65_536


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Ends of a pipe: the one to read and the one to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_all(descriptor: int, until: bytes) -> bytes:
    """Read from a descriptor until the bytes end with a text."""
    found = b""
    while not found.endswith(until):
        found += os.read(descriptor, PIPE_BYTES)
    return found


def test_texts_arrive_in_order(pipe: tuple[int, int]) -> None:
    """Every text arrives, whole and in order, when the reader keeps up."""
    source, target = pipe
    stream = BackgroundStream(target)
    print("first", file=stream)
    print("second \N{SNOWMAN} \udc80", file=stream)
    stream.close()
    assert read_all(source, b"\n") == "first\nsecond \N{SNOWMAN} \\udc80\n".encode()


def test_a_long_text_is_cut(pipe: tuple[int, int]) -> None:
    """The bytes of one text are bounded, so that those of all are."""
    source, target = pipe
    stream = BackgroundStream(target)
    stream.write("x" * 10 * MAX_TEXT_BYTES)
    stream.close()
    found = read_all(source, b"[cut]\n")
    assert len(found) == MAX_TEXT_BYTES


def test_a_stuck_reader_costs_dropped_texts(pipe: tuple[int, int]) -> None:
    """Writing and closing return though nothing reads; a later reader learns of the drops."""
    source, target = pipe
    stream = BackgroundStream(target)
    count = MAX_TEXTS + 1000
    for _ in range(count):
        stream.write("x" * 1023 + "\n")
    stream.close()  # it gives up, as the pipe is full
    assert stream.dropped > 0

    received, kept = b"", count - stream.dropped
    while received.count(b"\n") < kept + 1:
        received += os.read(source, PIPE_BYTES)
    notices = [line for line in received.splitlines() if not line.startswith(b"x")]
    assert notices == [b"lightwell: %d lines of the log were dropped" % stream.dropped]


def test_a_closed_descriptor_is_no_error() -> None:
    """A reader that is gone, as after `| head`, costs the texts and nothing else."""
    source, target = os.pipe()
    os.close(source)
    stream = BackgroundStream(target)
    print("lost", file=stream)
    stream.close()
    os.close(target)
    assert stream.dropped >= 1
