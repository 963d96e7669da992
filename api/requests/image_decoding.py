"""Image decoding within limits: a PNG or JPEG becomes upright grey and alpha planes.

    bytes -> known format? -> chunks and segments in bounds? -> size from the header -> decode

Limits are checked on the headers before anything is decoded, and Pillow does not read the parts of
a file that an image of a digit does not need (PNG text and colour profiles).
"""

import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFile, PngImagePlugin

from api.errors.problem import Problem, body_problem
from api.requests.foreground import Planes

MAX_ENCODED_BYTES = 4_194_304  # a phone's photo
MAX_PIXELS = 4_194_304  # 2048 x 2048: 16 MiB per float plane, about 0.2 s of work
MAX_SIDE = 8192  # pixels
MAX_ASPECT = 100  # longer side over shorter; beyond it a 20-pixel digit vanishes
MAX_SCANS = 64  # each scan of a JPEG costs a pass over all pixels; cameras write about 10
MAX_SEGMENTS = 1024  # of a JPEG; 4 MiB in the usual 64 KiB pieces make 64
MAX_CHUNKS = 16_384  # of a PNG; 4 MiB in the usual 8 KiB pieces make 512
MAX_TEXT = 1_048_576  # bytes of compressed PNG text, inflated; long prompts are a tenth of that

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
CHUNK_HEAD = 8  # bytes of a PNG's chunk before its data: length and kind
PLAIN_HEADER = 25  # bytes of the chunk IHDR, whole
PLAIN_GREY = b"\x08\0\0\0\0"  # of a PNG's header: 8 bits, grey, the usual methods, not interlaced

# Signatures of formats that are sent by mistake: offset, first bytes, name.
OTHER_FORMATS = (
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP"),
    (0, b"BM", "a BMP"),
    (0, b"II*\x00", "a TIFF"),
    (0, b"MM\x00*", "a TIFF"),
    (4, b"ftyp", "a HEIC, an AVIF or a video"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF"),
    (0, b"<svg", "an SVG"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"\x93NUMPY", "a NumPy array"),
)

# A marker that opens a segment: not a stuffed zero, not a restart, not TEM or fill.
SEGMENT_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
START_OF_SCAN, END_OF_IMAGE, SECOND_START = 0xDA, 0xD9, 0xD8

TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112  # EXIF

TOO_MANY = f"The image has more than {MAX_PIXELS} pixels."
UNDECODABLE = "The image cannot be decoded: it is cut short, corrupt or of an unknown kind."


def _bound_pillow() -> None:
    """Set the limits of Pillow's image decoders, in addition to the checks of this module.

    They hold for every decoder in the process; the renderer, which only encodes, has none.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    PngImagePlugin.MAX_TEXT_CHUNK = 65_536
    PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT


_bound_pillow()


def decode(encoded: bytes) -> Planes:
    """Decode an image, a PNG or JPEG of any colour mode, turned upright by its EXIF orientation.

    Colours become luma (ITU-R 601), 16 bits become 8, a palette its colours, and CMYK is converted
    by Pillow; colour profiles and gamma are ignored. Transparency is kept as alpha.

    Raises:
        Problem: `encoded` is empty, is not a PNG or JPEG, is animated, broken or over a limit.
    """
    if len(encoded) > MAX_ENCODED_BYTES:
        detail = f"The image is larger than {MAX_ENCODED_BYTES} bytes."
        raise body_problem("body-too-large", detail)
    if not encoded:
        raise _invalid("The image is empty: 0 bytes.")
    if encoded.startswith(PNG):
        chunks = _pixel_chunks(encoded)
        return _decode_plain_grey(chunks) or _decode_with_pillow(PNG + b"".join(chunks), "PNG")
    if encoded.startswith(JPEG):
        _check_segments(encoded)
        return _decode_with_pillow(encoded, "JPEG")
    for offset, magic, name in OTHER_FORMATS:
        if encoded.startswith(magic, offset):
            detail = f"The image is {name}; only PNG and JPEG are read here."
            raise body_problem("unsupported-media-type", detail)
    raise _invalid("The image is neither PNG nor JPEG.")


def png_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height from the header of an encoded PNG image; None where it has none."""
    if not encoded.startswith(PNG) or encoded[12:16] != b"IHDR" or len(encoded) < 24:  # noqa: PLR2004
        return None
    return struct.unpack_from(">II", encoded, 16)


def size_fault(width: int, height: int) -> str | None:
    """Return why an image of this size is not decoded, as a sentence; None within the limits."""
    size = f"The image is {width} x {height} pixels"
    if min(width, height) < 1:
        return "The image has no pixels: its width or height is 0."
    if max(width, height) > MAX_SIDE:
        return f"{size}; a side may have at most {MAX_SIDE}."
    if width * height > MAX_PIXELS:
        return TOO_MANY
    if max(width, height) > MAX_ASPECT * min(width, height):
        return f"{size}; the longer side may be at most {MAX_ASPECT} times the shorter."
    return None


def _check_size(width: int, height: int) -> None:
    if (fault := size_fault(width, height)) is not None:
        raise _invalid(fault)


def _invalid(detail: str) -> Problem:
    return body_problem("invalid-image", detail)


def _decode_with_pillow(encoded: bytes, image_format: str) -> Planes:
    """Decode an image file with Pillow, after its chunks or segments were checked."""
    try:
        with Image.open(BytesIO(encoded), formats=[image_format]) as image:
            _check_size(*image.size)
            image.load()
            turn = TRANSPOSITIONS.get(_orientation(image))
            grey, alpha = _planes(image if turn is None else image.transpose(turn))
    except Problem:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _invalid(TOO_MANY) from None
    except Exception as error:
        # Pillow's messages name files, addresses and content: none of it leaves this function.
        raise _invalid(UNDECODABLE) from error
    return Planes(grey, alpha, lossy=image_format == "JPEG")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an image to decode; 1 (upright) if absent or unreadable."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:
        # An image with broken metadata is still usable.
        return 1


def _planes(
    image: Image.Image,
) -> tuple[UInt8[np.ndarray, "height width"], UInt8[np.ndarray, "height width"] | None]:
    """Return luma and alpha of a decoded image; None for the alpha of an opaque one."""
    if image.mode.startswith("I"):
        return _planes_of_16_bit(image)
    if not image.has_transparency_data:
        return np.asarray(image if image.mode == "L" else image.convert("L")), None
    colours = image.convert("RGBA")
    alpha = np.asarray(colours.getchannel("A"))
    return np.asarray(colours.convert("L")), None if alpha.min() == 255 else alpha  # noqa: PLR2004


def _planes_of_16_bit(
    image: Image.Image,
) -> tuple[UInt8[np.ndarray, "height width"], UInt8[np.ndarray, "height width"] | None]:
    """Return luma and alpha of a decoded 16-bit grey image: 65535 is 255, one level transparent."""
    deep = np.asarray(image).astype(np.int64).clip(0, 65_535)
    transparent = image.info.get("transparency")
    alpha = None if transparent is None else np.where(deep == transparent, 0, 255).astype(np.uint8)
    return ((deep + 128) // 257).astype(np.uint8), alpha


def _decode_plain_grey(chunks: list[bytes]) -> Planes | None:
    """Decode a PNG image of 8-bit grey without other chunks, the usual form of MNIST digits.

    Pillow's zip decoder is called directly: `Image.open` takes longer than the decoding.

    Returns:
        None for other or broken PNGs, which `_decode_with_pillow` decodes or reports.
    """
    header, *data = chunks[:-1] or [b""]
    plain = header[4:8] == b"IHDR" and len(header) == PLAIN_HEADER and header[16:21] == PLAIN_GREY
    if not plain or zlib.crc32(header[4:-4]) != int.from_bytes(header[-4:]):
        return None
    if any(one[4:8] != b"IDAT" for one in data):
        return None
    width, height = struct.unpack_from(">II", header, CHUNK_HEAD)
    _check_size(width, height)
    packed = b"".join([one[CHUNK_HEAD:-4] for one in data])
    try:
        image = Image.new("L", (width, height), None)  # left as it is: every pixel is decoded into
        image.frombytes(packed, "zip", "L", False)
    except ValueError:
        return None
    return Planes(np.frombuffer(image.tobytes(), np.uint8).reshape(height, width))


def _pixel_chunks(encoded: bytes) -> list[bytes]:
    """Return the chunks of an encoded PNG image that decoding its pixels needs.

    Text and profiles are dropped unread, except for compressed text, which must not inflate to more
    than `MAX_TEXT` bytes.
    """
    kept, text = [], 0
    for kind, start, end in _chunks(encoded):
        if kind == b"acTL" and encoded[start : start + 4] != b"\0\0\0\1":
            raise _invalid("The PNG is animated; only images of one frame are read.")
        if kind in {b"zTXt", b"iTXt"}:
            text += _inflated_bytes(kind, encoded[start : end - 4], MAX_TEXT - text)
        # An upper-case first letter marks a critical chunk, which no decoder may skip.
        if kind[:1].isupper() or kind in {b"tRNS", b"eXIf"}:
            kept.append(encoded[start - CHUNK_HEAD : end])
    return kept


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of data and end of checksum of each chunk of an encoded PNG image.

    Raises:
        Problem: The file ends before its last chunk, or has too many.
    """
    position = len(PNG)
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(encoded):
            raise _invalid(UNDECODABLE)
        size, kind = struct.unpack_from(">I4s", encoded, position)
        end = position + 12 + size
        if end > len(encoded):
            raise _invalid(UNDECODABLE)
        yield kind, position + 8, end
        if kind == b"IEND":
            return
        position = end
    raise _invalid(f"The PNG has more than {MAX_CHUNKS} chunks.")


def _inflated_bytes(kind: bytes, data: bytes, limit: int) -> int:
    """Return the inflated size of a PNG image's text chunk, in bytes; stop past the limit.

    Raises:
        Problem: It is larger than `limit`.
    """
    _, _, rest = data.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return 0
        packed = b"".join(rest[2:].split(b"\0", 2)[2:])
    else:
        packed = rest[1:]
    try:
        size = len(zlib.decompressobj().decompress(packed, limit + 1))
    except zlib.error:
        return 0
    if size > limit:
        raise _invalid(f"The PNG's compressed text holds more than {MAX_TEXT} bytes.")
    return size


def _check_segments(encoded: bytes) -> None:
    """Check the numbers of scans and segments of a JPEG image: each scan decodes every pixel.

    Markers are followed as a decoder follows them, so that bytes in a thumbnail, a profile or
    behind the end of the image do not count.
    """
    position, scans, segments = 2, 0, 0
    while (found := SEGMENT_MARKER.search(encoded, position)) is not None:
        marker = found[1][0]
        if marker in {END_OF_IMAGE, SECOND_START}:
            return
        scans += marker == START_OF_SCAN
        segments += 1
        if scans > MAX_SCANS:
            raise _invalid(f"The JPEG has more than {MAX_SCANS} scans.")
        if segments > MAX_SEGMENTS:
            raise _invalid(f"The JPEG has more than {MAX_SEGMENTS} segments.")
        position = found.end() + max(int.from_bytes(encoded[found.end() : found.end() + 2]), 2)
