"""Pictures that are cut, or whose bytes or checksums are wrong: problems with fixed texts."""

import io
import zlib

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.fuzz.mutation import MARK


def _picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.radial_gradient("L").resize((28, 28)).save(file, kind)
    return file.getvalue()


def _details(client: TestClient, media_type: str, damaged: list[bytes]) -> set[str]:
    """Return the texts of the problems, after checks of status and form."""
    found = set()
    for content in damaged:
        answer = client.post("/cnn/predict", content=content, headers={"Content-Type": media_type})
        if answer.status_code == 200:
            continue
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"] == "urn:lightwell:problem:invalid-image"
        found.add(answer.json()["detail"])
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_cut_picture_is_a_problem_of_few_texts(client: TestClient, kind: str) -> None:
    """Wherever a file is cut, its problem has one of a few texts, without addresses."""
    whole = _picture(kind)
    cuts = [whole[:length] for length in range(1, len(whole), 7)]
    found = _details(client, f"image/{kind.lower()}", cuts)
    assert 1 <= len(found) <= 6
    assert not any("0x" in text or "object" in text for text in found)


def test_a_wrong_checksum_is_a_problem(client: TestClient) -> None:
    """A PNG whose data do not have its checksum is refused, in every chunk that is needed."""
    whole = _picture("PNG")
    damaged = []
    for name in (b"IHDR", b"IDAT"):
        place = whole.index(name)
        end = place + 4 + int.from_bytes(whole[place - 4 : place], "big")
        wrong = zlib.crc32(whole[place:end]) ^ 1
        damaged.append(whole[:end] + wrong.to_bytes(4, "big") + whole[end + 4 :])
    for content in damaged:
        assert len(_details(client, "image/png", [content])) == 1


@pytest.mark.parametrize(
    "content", [MARK.encode() * 40, b"\0" * 400, b"GIF89a", b"%PDF-1.7", b"\x93NUMPY"]
)
def test_a_file_that_is_no_picture_is_a_problem(client: TestClient, content: bytes) -> None:
    """Bytes of another format are refused, and not repeated."""
    answer = client.post("/cnn/predict", content=content, headers={"Content-Type": "image/png"})
    assert answer.status_code in (415, 422)
    assert MARK not in answer.text
    assert len(answer.content) < 4096
