"""Photos of a phone's size, sent to the API."""

from io import BytesIO

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from api.inference.jobs import Job
from tests.api.bodies import PICTURE
from tests.api.pictures_by_hand import encoded


def photo(digit: bytes, width: int, height: int) -> Image.Image:
    """Put a digit, dark on light, into the middle of a large picture."""
    ink = 225 - 0.8 * np.asarray(Image.open(BytesIO(digit)).convert("L"))
    side = min(width, height) * 3 // 4
    pen = Image.fromarray(ink.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
    sheet = Image.new("L", (width, height), 225)
    sheet.paste(pen, ((width - side) // 2, (height - side) // 2))
    return sheet


@pytest.mark.parametrize(
    ("image_format", "width", "height"),
    [("JPEG", 4000, 3000), ("JPEG", 6000, 8000), ("PNG", 4000, 4000)],
)
def test_large_photos_are_read(
    image_format: str, width: int, height: int, client: TestClient
) -> None:
    """A digit in a JPEG of 12 or 48 megapixels, or a PNG of 16, is read as that digit."""
    [sample] = client.get("/samples?count=1").json()["samples"]
    picture = photo(client.get(f"/samples/{sample['index']}.png").content, width, height)
    quality = {"quality": 30} if image_format == "JPEG" else {"compress_level": 1}
    headers = {"Content-Type": f"image/{image_format.lower()}"}

    content = encoded(picture, image_format, **quality)
    answer = client.post("/cnn/predict", content=content, headers=headers).json()

    assert answer["prediction"]["name"] == str(sample["label"])
    assert answer["input"]["preparation"]["source_size"] == [width, height]
    assert answer["warnings"] == []


def test_bodies_of_images_have_a_limit_of_bytes_together(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that exceeds the limit next to another is a 503, and counts no longer than it."""
    admission = app.state.engine.admission
    headers = {"Content-Type": "image/png"}
    with admission.body(Job()) as other:
        other.add(1)
        monkeypatch.setattr(admission, "_max_body_bytes", len(PICTURE))
        response = client.post("/cnn/predict", content=PICTURE, headers=headers)
        monkeypatch.setattr(admission, "_max_body_bytes", len(PICTURE) + 1)
        fitting = client.post("/cnn/predict", content=PICTURE, headers=headers)

    assert response.status_code == 503
    assert response.json()["type"] == "urn:lightwell:problem:busy"
    assert response.headers["Retry-After"]
    assert f"may have {len(PICTURE)}" in response.json()["detail"]
    assert fitting.status_code == 200
    assert admission.body_bytes == 0
