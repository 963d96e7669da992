"""Image decoding within limits: a PNG or JPEG becomes upright grey, alpha and colour planes.

    bytes -> known format? -> chunks and segments in bounds? -> size from the header
          -> decode at the scale that is needed -> upright -> planes

Limits are checked on the headers before anything is decoded, and Pillow does not read the parts of
a file that an image of a digit does not need (PNG text and colour profiles).
"""

import struct
import warnings
import zlib
from dataclasses import replace
from io import BytesIO
from math import ceil, sqrt

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageChops, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from api.errors.problem import Problem, body_problem
from api.inference.large_work import large_work
from api.requests.image_limits import (
    CONVERT,
    JPEG_FILE,
    MAX_ENCODED_BYTES,
    MAX_JPEG_PIXELS,
    MAX_PLANE_PIXELS,
    MAX_SCANNED_PIXELS,
    ONLY_READ,
    PNG,
    PNG_FILE,
    SCANS_FILE,
    UNDECODABLE,
    check_size,
    invalid,
    png_size,
)
from api.requests.image_structure import CHUNK_HEAD, check_segments, pixel_chunks
from api.requests.mistaken_images import unknown_format
from api.requests.planes import Planes
from models.data.pictures import in_8_bits

JPEG = b"\xff\xd8\xff"
PLAIN_HEADER = 25  # bytes of the chunk IHDR, whole
PLAIN_GREY = b"\x08\0\0\0\0"  # of a PNG's header: 8 bits, grey, the usual methods, not interlaced
KEPT_PIXEL_BYTES = 6  # of each pixel of an image that is kept whole while it is decoded
ROWS_SHARE = 20  # of a JPEG that is decoded row by row, one pixel in so many is kept
STRIP_PIXELS = 1_000_000  # of a large PNG that are converted and reduced at a time
MIN_CHROMA = 8  # levels between channels of a pixel with colour: JPEG leaves a few on grey

# Signatures of formats that are sent by mistake: offset, first bytes, name.
BROWSER_FORMATS = (
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP"),
    (0, b"BM", "a BMP"),
    (4, b"ftypavi", "an AVIF"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftypmif1", "a HEIC or an AVIF"),
    (0, b"<svg", "an SVG"),
    (0, b"\x00\x00\x01\x00", "an icon"),
)
OTHER_FORMATS = (
    (0, b"II*\x00", "a TIFF"),
    (0, b"MM\x00*", "a TIFF"),
    (4, b"ftyp", "a video"),
    (4, b"JXL ", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (4, b"jP  ", "a JPEG 2000"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF"),
    (0, b"\x93NUMPY", "a NumPy array"),
)

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
SIDEWAYS = {TRANSPOSITIONS[orientation] for orientation in (5, 6, 7, 8)}
LEVELS = {8: 256, 12: 4096}  # of images that are often written as 16 bits without scaling
FEW_PIXELS = 65_536
OPAQUE = (255, 255)  # least and most alpha


def _bound_pillow() -> None:
    """Set the limits of Pillow's image decoders, in addition to the checks of this module.

    They hold for every decoder in the process; the renderer, which only encodes, has none.
    """
    Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    ImageFile.LOAD_TRUNCATED_IMAGES = False


_bound_pillow()


def decode(encoded: bytes, *, exact: bool = False) -> Planes:
    """Decode an image, a PNG or JPEG of any colour mode, turned upright by its EXIF orientation.

    An image of more than `MAX_PLANE_PIXELS` is reduced to fewer, by averages of square blocks that
    weigh colours by alpha. Grey is luma (ITU-R 601), 16 bits become 8, a palette its colours, and
    CMYK is converted by Pillow; colour profiles and gamma are ignored. Transparency is kept as
    alpha, and colours where a pixel's channels differ by more than `MIN_CHROMA` levels.

    Args:
        encoded: Content of the file.
        exact: Whether every picture in colours keeps them, however little they differ, and one of
            the levels 0 and 1 is taken as it is.

    Raises:
        Problem: `encoded` is empty, is not a PNG or JPEG, is animated, broken or over a limit.
    """
    if len(encoded) > MAX_ENCODED_BYTES:
        detail = (
            f"The image is larger than {MAX_ENCODED_BYTES} bytes; "
            "send it with fewer pixels, or as a JPEG of lower quality."
        )
        raise body_problem("body-too-large", detail)
    if not encoded:
        raise invalid("The image is empty: 0 bytes.")
    if encoded.startswith(PNG):
        return _decode_png(encoded, exact=exact)
    if encoded.startswith(JPEG):
        return _decode_jpeg(encoded, exact=exact)
    for offset, magic, name in BROWSER_FORMATS + OTHER_FORMATS:
        if encoded.startswith(magic, offset):
            is_shown = (offset, magic, name) in BROWSER_FORMATS
            way_out = CONVERT if is_shown else "convert it to one of them"
            detail = f"The image is {name}; {ONLY_READ}: {way_out}."
            raise body_problem("unsupported-media-type", detail)
    raise invalid(unknown_format(encoded))


def _decode_png(encoded: bytes, *, exact: bool) -> Planes:
    """Decode a PNG image, without its text and profiles, and reduce a large one."""
    chunks = pixel_chunks(encoded)
    if (size := png_size(encoded)) is None:
        raise invalid(UNDECODABLE)
    check_size(*size, PNG_FILE)
    reduction = ceil(sqrt(size[0] * size[1] / MAX_PLANE_PIXELS))
    with large_work(size[0] * size[1] * KEPT_PIXEL_BYTES):
        planes = _decode_plain_grey(chunks, reduction)
        if planes is None:
            whole = PNG + b"".join(chunks)
            planes = _decode_with_pillow(whole, "PNG", size, reduction, exact=exact)
    if not exact:
        _check_mask(planes)
    return planes


def _check_mask(planes: Planes) -> None:
    """Raise where an opaque image has the levels 0 and 1 only, as masks that are not scaled do."""
    # Of bytes: NumPy's maximum of 28x28 pixels takes a tenth of their decoding.
    levels = planes.grey.tobytes()
    if planes.alpha is None and 1 in levels and not levels.strip(b"\0\1"):
        raise invalid(
            "The image has the levels 0 and 1 only, which are two levels of black: multiply them "
            "by 255."
        )


def _decode_jpeg(encoded: bytes, *, exact: bool) -> Planes:
    """Decode a JPEG image at the scale that is needed: libjpeg has 1/2, 1/4 and 1/8."""
    frame = check_segments(encoded)
    width, height = frame.size
    check_size(width, height, SCANS_FILE if frame.kept else JPEG_FILE)
    if width * height * frame.scans > MAX_SCANNED_PIXELS:
        most = f"pixels times scans may be at most {MAX_SCANNED_PIXELS}"
        raise invalid(
            f"The image is {width} x {height} pixels in {frame.scans} scans; {most}: "
            "send it smaller, or as a JPEG that is not progressive."
        )
    fitting = (scale for scale in (1, 2, 4) if width * height <= scale**2 * MAX_PLANE_PIXELS)
    pixels = width * height if frame.kept else width * height // ROWS_SHARE
    with large_work(pixels * KEPT_PIXEL_BYTES):
        return _decode_with_pillow(encoded, "JPEG", frame.size, next(fitting, 8), exact=exact)


def _decode_with_pillow(
    encoded: bytes, image_format: str, size: tuple[int, int], reduction: int, *, exact: bool
) -> Planes:
    """Decode an image file with Pillow, after its chunks or segments were checked.

    Args:
        size: Width and height by its header.
        exact: Whether every picture in colours keeps them.
    """
    try:
        with _opened(encoded, image_format, size) as image:
            picture = _load(image, reduction)
            turn = TRANSPOSITIONS.get(_orientation(image))
            upright = picture if turn is None else picture.transpose(turn)
            planes = _planes(upright, exact=exact)
    except Problem:
        raise
    except Exception as error:
        # Pillow's messages name files, addresses and content: none of it leaves this function.
        raise invalid(UNDECODABLE) from error
    if reduction > 1:
        sideways = turn in SIDEWAYS
        planes = replace(planes, reduction=reduction, unreduced=size[::-1] if sideways else size)
    return replace(planes, lossy=True) if image_format == "JPEG" else planes


def _opened(encoded: bytes, image_format: str, size: tuple[int, int]) -> Image.Image:
    """Open an image file with Pillow, and make sure that its size is the one that was checked."""
    image = Image.open(BytesIO(encoded), formats=[image_format])
    if image.size != size:
        msg = "The image has two headers."
        raise ValueError(msg)
    return image


def _load(image: Image.Image, reduction: int) -> Image.Image:
    """Decode an opened image at 1/reduction of its size."""
    if isinstance(image, JpegImageFile):
        image.draft(None, (image.width // reduction, image.height // reduction))
        reduction = 1
    # The raw mode of a tile is such as I;16B or RGB;16B.
    is_deep = any("16" in str(tile.args) for tile in getattr(image, "tile", ()))
    image.load()
    if is_deep:
        _check_levels(image)
    return in_8_bits(image) if reduction == 1 else _reduced(image, reduction)


def _check_levels(image: Image.Image) -> None:
    """Raise where all levels of a 16-bit image are those of 8 or 12 bits, so that it is black."""
    is_grey = image.mode.startswith("I")
    bands = [image] if is_grey else image.split()[: -1 if image.mode in {"LA", "RGBA"} else None]
    highest = max(int(band.getextrema()[1]) for band in bands)  # type: ignore[arg-type]
    # Pillow keeps the upper 8 bits of colours.
    level = highest if is_grey or not highest else 256 * highest + 255
    if not 0 < level < LEVELS[12]:
        return
    bits = 8 if level < LEVELS[8] else 12
    raise invalid(
        f"The 16-bit image has no level above {LEVELS[bits] - 1}, as if it had {bits} bits, so "
        f"that it is black: multiply its levels by {65_535 // (LEVELS[bits] - 1)}, up to 65535."
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an image to decode; 1 (upright) if absent or unreadable."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:
        # An image with broken metadata is still usable.
        return 1


def _reduced(image: Image.Image, reduction: int) -> Image.Image:
    """Return a decoded image in 8 bits, with averages of `reduction` x `reduction` pixels.

    It is converted in strips, so that no second image of full size is in memory.
    """
    width, height = image.size
    rows = reduction * ceil(STRIP_PIXELS / width / reduction)
    strips = [
        # Pillow weighs colours by alpha.
        in_8_bits(image.crop((0, top, width, min(top + rows, height)))).reduce(reduction)
        for top in range(0, height, rows)
    ]
    whole = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    for index, strip in enumerate(strips):
        whole.paste(strip, (0, index * rows // reduction))
    return whole


def _planes(picture: Image.Image, *, exact: bool) -> Planes:
    """Return luma, alpha where a pixel is not opaque, and colours where a pixel has one."""
    alpha = picture.getchannel("A") if picture.mode in {"LA", "RGBA"} else None
    transparent = alpha is not None and alpha.getextrema() != OPAQUE
    is_coloured = picture.mode in {"RGB", "RGBA"}
    if is_coloured and not exact and _has_equal_channels(picture):
        # Luma is then each of them.
        picture, is_coloured = picture.getchannel("R"), False
    colour = None
    if is_coloured and (exact or _has_colour(picture)):
        colour = _pixels(picture if picture.mode == "RGB" else picture.convert("RGB"))
    grey = _pixels(picture.convert("L"))
    return Planes(grey, _pixels(alpha) if alpha and transparent else None, colour=colour)


def _has_equal_channels(picture: Image.Image) -> bool:
    """Tell whether the channels of an image in colours are equal, as those of a drawing are."""
    red = picture.getchannel("R").tobytes()
    return all(picture.getchannel(name).tobytes() == red for name in "GB")


def _has_colour(picture: Image.Image) -> bool:
    """Tell whether the channels of a pixel differ by more than JPEG leaves on grey."""
    if picture.width * picture.height > FEW_PIXELS:
        # Most photos have colour everywhere, so that a few of the pixels are enough.
        few = picture.resize((64, 64), Image.Resampling.NEAREST)
        if _has_colour(few):
            return True
    red, green, blue = picture.split()[:3]
    pairs = ((red, green), (green, blue), (red, blue))
    spans = (ImageChops.difference(one, other).getextrema() for one, other in pairs)
    return any(most > MIN_CHROMA for _, most in spans)  # type: ignore[operator]


def _pixels(image: Image.Image) -> UInt8[np.ndarray, "height width *channels"]:
    """Return the pixels of a decoded image; NumPy's own conversion takes four times as long."""
    pixels = np.frombuffer(image.tobytes(), np.uint8)
    return pixels.reshape(image.height, image.width, *([-1] if len(image.getbands()) > 1 else []))


def _decode_plain_grey(chunks: list[bytes], reduction: int) -> Planes | None:
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
    packed = b"".join([one[CHUNK_HEAD:-4] for one in data])
    try:
        image = Image.new("L", (width, height), None)  # left as it is: every pixel is decoded into
        image.frombytes(packed, "zip", "L", False)
    except ValueError:
        return None
    if reduction > 1:
        grey = _pixels(image.reduce(reduction))
        return Planes(grey, reduction=reduction, unreduced=(width, height))
    return Planes(_pixels(image))
