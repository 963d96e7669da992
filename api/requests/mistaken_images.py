"""Bytes that are sent as an image by mistake: texts, and images that were handled as text."""

import re

SHOWN = 256  # bytes in front by which a mistaken image is known
SEND_JSON = "send it with Content-Type: application/json"

# First bytes -> the fault and the way out, in a sentence about "the image".
MISTAKEN: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(rb"(\xef\xbf\xbd|\xc2\x89|\?)PNG|\xef\xbf\xbd\xef\xbf\xbd|\xc3\xbf\xc3\x98"),
        "was converted as text on its way, which loses bytes: read and send it as bytes",
    ),
    (
        re.compile(rb"\x89PNG(\n|\x1a|\r\r)"),
        "has lost line breaks on its way: send it as bytes, with curl by --data-binary or -F",
    ),
    (
        re.compile(rb"\s*[\"']?data:", re.IGNORECASE),
        f"is the text of a data URL: send it in JSON, as 'image', and {SEND_JSON}",
    ),
    (
        re.compile(rb"\s*[\"']?(iVBORw0KGgo|/9j/)"),
        "is base64 text, perhaps encoded twice: send its bytes, or encode them once in JSON",
    ),
    (
        re.compile(rb"--[^\r\n]+\r?\ncontent-", re.IGNORECASE),
        "is a form: its Content-Type must be multipart/form-data with its boundary",
    ),
    (re.compile(rb"(\xef\xbb\xbf)?\s*[{\[]"), f"is JSON text: {SEND_JSON}"),
    (re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE), "is an HTML page, perhaps of an error"),
)


def unknown_format(encoded: bytes) -> str:
    """Return why bytes of an unknown format are not decoded, as a sentence."""
    for pattern, fault in MISTAKEN:
        if pattern.match(encoded[:SHOWN]):
            return f"The image {fault}."
    return (
        f"The image is neither PNG nor JPEG: its {len(encoded)} bytes begin as neither does. Send "
        "the content of the file, not its name, its address or its pixels."
    )
