"""Make the README's pictures: `python -m scripts.readme_images`, with Chromium.

Those of probes come from the application; those of the page are what a browser shows of a server.
"""

import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from models.runtime.durable_files import write_atomically

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
PICTURES = {
    "activations.png": "/cnn/activations.png?layers=relu1,pool1,relu2,relu3,relu4",
    "channel.png": "/cnn/channel.png?layer=relu2&channel=7",
    "gates.png": "/lstm/gates.png?sequence=1011001110101100",
    "cell.png": "/lstm/cell.png?sequence=1011001110101100",
}
CHROMIUM = "/usr/bin/chromium"
WINDOW = {"width": 1280, "height": 800}
MOVING_WIDTH = 880  # pixels of the moving picture
FRAME_MS, LAST_FRAME_MS = 90, 2500
TIMEOUT_MS = 180_000  # of the browser, on a busy machine
PAD = "lw-digit-pad"

STROKES = (
    ((0.30, 0.24), (0.48, 0.18), (0.66, 0.24), (0.68, 0.38), (0.56, 0.47), (0.44, 0.49)),
    ((0.44, 0.49), (0.62, 0.52), (0.72, 0.64), (0.66, 0.79), (0.46, 0.84), (0.28, 0.76)),
)
"""A three on the pad: points of its strokes, as parts of the sides."""


def main() -> None:
    """Write the README's pictures to docs/pictures."""
    _write_probes()
    with _server() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, color_scheme="light")  # type: ignore[arg-type]
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(url)
        _wait_until_shown(page)
        write_atomically(FOLDER / "explorer.png", _smaller(page.screenshot()))
        write_atomically(FOLDER / "drawing.webp", _moving(list(_drawing(page))))
        browser.close()


def _write_probes() -> None:
    """Write the README's pictures of probes."""
    with TestClient(create_app(Settings())) as client:
        while client.get("/readyz").is_error:
            time.sleep(0.1)
        digit = client.get("/samples/0.png").content
        headers = {"Content-Type": "image/png"}
        for name, path in PICTURES.items():
            posted = path.startswith("/cnn")
            response = (
                client.post(path, content=digit, headers=headers) if posted else client.get(path)
            )
            write_atomically(FOLDER / name, response.raise_for_status().content)


@contextmanager
def _server() -> Iterator[str]:
    """Start a server for the README's pictures, yield its address when it is ready, and end it."""
    command = [sys.executable, "-u", "-m", "api", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own server
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - by the argument above
        try:
            lines = iter(process.stdout)
            url = next(found[0] for line in lines if (found := re.search(r"http://[\d.:]+", line)))
            next(line for line in lines if "Analyses ready" in line)
            yield url
        finally:
            process.terminate()


def _drawing(page: Page) -> Iterator[bytes]:
    """Draw on the page's pad; yield a screenshot for the README's moving picture now and then."""
    yield page.screenshot()
    page.get_by_role("button", name="Clear").first.click()
    box = page.locator(PAD).first.bounding_box()
    if box is None:
        msg = "the page shows no pad"
        raise RuntimeError(msg)
    for stroke in STROKES:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(x, y, steps=6)
            page.wait_for_timeout(FRAME_MS)
            if (x, y) == points[-1]:
                _wait_until_shown(page)
            yield page.screenshot()
        page.mouse.up()
    _wait_until_shown(page)
    yield page.screenshot()


def _wait_until_shown(page: Page) -> None:
    """Wait until every part of the page shows the answer for its input, and moves no more."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".is-stale")).to_have_count(0, timeout=TIMEOUT_MS)
    page.get_by_text("products", exact=True).first.wait_for()
    page.wait_for_timeout(500)


def _smaller(png: bytes) -> bytes:
    """Return a screenshot of the README with a palette of 256 colours, a third of the bytes."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            file, "PNG", optimize=True
        )
    return file.getvalue()


def _moving(frames: list[bytes]) -> bytes:
    """Join screenshots to the README's moving picture, an animated WebP."""
    images = []
    for png in frames:
        with Image.open(io.BytesIO(png)) as image:
            height = MOVING_WIDTH * image.height // image.width
            images.append(
                image.convert("RGB").resize((MOVING_WIDTH, height), Image.Resampling.LANCZOS)
            )
    file = io.BytesIO()
    images[0].save(
        file,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=[4 * FRAME_MS] + [2 * FRAME_MS] * (len(images) - 2) + [LAST_FRAME_MS],
        loop=0,
        quality=72,
        method=6,
    )
    return file.getvalue()


if __name__ == "__main__":
    main()
