"""Patching, memory and weights of networks of sequences: their numbers equal the API's."""

import re
from collections.abc import Iterable
from typing import Any

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import ask, assert_computed_alike, number
from tests.page.browsers import settle
from tests.page.conftest import Opener, show
from tests.page.test_analyses import measures

SEQUENCE = "110100111010"
SOURCE = "010100111010"


def cell(page: Page, grid: Locator, row: int, column: int, *, click: bool = False) -> None:
    """Point at a cell of a grid, or click it."""
    grid.scroll_into_view_if_needed()
    box = grid.locator(".pixel-map").bounding_box()
    assert box
    columns = grid.locator(".pixel-map canvas").last.evaluate("one => one.width")
    rows = grid.locator(".pixel-map canvas").last.evaluate("one => one.height")
    x = box["x"] + (column + 0.5) * box["width"] / columns
    y = box["y"] + (row + 0.5) * box["height"] / rows
    (page.mouse.click if click else page.mouse.move)(x, y)


def grid(panel: Locator, title: str) -> Locator:
    """Grid of a panel by its title."""
    return panel.locator("figure", has=panel.page.get_by_role("heading", name=title))


def reading(panel: Locator) -> Locator:
    """Line with the value under the pointer."""
    return panel.locator("p.number[role=status]")


def patched(api: httpx2.Client) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and measures of the patching between the two sequences."""
    sent = {"sequence": SEQUENCE, "source": {"sequence": SOURCE}}
    return ask(api, "/lstm/patching", sent), measures(api, "/lstm/patching", sent)


def check_cells(
    panel: Locator, truth: dict[str, np.ndarray], cells: Iterable[tuple[int, int]], whole: int
) -> None:
    """Compare the shown recoveries by units at steps, and by all units at a step, with the API's.

    Args:
        cells: Step and unit of each recovery, counted from 0.
        whole: Step at which all units are patched, counted from 0.
    """
    recovery = grid(panel, "Recovery by each unit at each step")
    for step, unit in cells:
        cell(panel.page, recovery, unit, step)
        expect(reading(panel)).to_contain_text(f"step {step + 1}, unit {unit}: ")
        _, share, logits = re.split("recovery|logits", reading(panel).inner_text())
        assert_computed_alike(number(share), truth["recovery"][step, unit])
        assert_computed_alike(number(logits), truth["logit_difference"][step, unit])
    cell(panel.page, grid(panel, "Recovery by all units at each step"), 0, whole)
    expect(reading(panel)).to_contain_text(f"step {whole + 1}, all units")
    shown = number(reading(panel).inner_text().split("recovery ")[1])
    assert_computed_alike(shown, truth["whole_state"][whole])


def test_patching_equals_the_api(opened: Opener, api: httpx2.Client) -> None:
    """Every cell has the exact recovery and logit difference; the strongest patch is named."""
    page = opened(f"#sequences&sequence={SEQUENCE}&step=4&unit=2")
    panel = show(page, "patching")
    truth, said = patched(api)

    expect(panel).to_contain_text("They differ at step 1.")
    unit, step = said["strongest_unit"], said["strongest_step"]
    expect(panel).to_contain_text(f"The strongest is unit {unit} at step {step}")
    share = 100 * truth["recovery"][step - 1, unit]
    shown = number(panel.inner_text().split("its state alone makes ")[1])
    assert shown == pytest.approx(share, abs=0.06)
    check_cells(panel, truth, ((0, 0), (6, 3), (11, 7)), 5)


@pytest.mark.parametrize(
    ("name", "layer", "sequence", "source"),
    [
        ("gru", "", "1101001", "0101001"),
        ("rnn", "", "1101001", "0101001"),
        ("letters", "gru1", "acgtna", "ccgtna"),
        ("letters", "gru2", "acgtna", "ccgtna"),
    ],
)
def test_patching_of_other_cells(
    visited: Opener, own_api: httpx2.Client, name: str, layer: str, sequence: str, source: str
) -> None:
    """A GRU, an RNN and each layer of a stack have a hidden state alone, which is patched."""
    page = visited(f"#{name}&sequence={sequence}&step=2&unit=1&recurrent={layer}")
    panel = show(page, "patching")
    query = f"?layer={layer}" if layer else ""
    truth = ask(
        own_api, f"/{name}/patching{query}", {"sequence": sequence, "source": {"sequence": source}}
    )

    expect(panel).to_contain_text("They differ at step 1.")
    expect(panel.locator("#choose-patched")).to_be_hidden()
    steps, units = truth["recovery"].shape
    assert steps == len(sequence)
    check_cells(panel, truth, ((0, 0), (3, 1), (steps - 1, units - 1)), 2)


@pytest.mark.parametrize(
    ("name", "layer", "sequence", "state"),
    [
        ("lstm", "", SEQUENCE, "cell"),
        ("gru", "", "1101001", "hidden"),
        ("letters", "gru1", "acgtna", "hidden"),
    ],
)
def test_memory_equals_the_api(
    visited: Opener,
    own_api: httpx2.Client,
    name: str,
    layer: str,
    sequence: str,
    state: str,
) -> None:
    """What is left of each step, its kept share, and a state that is their sum."""
    step, unit = 5, 2
    page = visited(f"#{name}&sequence={sequence}&step={step}&unit={unit}&recurrent={layer}")
    panel = show(page, "memory")
    query = f"?step={step}{f'&layer={layer}' if layer else ''}"
    truth = ask(own_api, f"/{name}/memory{query}", {"sequence": sequence})
    trace = ask(own_api, f"/{name}/trace", {"sequence": sequence})

    keeping = {"cell": "forget gates", "hidden": "update gates"}[state]
    expect(panel).to_contain_text(f"times the {keeping} of all later steps")
    for title, tensor, words in (
        ("What is left of what each step wrote", "contributions", "is left of what it wrote"),
        ("Share that is kept of what each step wrote", "kept", "is kept"),
    ):
        shown = grid(panel, title)
        for row, column in ((0, 0), (2, 3), (1, step)):
            cell(page, shown, row, column)
            place = f"step {column}" if column else "initial state"
            expect(reading(panel)).to_contain_text(f"{place}, unit {row}: ")
            expect(reading(panel)).to_contain_text(words)
            value = number(reading(panel).inner_text().split(": ")[1])
            assert_computed_alike(value, truth[tensor][column, row])
    total = panel.locator("p", has_text="Sum of all steps")
    expect(total).to_contain_text(f"{state} state")
    parts, whole = (number(one) for one in total.inner_text().split(f"= {state} state"))
    held = trace[f"{layer}.{state}" if layer else state][step, unit]
    assert (parts, whole) == pytest.approx((held, held), rel=1e-4, abs=1e-5)


def test_memory_keeps_its_layer_while_it_is_hidden(visited: Opener, own_api: httpx2.Client) -> None:
    """A unit is followed below another tab: the page goes on, and the layer is there afterwards."""
    page = visited("#letters&sequence=acgtna&step=5&unit=0&recurrent=gru1")
    panel = show(page, "memory")
    total = panel.locator("p", has_text="Sum of all steps")
    expect(total).to_be_visible()
    show(page, "patching")
    page.locator("#cell-arithmetic select").select_option("gru2")

    page.locator("#lanes .units-bar").get_by_role("button", name="1", exact=True).click()

    expect(page.locator("#cell-arithmetic .cell-place")).to_contain_text("in unit 1")
    with page.expect_response(lambda one: "/letters/memory" in one.url):
        show(page, "memory")
    settle(page)
    expect(panel.locator("h4", has_text="Unit 1: its hidden state")).to_be_visible()
    held = ask(own_api, "/letters/trace", {"sequence": "acgtna"})["gru2.hidden"][5, 1]
    shown = number(total.inner_text().split("hidden state")[1])
    assert shown == pytest.approx(held, rel=1e-4, abs=1e-5)


def test_a_network_without_gates_has_no_memory(visited: Opener) -> None:
    """An RNN writes its state anew at each step: there is no panel of what it keeps."""
    page = visited("#rnn&sequence=1101001")

    expect(page.locator("#tab-patching")).to_be_visible()
    expect(page.locator("#tab-memory")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "layer"), [("lstm", "cell"), ("gru", "gru1"), ("rnn", "rnn1"), ("letters", "gru2")]
)
def test_weights_equal_the_api(
    visited: Opener, own_api: httpx2.Client, name: str, layer: str
) -> None:
    """Each matrix of a layer has its title, and values that the arrow keys read."""
    page = visited(f"#{name}&weightsLayer={layer}")
    panel = show(page, "weights")
    answer = own_api.get(f"/{name}/weights?layer={layer}&include=tensors,figure").json()
    named = {one["name"]: one for one in answer["tensors"]}
    layout = answer["figure"]["figures"]

    figures = panel.locator(".figure")
    expect(figures).to_have_count(len(layout))
    assert figures.locator("h4").all_inner_texts() == [one["title"] for one in layout]
    matrices = [one for one in layout if one["kind"] == "heatmap"]
    assert any("hidden_unit" in named[one["tensor"]]["axes"] for one in matrices)
    for at, one in enumerate(matrices):
        values = np.array(named[one["tensor"]]["data"])
        shown = panel.locator(".figure-heatmap").nth(at)
        shown.locator(".pixel-map").focus()
        page.keyboard.press("ArrowRight")
        said = shown.locator("[role=status]").inner_text()
        assert f"{named[one['tensor']]['axes'][1]} 1" in said
        assert_computed_alike(number(said.split(": ")[1]), values[0, 1])
