"""Image in a JSON string: base64 in any of its usual spellings, or a data URL (RFC 2397)."""

import binascii
import re
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from api.requests.image_decoding import JPEG
from api.requests.image_limits import PNG
from api.requests.json_object import FieldError

PLAIN_URLS = ("data:image/png;base64,", "data:image/jpeg;base64,")
DATA_URL = re.compile(r"\s*data:(?P<type>[^,;]*)(?P<parameters>(?:;[^,;]*)*),", re.IGNORECASE)
READ_TYPES = re.compile(r"(image/(x-)?(png|jpe?g|pjpeg)|(application|binary)/octet-stream|)")
SHOWN_TYPE = re.compile(r"[\w.+-]{1,32}/[\w.+-]{1,32}", re.ASCII)

# The alphabets of RFC 4648, sections 4 and 5, become one; MIME breaks lines.
ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")
WHITE_SPACE = b" \t\n\v\f\r"

ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*://|blob:|[a-z]:\\|~?/|\.{1,2}[/\\])", re.IGNORECASE)
FILE_NAME = re.compile(r"\.(png|jpe?g|gif|webp|avif|heic|bmp|tiff?|svg)\Z", re.IGNORECASE)
PYTHON_BYTES = (("b'", "'"), ('b"', '"'))  # first and last characters of the text of bytes
MAX_URL_HEAD = 1024  # characters of a data URL before its data
SHOWN = 256  # characters at either end of a text in which its fault is looked for
MAX_ESCAPES = 262_144  # of a data URL: Python decodes as many in 0.1 s

NOT_TEXT = "'image' must be a text: base64 or a data URL."
NOT_BASE64 = (
    "'image' must be base64: A-Z, a-z, 0-9, + and / (or - and _), white space, and = at its end; "
    f"alone, or after {' or '.join(PLAIN_URLS)}"
)
IS_ADDRESS = (
    "'image' is a file name or an address, and the server opens neither: send the content of the "
    "file in base64, or as a form with curl -F file=@digit.png"
)
IS_PYTHON_BYTES = (
    "'image' is the text that str() makes of Python bytes: write base64.b64encode(content).decode()"
)


class _DataURL(NamedTuple):
    """Data URL: media type in lower case, whether its data is base64, and the data as text."""

    media_type: str
    is_base64: bool
    data: str


def parse_base64(value: object) -> bytes:
    """Decode the field `image` of an image body: base64, alone or in a data URL.

    White space counts for nothing, `-` and `_` are `+` and `/`, and padding may be left out.

    Args:
        value: A string, or a list of it alone; bytes of a raw body or form are taken as they are.

    Raises:
        FieldError: It is not a string, not base64, or a data URL of another format.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # R's jsonlite writes every text as a list
    if not isinstance(value, str):
        raise FieldError("invalid-body", NOT_TEXT)
    prefix = next((url for url in PLAIN_URLS if value.startswith(url)), "")
    text = value[len(prefix) :]
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:
        return _parse_other_spelling(value)
    # Strict mode accepts padding that is not needed.
    if 4 * len(data) != 3 * len(text) - 4 * text.count("="):
        raise FieldError("invalid-body", NOT_BASE64)
    return data


def _parse_other_spelling(value: str) -> bytes:
    """Decode base64 with white space, another alphabet or no padding, or a data URL with more."""
    url = _data_url(value)
    if url is None:
        return _parse_any_base64(value)
    if url.data.count("%") > MAX_ESCAPES:
        reason = f"'image' has more than {MAX_ESCAPES} percent-encoded characters: send base64."
        raise FieldError("invalid-body", reason)
    data = _parse_any_base64(unquote(url.data)) if url.is_base64 else unquote_to_bytes(url.data)
    # By its bytes first: browsers that cannot write WebP write PNG under its name.
    if not READ_TYPES.fullmatch(url.media_type) and not data.startswith((PNG, JPEG)):
        shown = url.media_type if SHOWN_TYPE.fullmatch(url.media_type) else "another type"
        reason = (
            f"'image' is a data URL of {shown}, and only PNG and JPEG are read: convert the image, "
            "in a page with canvas.toDataURL('image/png')."
        )
        raise FieldError("unsupported-media-type", reason)
    return data


def _data_url(value: str) -> _DataURL | None:
    """Split a data URL; None where the text is none."""
    found = DATA_URL.match(value, 0, MAX_URL_HEAD)
    if found is None:
        return None
    parameters = [one.strip().lower() for one in found["parameters"].split(";")]
    return _DataURL(found["type"].strip().lower(), "base64" in parameters, value[found.end() :])


def _parse_any_base64(text: str) -> bytes:
    """Decode base64 of either alphabet, with or without white space and padding."""
    try:
        digits = text.encode("ascii").translate(ONE_ALPHABET, WHITE_SPACE)
        bare = digits.rstrip(b"=")
        missing = -len(bare) % 4
        if len(digits) - len(bare) <= missing:
            return binascii.a2b_base64(bare + b"=" * missing, strict_mode=True)
    except ValueError:
        pass
    raise FieldError("invalid-body", _fault_of(text))


def _fault_of(text: str) -> str:
    """Return why a text is not base64, as a sentence."""
    start, end = text[:SHOWN].lstrip(), text[-SHOWN:].rstrip()
    if (start[:2], end[-1:]) in PYTHON_BYTES:
        return IS_PYTHON_BYTES
    if ADDRESS.match(start) or FILE_NAME.search(end):
        return IS_ADDRESS
    return NOT_BASE64
