"""Rasters of SVG and PDF by Chromium and PDFium, and their difference from a PNG."""

import io
from base64 import b64encode

import numpy as np
import pypdfium2
from jaxtyping import UInt8
from PIL import Image
from playwright.sync_api import Page

MOST_DIFFERENT = 2.0
"""Largest mean difference, of 255, of a picture in SVG or PDF from its PNG."""

Pixels = UInt8[np.ndarray, "height width 3"]


def decoded(png: bytes) -> Pixels:
    """Return the pixels of a PNG."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def pdf_raster(pdf: bytes) -> Pixels:
    """Return the pixels of the page of a PDF at 96 pixels an inch."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return np.asarray(document[0].render(scale=96 / 72).to_pil().convert("RGB"))
    finally:
        document.close()


def pdf_text(pdf: bytes) -> str:
    """Return the text of a PDF, as a search finds it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return str(document[0].get_textpage().get_text_range())
    finally:
        document.close()


def svg_raster(page: Page, svg: bytes, size: tuple[int, int]) -> Pixels:
    """Return the pixels of an SVG as an image of a page, of a width and a height."""
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    address = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    page.set_content(f'<body style="margin:0"><img style="display:block" src="{address}">')
    page.evaluate("document.images[0].decode()")
    return decoded(page.screenshot())


def difference(one: Pixels, other: Pixels) -> float:
    """Return the mean difference of two pictures of equal size, of 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(float) - other).mean())
