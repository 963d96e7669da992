"""Render the README's pictures through the application: `python -m scripts.readme_images`.

The picture of the page is cropped from the screenshot of its tests, if they have run.
"""

import time
from pathlib import Path

from PIL import Image
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from models.runtime.durable_files import write_atomically

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
PAGE = ROOT / "build" / "screenshots" / "open-digits-light-1440.png"
PAGE_HEIGHT = 900  # pixels: the first screen
PICTURES = {
    "activations.png": "/cnn/activations.png?layers=relu1,pool1,relu2,relu3,relu4",
    "channel.png": "/cnn/channel.png?layer=relu2&channel=7",
    "gates.png": "/lstm/gates.png?sequence=1011001110101100",
    "cell.png": "/lstm/cell.png?sequence=1011001110101100",
}


def main() -> None:
    """Request the README's pictures from the application and write them to docs/pictures."""
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
    if PAGE.exists():
        # A screenshot of the tests is larger than Pillow's limit for untrusted files.
        Image.MAX_IMAGE_PIXELS = None
        with Image.open(PAGE) as page:
            shown = page.crop((0, 0, page.width, PAGE_HEIGHT))
        shown.save(FOLDER / "explorer.png", optimize=True)


if __name__ == "__main__":
    main()
