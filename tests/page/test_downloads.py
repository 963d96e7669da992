"""Files that the panels of the page save hold exactly the view on display."""

import io
import json
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import Arrays, ask, assert_computed_alike
from tests.page.browsers import settle
from tests.page.conftest import Opener, show
from tests.page.test_drawing import draw_a_seven, pad

PNG = {"Content-Type": "image/png"}

WITHOUT_VIEWS = ("bits", "digit-code", "sequence-code")
"""Panels that show no answer: an editor, and code."""

LARGEST_STEP = 4
"""Most difference of two neighbouring colours of a map: the last digit of a value may choose."""


def save(page: Page, panel: Locator, form: str) -> bytes:
    """Content of a panel's download in a format."""
    panel.locator("summary", has_text="Save").first.click()
    with page.expect_download() as download:
        panel.locator(".menu button", has_text=form).first.click()
    assert download.value.suggested_filename.endswith(f".{form.lower()}")
    return Path(download.value.path()).read_bytes()


def arrays_of(npz: bytes) -> Arrays:
    """Tensors of a saved NPZ by name."""
    with np.load(io.BytesIO(npz)) as arrays:
        return dict(arrays)


def test_one_channel_is_saved(opened: Opener, api: httpx2.Client) -> None:
    """PNG and NPZ are those of the API; JSON and CSV hold its values."""
    page = opened("#layer=relu2&channel=11&palette=cividis&range=channel")
    panel = page.locator("#inspector")
    digit = api.get("/samples/0.png").content
    query = "layer=relu2&channel=11&preprocess=mnist&cmap=cividis&range=channel"
    truth = ask(api, "/cnn/activations?layers=relu2", digit)["relu2"][11]

    png, npz, document, table = (save(page, panel, form) for form in ("PNG", "NPZ", "JSON", "CSV"))

    picture = api.post(f"/cnn/channel?{query}&format=png", content=digit, headers=PNG).content
    seen, wanted = (np.asarray(Image.open(io.BytesIO(one)), int) for one in (png, picture))
    assert np.abs(seen - wanted).max() <= LARGEST_STEP
    for name, values in ask(api, f"/cnn/channel?{query}", digit).items():
        if name != "metadata":
            assert_computed_alike(arrays_of(npz)[name], values)
    assert_computed_alike(json.loads(document)["data"], truth)
    column = [line.split(",")[-1] for line in table.decode().splitlines()[1:]]
    assert_computed_alike(np.array(column, np.float32).reshape(truth.shape), truth)


def test_the_lanes_are_saved(opened: Opener, api: httpx2.Client) -> None:
    """The trace of a sequence as a picture and as arrays, as the API gives it."""
    page = opened("#sequence=110100")
    panel = page.locator("#lanes")

    png, npz = (save(page, panel, form) for form in ("PNG", "NPZ"))

    assert png.startswith(b"\x89PNG")
    truth = ask(api, "/lstm/trace?sequence=110100")
    arrays = arrays_of(npz)
    assert "forget_gate" in arrays
    for name in arrays.keys() - {"metadata"}:
        assert_computed_alike(arrays[name], truth[name])


@pytest.mark.parametrize("view", ["digits", "sequences", "findings"])
def test_every_panel_has_a_menu(opened: Opener, view: str) -> None:
    """Each panel of a view that shows an answer saves it."""
    page = opened(f"#{view}")
    panels = page.locator(f"#{view} .panel")
    names = panels.evaluate_all("(panels) => panels.map((one) => one.id)")
    assert len(names) >= 6
    for at, name in enumerate(names):
        if name in WITHOUT_VIEWS:
            continue
        if name:
            show(page, name)
        saves = panels.nth(at).locator("summary", has_text="Save")
        expect(saves.first, name).to_be_visible()


def test_edited_channels_are_saved(opened: Opener, api: httpx2.Client) -> None:
    """The answers with and without the edits of the panel, as the API gives them."""
    page = opened("#panel=what-if&layer=relu2&channel=3&edits=relu2.3.zero,relu2.7.scale.2")
    panel = show(page, "what-if")
    settle(page)
    digit = Image.open(io.BytesIO(api.get("/samples/0.png").content)).convert("L")
    edits = [
        {"layer": "relu2", "channels": [3], "operation": "zero"},
        {"layer": "relu2", "channels": [7], "operation": "scale", "amount": 2},
    ]
    body = {"pixels": np.asarray(digit).tolist(), "edits": edits}
    truth = ask(api, "/cnn/intervene?layers=logits", body)

    png, npz, table = (save(page, panel, form) for form in ("PNG", "NPZ", "CSV"))

    assert png.startswith(b"\x89PNG")
    assert_computed_alike(arrays_of(npz)["logits"], truth["logits"])
    assert b"# logits" in table
    edited = page.locator("#what-if .what-if-pair section").last.locator("li.winner .bar-name")
    expect(edited).to_have_text(str(truth["logits"][1].argmax()))


def test_edited_channels_of_a_drawing_are_saved(opened: Opener, api: httpx2.Client) -> None:
    """The edits go with the pixels of the drawing, as in the panel."""
    page = opened("#panel=what-if&edits=relu2.3.zero,relu2.7.scale.2")
    panel = show(page, "what-if")
    page.get_by_role("button", name="Clear").click()
    draw_a_seven(page, pad(page))
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("7")
    settle(page)

    with page.expect_request(lambda one: "intervene" in one.url and "npz" in one.url) as asked:
        npz = save(page, panel, "NPZ")

    body = asked.value.post_data_json
    assert [one["operation"] for one in body["edits"]] == ["zero", "scale"]
    truth = ask(api, "/cnn/intervene?layers=logits&preprocess=none", body)
    assert (truth["logits"][0] != truth["logits"][1]).any()
    assert_computed_alike(arrays_of(npz)["logits"], truth["logits"])


def test_edited_gates_are_saved(opened: Opener, api: httpx2.Client) -> None:
    """The runs with and without the edit of a gate, as the API gives them."""
    edit = "gateEdit=forget_gate.0&gateSteps=step&gateUnits=unit"
    page = opened(f"#sequencePanel=gates-if&sequence=110100&step=3&unit=2&{edit}")
    panel = show(page, "gates-if")
    settle(page)
    edits = [
        {"value": "forget_gate", "operation": "set", "amount": 0, "units": [2], "steps": [3, 3]}
    ]
    truth = ask(api, "/lstm/intervene", {"sequence": "110100", "edits": edits})

    svg, npz = (save(page, panel, form) for form in ("SVG", "NPZ"))

    assert b"<svg" in svg
    for run in ("baseline", "edited"):
        name = f"running_probability.{run}"
        assert_computed_alike(arrays_of(npz)[name], truth[name])


def test_a_step_is_saved(opened: Opener, api: httpx2.Client) -> None:
    """The values of the followed unit at the current step, as the API gives them."""
    page = opened("#sequence=110100&step=4&unit=5")

    npz = save(page, page.locator("#cell-arithmetic"), "NPZ")

    truth = ask(api, "/lstm/trace?sequence=110100&steps=4&units=5")
    found = arrays_of(npz)
    assert found["forget_gate"].shape == (1, 1)
    for name, values in truth.items():
        if name != "metadata":
            assert_computed_alike(found[name], values)


def test_a_step_of_a_stack_is_saved(visited: Opener, own_api: httpx2.Client) -> None:
    """The values of the layer and unit in the panel: the second layer has three units."""
    page = visited("#letters&sequence=acgtna&recurrent=gru2&unit=4&step=3")
    panel = page.locator("#cell-arithmetic")
    expect(panel.locator(".cell-place")).to_contain_text("in unit 2")

    npz = save(page, panel, "NPZ")

    truth = ask(own_api, "/letters/trace?sequence=acgtna")
    found = arrays_of(npz)
    assert {name for name in found if "." in name} == {name for name in truth if "gru2." in name}
    assert_computed_alike(found["gru2.hidden"], truth["gru2.hidden"][3:4, 2:3])
    assert_computed_alike(found["gru2.update_gate"], truth["gru2.update_gate"][2:3, 2:3])
    assert_computed_alike(found["logits"], truth["logits"])


def test_an_answer_is_saved(opened: Opener, api: httpx2.Client) -> None:
    """The probabilities of a sequence, as the API gives them."""
    page = opened("#sequence=110100")

    npz = save(page, page.locator("#sequence-answer"), "NPZ")

    truth = ask(api, "/lstm/predict?sequence=110100")
    assert_computed_alike(arrays_of(npz)["probabilities"], truth["probabilities"])


def test_a_measurement_is_saved(opened: Opener, api: httpx2.Client) -> None:
    """The picture and the values of a finding, as its address gives them."""
    finding = api.get("/findings").json()["findings"][0]
    page = opened("#findings")
    card = page.locator(".finding").first

    pdf, npz = (save(page, card, form) for form in ("PDF", "NPZ"))

    assert pdf.startswith(b"%PDF")
    truth = ask(api, finding["request"])
    found = arrays_of(npz)
    assert found.keys() == truth.keys()
    assert all((found[name] == truth[name]).all() for name in truth if name != "metadata")
