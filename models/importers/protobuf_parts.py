"""Parts of a protobuf file, counted before it is parsed."""

from typing import Any

from models.importers.errors import ConversionError

MAX_PARTS = 2**20
"""Fields of a protobuf file and of the messages in it; a message of two bytes takes 150."""


def check_parts(content: bytes, descriptor: Any) -> None:
    """Check the number of fields in a protobuf file.

    Args:
        descriptor: Descriptor of the file's message, which tells which fields are messages.

    Raises:
        ConversionError: It has too many.
        ValueError: It is damaged, or has groups, which no current file has.
    """
    count, messages = 0, [(0, len(content), descriptor)]
    while messages:
        place, end, kind = messages.pop()
        while place < end:
            count += 1
            if count > MAX_PARTS:
                msg = f"the file has more than {MAX_PARTS:,} parts, the limit"
                raise ConversionError(msg)
            tag, place = _number(content, place)
            start, place = _value(content, place, tag & 7)
            field = kind.fields_by_number.get(tag >> 3)
            is_bytes = tag & 7 == 2  # noqa: PLR2004 - the wire type of bytes and messages
            if is_bytes and field is not None and field.message_type is not None:
                messages.append((start, min(place, end), field.message_type))


def _value(content: bytes, place: int, wire: int) -> tuple[int, int]:
    """Return where a field's value of a wire type starts and ends."""
    match wire:
        case 0:
            return place, _number(content, place)[1]
        case 1:
            return place, place + 8
        case 2:
            size, place = _number(content, place)
            return place, place + size
        case 5:
            return place, place + 4
    msg = f"wire type {wire} is unknown"
    raise ValueError(msg)


def _number(content: bytes, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, and the place behind it."""
    found = 0
    for shift, byte in enumerate(content[place : place + 10]):
        found |= (byte & 127) << 7 * shift
        if byte < 128:  # noqa: PLR2004 - the last one
            return found, place + shift + 1
    msg = "a number has no end"
    raise ValueError(msg)
