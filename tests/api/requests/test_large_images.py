"""Large images: decoded at a fraction of their size, and every mode of them averaged rightly."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from api.errors.problem import Problem
from api.requests.image_decoding import decode
from api.requests.image_limits import MAX_PLANE_PIXELS
from api.requests.model_input import encoded_image_input
from tests.api.pictures_by_hand import blank, encoded
from tests.networks import SIMPLE_CNN


def square_on_paper(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """Draw a dark square on light paper."""
    image = Image.new("L", size, 220)
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=30)
    return image


def preparation(content: bytes) -> Mapping[str, Any]:
    """Return the record of preprocessing an encoded image."""
    record: Mapping[str, Any] = (
        encoded_image_input(content, SIMPLE_CNN.image, "mnist").echo or {}
    )["preparation"]
    return record


@pytest.mark.parametrize(
    ("width", "height", "reduction"),
    [
        (1000, 1000, 1),
        (1500, 1000, 1),
        (1501, 1000, 2),
        (1920, 1080, 2),
        (4000, 3000, 4),
        (6000, 4000, 4),
        (8000, 6000, 8),
        (8000, 320, 2),
    ],
)
def test_jpegs_are_decoded_at_the_scale_that_is_needed(
    width: int, height: int, reduction: int
) -> None:
    """A JPEG of more than 1.5 megapixels is decoded at 1/2, 1/4 or 1/8 of its size."""
    planes = decode(encoded(Image.new("L", (width, height), 9), "JPEG"))

    assert (planes.reduction, planes.source_size) == (reduction, [width, height])
    assert planes.size == [-(-width // reduction), -(-height // reduction)]
    assert planes.grey.size <= MAX_PLANE_PIXELS


@pytest.mark.parametrize(
    ("width", "height", "reduction"),
    [(1225, 1224, 1), (1225, 1225, 2), (2501, 1501, 2), (4001, 4000, 4)],
)
def test_pngs_are_reduced_after_decoding(width: int, height: int, reduction: int) -> None:
    """A PNG of more than 1.5 megapixels is reduced by a whole number."""
    planes = decode(blank(width, height))

    assert (planes.reduction, planes.source_size) == (reduction, [width, height])
    assert planes.size == [-(-width // reduction), -(-height // reduction)]


@pytest.mark.parametrize(
    ("image_format", "mode", "size", "box"),
    [
        ("JPEG", "RGB", (4000, 3000), (1801, 903, 2402, 1504)),
        ("JPEG", "CMYK", (2403, 1801), (1803, 1202, 2403, 1801)),
        ("PNG", "L", (4000, 4000), (701, 2203, 1402, 2904)),
        ("PNG", "1", (2403, 1801), (1001, 402, 1300, 701)),
        ("PNG", "P", (2403, 1801), (1001, 402, 1300, 701)),
        ("PNG", "I;16", (2403, 1801), (1001, 402, 1300, 701)),
        ("PNG", "RGBA", (2403, 1801), (1001, 402, 1300, 701)),
    ],
)
def test_box_and_maps_are_in_pixels_of_the_source(
    image_format: str, mode: str, size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    """The box of a square in a large image has its place and size in the source."""
    if mode == "I;16":
        grey = np.asarray(square_on_paper(size, box)).astype(np.uint16) * 257
        image = Image.fromarray(grey)
    else:
        image = square_on_paper(size, box).convert(mode, dither=Image.Dither.NONE)
    content = encoded(image, image_format, **({} if image_format == "PNG" else {"quality": 60}))

    found = preparation(content)
    left, top, right, bottom = found["box"]

    assert found["source_size"] == list(size)
    assert np.abs(np.subtract(found["box"], box)).max() <= 6
    assert found["scale"] == pytest.approx(20 / max(right - left, bottom - top), rel=0.02)
    a, _, c, _, e, f = found["affine"]
    assert (a, e) == pytest.approx((1 / found["scale"], 1 / found["scale"]))
    # The map takes the corner of the box in 28x28 to its corner in the source.
    x, y = found["shift"]
    assert (a * x + c, e * y + f) == pytest.approx(found["box"][:2])


def test_sides_and_box_end_with_the_image() -> None:
    """A box that touches the right and lower border of a reduced image is not larger than it."""
    image = Image.new("L", (2401, 1801), 220)
    ImageDraw.Draw(image).line((1500, 400, 2380, 400, 1900, 1801), fill=30, width=90)
    ImageDraw.Draw(image).line((1600, 1000, 2401, 1000), fill=30, width=90)

    found = preparation(encoded(image))

    assert found["box"][2:] == found["source_size"] == [2401, 1801]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_large_photos_are_turned_upright(orientation: int) -> None:
    """Size and box of a photo with an EXIF orientation are those of the upright image."""
    upright = square_on_paper((3000, 4000), (301, 403, 902, 1504))
    turns = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    turn = {**turns, 8: Image.Transpose.ROTATE_270}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright if turn is None else upright.transpose(turn)

    found = preparation(encoded(stored, "JPEG", exif=exif))

    assert found["source_size"] == [3000, 4000]
    assert np.abs(np.subtract(found["box"], (301, 403, 902, 1504))).max() <= 6


def test_colours_are_weighed_by_alpha() -> None:
    """Clear pixels give no colour to the strokes that they are averaged with."""
    rgba = np.zeros((1300, 1300, 4), np.uint8)
    rgba[:, 0::2] = (200, 40, 90, 100)  # every second column; the others are clear black

    planes = decode(encoded(Image.fromarray(rgba)))

    assert planes.reduction == 2
    assert planes.alpha is not None
    assert planes.colour is not None
    assert set(np.unique(planes.alpha)) == {50}
    assert np.abs(planes.colour.astype(int) - (200, 40, 90)).max() <= 3
    assert np.abs(planes.grey.astype(int) - 93).max() <= 3


def test_one_clear_level_of_16_bits_is_weighed_too() -> None:
    """A 16-bit PNG with a transparent level has alpha after its reduction."""
    deep = np.full((1300, 1300), 200 * 257, np.uint16)
    deep[:, 0::2] = 7

    planes = decode(encoded(Image.fromarray(deep), transparency=7))

    assert planes.alpha is not None
    assert set(np.unique(planes.alpha)) <= {127, 128}
    assert set(np.unique(planes.grey)) <= {199, 200, 201}


@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
@pytest.mark.parametrize("side", [64, 1300])
def test_colours_are_kept_where_there_are_any(side: int, image_format: str) -> None:
    """Red on green of one luma has a colour plane; grey in colour channels has none."""
    colours = Image.new("RGB", (side, side), (0, 100, 0))
    colours.paste((196, 0, 0), (side // 4, side // 4, side // 2, side // 2))
    grey = Image.linear_gradient("L").resize((side, side)).convert("RGB")

    found = decode(encoded(colours, image_format)).colour
    assert found is not None
    assert found.shape[2] == 3
    inside, outside = found[len(found) // 3, len(found) // 3], found[2, 2]
    assert np.abs(inside.astype(int) - (196, 0, 0)).max() <= 8
    assert np.abs(outside.astype(int) - (0, 100, 0)).max() <= 8
    assert decode(encoded(grey, image_format)).colour is None


def test_colours_under_alpha_are_not_multiplied() -> None:
    """Strokes at half alpha keep their own colour and luma."""
    planes = decode(encoded(Image.new("RGBA", (30, 30), (10, 20, 200, 90))))

    assert planes.colour is not None
    assert planes.colour[3, 3].tolist() == [10, 20, 200]
    assert planes.grey[3, 3] == 38
    assert planes.alpha is not None
    assert planes.alpha[3, 3] == 90


def test_only_28_by_28_is_taken_unprepared() -> None:
    """An image that is 28x28 only after its reduction is refused without preprocessing."""
    with pytest.raises(Problem) as caught:
        encoded_image_input(blank(28 * 56, 28 * 56), SIMPLE_CNN.image, "none")

    assert caught.value.detail.startswith("The image is 1568 x 1568 pixels; preprocess=none")
