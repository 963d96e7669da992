"""Parts of a protobuf file, and numbers that it packs, counted before it is parsed."""

from typing import Any

import numpy as np

from models.importers.errors import ConversionError
from models.importers.limits import check_bytes

MAX_PARTS = 2**20
"""Fields of a protobuf file and of the messages in it; a message of two bytes takes 150."""

VARINTS = {1: 4, 2: 8, 3: 4, 4: 8, 7: 1, 8: 4}
"""Bytes in memory of a number of variable length in a protobuf file, by the C++ type of its field.

Those of int32, int64, uint32, uint64, bool and enum.
"""

FIXED = {5: 8, 6: 4}
"""Bytes of a number of fixed length in a protobuf file, double or float, by the same types."""

TENSOR = "TensorProto"
"""Message of a protobuf file whose numbers stay in an array."""


def check_parts(content: bytes, descriptor: Any) -> None:
    """Check the number of fields in a protobuf file, and the memory of numbers packed in one.

    Numbers that are packed in one field count as fields, except those of a tensor.

    Args:
        descriptor: Descriptor of the file's message, which tells which fields are messages.

    Raises:
        ConversionError: It has too many.
        ValueError: It is damaged, or has groups, which no current file has.
    """
    count, packed, messages = 0, 0, [(0, len(content), descriptor)]
    while messages:
        place, end, kind = messages.pop()
        while place < end:
            count += 1
            tag, place = _number(content, place)
            start, place = _value(content, place, tag & 7)
            field = kind.fields_by_number.get(tag >> 3)
            is_bytes = tag & 7 == 2  # noqa: PLR2004 - the wire type of bytes and messages
            if is_bytes and field is not None:
                numbers, size = _packed(content, start, min(place, end), field.cpp_type)
                packed += size
                check_bytes(packed)
                # Numbers of an attribute become objects.
                count += 0 if kind.name == TENSOR else numbers
                if field.message_type is not None:
                    messages.append((start, min(place, end), field.message_type))
            if count > MAX_PARTS:
                msg = f"the file has more than {MAX_PARTS:,} parts, the limit"
                raise ConversionError(msg)


def _packed(content: bytes, start: int, end: int, kind: int) -> tuple[int, int]:
    """Return how many numbers a field packs, and their bytes in memory; zeros if it has none."""
    if kind in FIXED:
        return (end - start) // FIXED[kind], end - start
    if kind not in VARINTS:
        return 0, 0
    # The last byte of each is less than 128.
    whole = np.frombuffer(content, np.uint8)[start:end]
    numbers = int(np.count_nonzero(whole < 128))  # noqa: PLR2004
    return numbers, numbers * VARINTS[kind]


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
