"""Picture files on the page: uploaded, pasted and dropped, in every format that it can show."""

import re
from io import BytesIO

import httpx2
import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests.page.browsers import settle
from tests.page.test_drawing import WINNER, winner_of


def give(page: Page, event: str, content: bytes, media: str, name: str = "file") -> None:
    """Dispatch a paste or drop event with a file."""
    page.locator("#draw").evaluate(
        """(place, [event, bytes, type, name]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(bytes)], name, { type }));
          const options = { bubbles: true, cancelable: true };
          place.dispatchEvent(event === "paste"
            ? new ClipboardEvent("paste", { ...options, clipboardData: data })
            : new DragEvent("drop", { ...options, dataTransfer: data }));
        }""",
        [event, list(content), media, name],
    )


# Chromium does not tell its driver the body of a request that is a blob.
RECORD = """() => {
  const send = window.fetch;
  window.sent = null;
  window.fetch = (address, options) => {
    if (options?.body instanceof Blob) window.sent ??= options.body;
    return send(address, options);
  };
}"""
READ_SENT = "async () => Array.from(new Uint8Array(await window.sent.arrayBuffer()))"


def upload(page: Page, content: bytes, media: str, name: str = "photo") -> bytes:
    """Choose a file, and return the picture that the page sends."""
    page.evaluate(RECORD)
    file = {"name": name, "mimeType": media, "buffer": content}
    page.locator("#draw input[type=file]").set_input_files(file)
    page.wait_for_function("() => window.sent")
    return bytes(page.evaluate(READ_SENT))


def labelled(api: httpx2.Client, label: int) -> bytes:
    """Return the PNG of a test sample of one digit."""
    return api.get(f"/samples/{index_of(api, label)}.png").content


def index_of(api: httpx2.Client, label: int) -> int:
    """Return the index of a test sample of one digit."""
    samples = api.get("/samples?count=10").json()["samples"]
    return next(int(one["index"]) for one in reversed(samples) if one["label"] == label)


def photo(digit: bytes, width: int, height: int) -> Image.Image:
    """Put a digit, dark on light, into the middle of a large picture."""
    sheet = Image.new("L", (width, height), 225)
    ink = 225 - np.asarray(Image.open(BytesIO(digit)).convert("L")) * 0.8
    side = min(width, height) * 3 // 4
    pen = Image.fromarray(ink.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    sheet.paste(pen, ((width - side) // 2, (height - side) // 2))
    return sheet.convert("RGB")


def written(image: Image.Image, image_format: str, **options: object) -> bytes:
    """Encode a picture."""
    file = BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def test_a_picture_file_is_classified(page: Page, api: httpx2.Client) -> None:
    """An uploaded, pasted or dropped picture is classified as by the API, and sent unchanged."""
    for way, label in (("upload", 4), ("paste", 6), ("drop", 9)):
        png = labelled(api, label)
        if way == "upload":
            assert upload(page, png, "image/png") == png
        else:
            give(page, way, png, "image/png")

        expect(page.locator(WINNER)).to_have_text(winner_of(api, png))
    expect(page).to_have_url(re.compile("pixels="))


def test_other_formats_are_sent_as_png(page: Page, api: httpx2.Client) -> None:
    """A picture that the API does not read is converted by the page, under any name."""
    for image_format, label in (("WEBP", 4), ("AVIF", 9), ("GIF", 4), ("BMP", 9)):
        settle(page)
        picture = photo(labelled(api, label), 300, 300)

        sent = upload(page, written(picture, image_format), "image/png", "digit.png")

        found = Image.open(BytesIO(sent))
        assert (found.format, found.size) == ("PNG", (300, 300)), image_format
        assert np.abs(np.asarray(found.convert("L")).astype(int) - picture.convert("L")).mean() < 2
        expect(page.locator(WINNER)).to_have_text(str(label))


def test_an_svg_is_sent_as_png(page: Page) -> None:
    """A drawing without pixels of its own is drawn at its size."""
    drawing = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="160">'
        b'<path d="M100 20v120" stroke="#222" stroke-width="14"/></svg>'
    )

    sent = Image.open(BytesIO(upload(page, drawing, "image/svg+xml", "one.svg")))

    assert (sent.format, sent.size) == ("PNG", (200, 160))
    expect(page.locator(WINNER)).to_have_text("1")


def test_the_steps_of_preprocessing_are_listed(page: Page, api: httpx2.Client) -> None:
    """The page lists the steps of the response, such as the parts of a photo that were left out."""
    picture = photo(labelled(api, 4), 600, 400)
    ImageDraw.Draw(picture).line([(180, 375), (420, 375)], (60, 60, 60), 6)
    png = written(picture, "PNG")
    answer = api.post("/cnn/predict", content=png, headers={"Content-Type": "image/png"}).json()
    steps = answer["input"]["preparation"]["steps"]
    assert any("Left out" in step for step in steps)

    upload(page, png, "image/png")

    listed = page.locator("#seen .preparation li")
    expect(listed).to_have_text([re.compile("600 × 400 pixels"), *steps])


def test_a_large_photo_is_sent_small(page: Page, api: httpx2.Client) -> None:
    """A photo of 12 megapixels is sent as a PNG of 1,024 pixels along its longer side."""
    picture = photo(labelled(api, 9), 4000, 3000)

    sent = Image.open(BytesIO(upload(page, written(picture, "JPEG", quality=70), "image/jpeg")))

    assert (sent.format, sent.size) == ("PNG", (1024, 768))
    expect(page.locator(WINNER)).to_have_text("9")


def test_a_turned_photo_is_sent_upright(page: Page, api: httpx2.Client) -> None:
    """The EXIF orientation of a photo is applied."""
    upright = photo(labelled(api, 4), 1200, 1600)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = upright.transpose(Image.Transpose.ROTATE_90)

    sent = Image.open(BytesIO(upload(page, written(stored, "JPEG", exif=exif), "image/jpeg")))

    assert (sent.format, sent.size) == ("PNG", (768, 1024))
    expect(page.locator(WINNER)).to_have_text("4")


def test_a_file_that_is_no_picture_is_refused(page: Page) -> None:
    """The page names the file and the files to choose instead; it keeps the digit until then."""
    refusal = page.locator("#draw .refusal")
    for content, media, name in (
        (b"no picture", "text/plain", "notes.txt"),
        (b"no picture", "image/png", "notes.png"),
        (b"\x89PNG\r\n\x1a\nbroken", "image/png", "broken.png"),
        (b"", "image/png", "empty.png"),
    ):
        settle(page)
        before = page.locator("#digit-bars .bar-value").all_inner_texts()

        give(page, "drop", content, media, name)

        files = "choose a PNG, JPEG, WebP or GIF."
        expect(refusal).to_have_text(
            f"“{name}” is not a picture that this browser can show: {files}"
        )
        assert page.locator("#digit-bars .bar-value").all_inner_texts() == before
        page.locator("#samples button.sample[aria-pressed=false]").first.click()
        expect(refusal).to_be_hidden()


def test_a_file_that_is_decoded_late_replaces_nothing(page: Page, api: httpx2.Client) -> None:
    """A sample chosen while a file is decoded stays."""
    page.evaluate("""() => {
      const decode = window.createImageBitmap;
      window.createImageBitmap = async (...given) => {
        await new Promise((resolve) => { window.release = resolve; });
        return decode(...given);
      };
    }""")
    four, six = labelled(api, 4), labelled(api, 6)
    give(page, "drop", four, "image/png")
    page.wait_for_function("() => window.release")
    sample = page.locator(f'#samples button.sample[data-index="{index_of(api, 6)}"]')
    sample.click()
    expect(page.locator(WINNER)).to_have_text(winner_of(api, six))

    page.evaluate("() => window.release()")
    settle(page)

    expect(page.locator(WINNER)).to_have_text(winner_of(api, six))
    expect(sample).to_have_attribute("aria-pressed", "true")
