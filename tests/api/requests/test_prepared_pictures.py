"""Pictures that were sent lately are neither decoded nor prepared again."""

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from api.requests import model_input
from api.requests.image_decoding import decode
from api.requests.model_input import encoded_image_input, known_image_input
from api.requests.picture_preparation import NetworkImage
from api.requests.planes import Planes
from api.requests.prepared_pictures import (
    LEAST_FILE_BYTES,
    MAX_KEPT_BYTES,
    MOST_FILE_BYTES,
    PreparedPictures,
    key_of,
)
from tests.networks import COLOURS, SIMPLE_CNN


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Files that are decoded, with no picture kept before."""
    files: list[bytes] = []

    def noting(content: bytes, *, exact: bool = False) -> Planes:
        files.append(content)
        return decode(content, exact=exact)

    monkeypatch.setattr(model_input, "decode", noting)
    monkeypatch.setattr(model_input, "PREPARED", PreparedPictures())
    return files


def drawing(seed: int) -> bytes:
    """Return a PNG file of a stroke with grain, larger than the smallest kept one."""
    random = np.random.default_rng(seed)
    picture = Image.fromarray(random.integers(0, 8, (100, 100), np.uint8))
    ImageDraw.Draw(picture).line((30, 20, 60 + seed % 10, 80), fill=255, width=9)
    file = io.BytesIO()
    picture.save(file, "PNG")
    assert len(file.getvalue()) > LEAST_FILE_BYTES
    return file.getvalue()


def test_a_picture_is_prepared_once(decoded: list[bytes]) -> None:
    """The second input is the first one; other pixels and other preparations are others."""
    first, other = drawing(1), drawing(2)
    assert known_image_input(first, SIMPLE_CNN.image, "mnist") is None

    made = encoded_image_input(first, SIMPLE_CNN.image, "mnist")
    again = encoded_image_input(first, SIMPLE_CNN.image, "mnist")
    known = known_image_input(first, SIMPLE_CNN.image, "mnist")
    encoded_image_input(other, SIMPLE_CNN.image, "mnist")
    in_colour = encoded_image_input(first, COLOURS.image, "fit")

    assert decoded == [first, other, first]
    assert known is not None
    for one in (again, known):
        assert one.echo == made.echo
        assert one.warnings == made.warnings
        np.testing.assert_array_equal(one.row["image"], made.row["image"])
    assert in_colour.row["image"].shape == (4, 6, 3)
    assert known_image_input(first, COLOURS.image, "none") is None


def test_a_kept_picture_cannot_be_changed(decoded: list[bytes]) -> None:
    """Several requests share its arrays."""
    row = encoded_image_input(drawing(1), SIMPLE_CNN.image, "mnist").row["image"]

    with pytest.raises(ValueError, match="read-only"):
        row[0] = 1


def test_routes_share_a_drawing(client: TestClient, decoded: list[bytes]) -> None:
    """Its answers are those of a file with other bytes and the same pixels."""
    first = drawing(3)
    same = io.BytesIO()
    Image.open(io.BytesIO(first)).save(same, "PNG", compress_level=1)
    answers = [
        client.post(f"/cnn/{probe}", content=content, headers={"Content-Type": "image/png"}).json()
        for content in (first, same.getvalue())
        for probe in ("predict", "activations?layers=relu4")
    ]

    assert decoded == [first, same.getvalue()]
    assert answers[:2] == answers[2:]
    assert answers[0]["input"] == answers[1]["input"]


@pytest.mark.parametrize("size", [LEAST_FILE_BYTES - 1, MOST_FILE_BYTES + 1])
def test_small_and_large_files_are_not_kept(size: int) -> None:
    """A small one is decoded in less time; the digest of a large one takes too long."""
    assert key_of(bytes(size), SIMPLE_CNN.image, "mnist") is None


def test_the_one_unused_for_longest_is_evicted() -> None:
    """All together have at most their bytes."""
    kept = PreparedPictures()
    pixels = np.zeros((256, 256, 3), np.uint8)
    image = NetworkImage(pixels.astype(np.float32), {"pixels": pixels})
    each = image.row.nbytes + pixels.nbytes
    keys = [
        key
        for seed in range(MAX_KEPT_BYTES // each + 1)
        if (key := key_of(seed.to_bytes(2) * LEAST_FILE_BYTES, COLOURS.image, "fit"))
    ]
    for key in keys[:-1]:
        kept.add(key, image)
    assert kept.get(keys[0]) is image  # used: the second one is the oldest now
    kept.add(keys[-1], image)

    assert kept.get(keys[1]) is None
    assert kept.get(keys[0]) is image
    assert kept.get(keys[-1]) is image
