"""`python -m scripts.pictures`: draw the README's pictures anew, through the app itself."""

import time
from pathlib import Path

from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
PICTURES = {
    "activations.png": "/cnn/activations.png?layers=relu1,pool1,relu2,relu3,relu4",
    "channel.png": "/cnn/channel.png?layer=relu2&channel=7",
    "gates.png": "/lstm/gates.png?sequence=1011001110101100",
    "cell.png": "/lstm/cell.png?sequence=1011001110101100",
}


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
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
            (FOLDER / name).write_bytes(response.raise_for_status().content)


if __name__ == "__main__":
    main()
