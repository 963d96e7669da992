"""Background stream: no caller waits for its reader, and dropped texts are counted."""

import os
from collections.abc import Iterator

import pytest

from api import background_stream
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


def test_texts_that_come_together_are_written_together(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group of log lines costs one write, as far as it is not large."""
    source, target = pipe
    written = []
    write = background_stream._write

    def recorded(descriptor: int, content: bytes) -> int:
        written.append(content)
        return write(descriptor, content)

    monkeypatch.setattr(background_stream, "_write", recorded)
    monkeypatch.setattr(background_stream, "GATHERED_S", 0.5)
    stream = BackgroundStream(target)
    lines = [f"{number:02} {'x' * 1020}\n" for number in range(40)]
    for line in lines:
        stream.write(line)
    expected = "".join(lines).encode()
    assert read_all(source, expected[-1024:]) == expected
    assert written == [expected]
    monkeypatch.setattr(background_stream, "GATHERED_BYTES", 4096)
    for line in lines[:6]:
        stream.write(line)
    read_all(source, lines[5].encode())
    assert written[1:] == [one.encode() for one in ("".join(lines[:4]), "".join(lines[4:6]))]
    stream.close()


def test_the_texts_of_a_cut_write_are_counted(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of texts that are written together those are dropped that the descriptor did not take."""
    _, target = pipe
    monkeypatch.setattr(background_stream, "_write", lambda _, content: len(content) // 2)
    monkeypatch.setattr(background_stream, "GATHERED_S", 0.2)
    stream = BackgroundStream(target)
    for _ in range(6):
        stream.write("text\n")
    stream.close()
    assert stream.dropped == 3


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
