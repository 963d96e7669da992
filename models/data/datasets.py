"""MNIST data set by TensorFlow Datasets (TFDS): read from disk, downloaded if missing."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Literal, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from models.data.mnist import HEIGHT, WIDTH
from models.data.pictures import fit_pixels, in_8_bits
from models.declaration.declaration import ImageSpec
from models.printable import printable

VERSION = "3.0.1"
TIMEOUT_S = 10.0

Split = Literal["train", "test"]


class DatasetError(Exception):
    """A data set is neither on this machine nor downloadable, or cannot be read."""


class Digits(NamedTuple):
    """Data set of digit images, from 0 (background) to 255 (full ink), and their labels."""

    images: UInt8[np.ndarray, "images 28 28"]
    labels: UInt8[np.ndarray, " images"]


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Explain an error of the system while a data set is read.

    Args:
        name: Name of the data set.

    Raises:
        DatasetError: A folder or a file of it cannot be read.
    """
    try:
        yield
    except OSError as error:
        place = f": {printable(error.filename, None)}" if error.filename else ""
        msg = f"{printable(name)} cannot be read{place}: {error.strerror or printable(error)}"
        raise DatasetError(msg) from error


def mnist(split: Split, folder: Path | None = None) -> Digits:
    """Read one split of the MNIST data set in the order of TFDS, which is a fixed shuffle.

    Args:
        split: "train" has 60,000 images, "test" 10,000.
        folder: A TFDS directory that holds the split. Without one: `TFDS_DATA_DIR`, else the
            default TFDS directory, where MNIST is prepared when neither has it.

    Raises:
        DatasetError: The split is missing and cannot be downloaded, or an image is damaged.
    """
    import tensorflow_datasets as tfds  # noqa: PLC0415 - a second or more, and only training has it

    with reading("MNIST"):
        place = find(split) or prepare(_folders()[0]) if folder is None else _version(folder)
        builder = tfds.builder_from_directory(place)
        # TFDS itself takes several times as long to decode an image, and logs a warning without
        # OpenCV.
        source = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
        examples = source.__getitems__(range(len(source)))
    images = np.stack([decode_png(example["image"]) for example in examples])
    return Digits(images, np.array([example["label"] for example in examples], np.uint8))


def read_pictures(
    folder: Path, image: ImageSpec
) -> list[UInt8[np.ndarray, "height width channels"]]:
    """Read every picture in a folder of a data set at the size of a network, in order of names.

    Each is turned upright, put on white where it is transparent, scaled to cover the size and
    cropped at its centre.

    Raises:
        DatasetError: A file is not a picture.
    """
    found, mode = [], "L" if image.channels == 1 else "RGB"
    for path in sorted(one for one in folder.iterdir() if not one.name.startswith(".")):
        try:
            with Image.open(path, formats=("PNG", "JPEG")) as opened:
                upright = in_8_bits(ImageOps.exif_transpose(opened)).convert("RGBA")
                white = Image.new("RGBA", upright.size, "white")
                whole = Image.alpha_composite(white, upright).convert(mode)
                fitted = fit_pixels(np.asarray(whole), image)
        except (OSError, SyntaxError, ValueError) as error:
            msg = f"{folder.name}/{path.name} is not a PNG or JPEG picture: {error}"
            raise DatasetError(msg) from error
        found.append(fitted.reshape(image.height, image.width, image.channels))
    return found


def decode_png(encoded: bytes) -> UInt8[np.ndarray, "28 28"]:
    """Decode an image of the MNIST data set: a grey PNG of 28x28 pixels.

    Raises:
        DatasetError: The bytes are no PNG, are damaged, or are an image of another mode or size.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=("PNG",)) as image:
            pixels = np.asarray(image)
            found = f"{image.width}x{image.height} of mode {image.mode}"
    except (OSError, SyntaxError) as error:  # Pillow raises both for damaged files
        msg = f"an image of MNIST is damaged: {error}"
        raise DatasetError(msg) from error
    if found != f"{WIDTH}x{HEIGHT} of mode L":
        msg = f"an image of MNIST must be {WIDTH}x{HEIGHT} of mode L, not {found}"
        raise DatasetError(msg)
    return pixels


def find(split: Split) -> Path | None:
    """Return the folder of a prepared split of the MNIST data set; None if there is none."""
    places = (_version(folder) for folder in _folders())
    return next((place for place in places if any(place.glob(f"mnist-{split}.*"))), None)


def prepare(folder: Path) -> Path:
    """Download the MNIST data set and prepare it in a TFDS directory; TensorFlow is not needed.

    Returns:
        The directory of the prepared version.

    Raises:
        DatasetError: The server is unreachable, which is detected within 15 s, the download was
            interrupted, or the directory is not writable.
    """
    from models.data.mnist_builder import PlainMNIST  # noqa: PLC0415 - imports tensorflow_datasets

    _check_reachable(PlainMNIST.URL)
    builder: Any = PlainMNIST(data_dir=folder, file_format="array_record")
    try:
        builder.download_and_prepare()
    except OSError as error:
        msg = f"MNIST could not be prepared in {folder}: {error}"
        raise DatasetError(msg) from error
    return _version(folder)


def _folders() -> list[Path]:
    """List the TFDS directories in which the MNIST data set may be, in order of precedence."""
    named = os.environ.get("TFDS_DATA_DIR")
    default = Path.home() / "tensorflow_datasets"
    return [Path(named).expanduser(), default] if named else [default]


def _version(folder: Path) -> Path:
    return folder / "mnist" / VERSION


def _check_reachable(address: str) -> None:
    """Check once that the data set's download server responds; TFDS would retry for minutes.

    Raises:
        DatasetError: There was no response in time.
    """
    answers: SimpleQueue[bool] = SimpleQueue()
    # In a thread, because name resolution has no timeout; a daemon thread, so that the program can
    # end before it.
    Thread(target=lambda: answers.put(_answers(address)), daemon=True).start()
    try:
        reachable = answers.get(timeout=TIMEOUT_S)
    except Empty:
        reachable = False
    if not reachable:
        msg = (
            "MNIST is not on this machine and its download cannot be reached: set TFDS_DATA_DIR to "
            "a directory in which TensorFlow Datasets has prepared it, or try again with a network"
        )
        raise DatasetError(msg)


def _answers(address: str) -> bool:
    """Return whether the data set's download server responds, with any status."""
    try:
        with urlopen(Request(address, method="HEAD"), timeout=TIMEOUT_S / 2):  # noqa: S310 - https
            return True
    except HTTPError:
        return True
    except OSError:
        return False
