"""Comparison of two networks of images, with equal and with other layers, and of sequences."""

import httpx2
import numpy as np
from playwright.sync_api import expect

from tests.page.answers import ask, assert_computed_alike, difference
from tests.page.browsers import keep, settle
from tests.page.conftest import Opener, show
from tests.page.test_comparing import sample, shown


def test_two_networks_with_equal_layers(visited: Opener, own_api: httpx2.Client) -> None:
    """Maps, difference and answers are those of both networks for the same pixels."""
    page = visited("#digits&panel=compare&compareBy=network&otherModel=twin&layer=relu2&channel=7")
    panel = show(page, "compare")
    expect(panel.locator(".compare-side").nth(1)).to_contain_text("Twin")
    first, second = (
        ask(own_api, f"/{name}/activations?layers=relu2", sample(own_api, 0))["relu2"][7]
        for name in ("cnn", "twin")
    )
    y, x = (int(at) for at in np.unravel_index(second.argmax(), second.shape))

    told = shown(page, y, x)

    assert_computed_alike([told[name] for name in "AB"], [first[y, x], second[y, x]])
    assert told["B − A"] == difference(told)
    header = {"Content-Type": "image/png"}
    answers = [
        own_api.post(f"/{name}/predict", content=sample(own_api, 0), headers=header).json()
        for name in ("cnn", "twin")
    ]
    row = panel.locator('.answer-table tr[data-name="7"] data')
    shown_row = [float(one) for one in row.evaluate_all("all => all.map((one) => one.value)")]
    a, b = (one["prediction"]["probabilities"][7] for one in answers)
    np.testing.assert_allclose(shown_row, [a, b, b - a], rtol=1e-6, atol=1e-9)
    keep(page, "compare-networks")


def test_layers_of_other_shapes(visited: Opener) -> None:
    """A sentence names both shapes; classes that both networks have are compared by name."""
    page = visited("#digits&panel=compare&compareBy=network&otherModel=small&layer=relu2&channel=7")
    panel = show(page, "compare")
    expect(panel).to_contain_text("A small network has no layer relu2: choose one for B.")
    expect(panel.locator(".compare-maps")).to_be_hidden()
    expect(panel.locator(".answer-table tbody tr")).to_have_count(11)
    expect(panel.locator('.answer-table tr[data-name="7"] data')).to_have_count(3)
    expect(panel.locator('.answer-table tr[data-name="1"] data')).to_have_count(1)

    panel.get_by_label("B: layer").nth(1).select_option("relu1")
    expect(panel.locator(".compare-facts")).to_contain_text("no difference value by value")
    expect(panel.locator(".compare-maps figure:visible")).to_have_count(2)
    keep(page, "compare-shapes")


def test_a_network_of_another_size(visited: Opener) -> None:
    """The server prepares the same picture for the other network."""
    page = visited("#digits&panel=compare&compareBy=network&otherModel=colours")
    panel = show(page, "compare")

    expect(panel.locator(".compare-side").nth(1)).to_contain_text("A network of colours")
    expect(panel.locator('.answer-table tr[data-name="green"] data')).to_have_count(1)


def test_two_networks_of_sequences(visited: Opener, own_api: httpx2.Client) -> None:
    """One unit of each network; a value that B lacks is said, and the answers remain."""
    sequence = "1101001"
    page = visited(
        f"#sequences&sequencePanel=sequence-compare&sequence={sequence}&sequenceCompareBy=network"
        "&otherSequenceModel=gru&comparedValue=hidden&unit=1&otherUnit=2&step=3"
    )
    panel = show(page, "sequence-compare")
    settle(page)
    networks = panel.get_by_label("B: network")
    # Letters are no bits, so that network reads no such sequence.
    assert networks.locator("option").all_inner_texts() == [
        "A small GRU",
        "A small RNN",
        "Twin LSTM",
    ]
    first, second = (
        ask(own_api, f"/{name}/trace?sequence={sequence}")["hidden"][3, unit]
        for name, unit in (("lstm", 1), ("gru", 2))
    )
    expect(panel.locator("lw-gate-trace output")).to_have_text(
        [f"{one:.3f}".replace("-", "−") for one in (first, second, second - first)]
    )
    keep(page, "compare-sequence-networks")

    panel.get_by_label("Value").select_option("cell")
    expect(panel).to_contain_text("B has no cell state: choose another value.")
    expect(panel.locator('.answer-table tr[data-name="yes"] data')).to_have_count(3)


def test_ways_are_those_that_a_network_has(visited: Opener) -> None:
    """Without another network of its inputs, or a checkpoint, there is no such way."""
    page = visited("#letters&sequencePanel=sequence-compare&sequenceCompareBy=network")
    panel = show(page, "sequence-compare")
    ways = panel.get_by_role("group", name="Compare with")

    expect(ways.get_by_role("button")).to_have_text(["Another sequence", "Another unit"])
    expect(ways.get_by_role("button").first).to_have_attribute("aria-pressed", "true")
