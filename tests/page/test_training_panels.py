"""Panels of the page at points of a training: their values equal the API's with `checkpoint`."""

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.page.answers import ask, assert_computed_alike
from tests.page.browsers import settle
from tests.page.conftest import Opener, show
from tests.page.test_forward_pass import (
    answer,
    values_of,
)
from tests.page.test_training import (
    POINTS,
    chosen,
    logits,
    map_values,
    predicted,
    query,
    slider,
    training,
)

ROUNDS = ["round-0", "round-1", "round-5", "round-15", "round-60"]
"""Points of the LSTM's training, before the last one."""
SEQUENCE = "1101001"


@pytest.fixture(scope="module")
def digit(api: httpx2.Client) -> bytes:
    """PNG of the digit in the initial state."""
    return api.get("/samples/0.png").content


def said(place: Locator) -> float:
    """Selected value of bars, with every digit."""
    text = place.get_attribute("aria-valuetext") or ""
    return float(text.rpartition(": ")[2].replace("−", "-"))


def test_answers_maps_and_sums_are_those_of_the_point(
    opened: Opener, api: httpx2.Client, digit: bytes
) -> None:
    """Answer, maps, largest value and its sum equal the API's with each checkpoint."""
    page = opened("#layer=relu2&channel=11")
    chosen(page, POINTS[""])
    for at, (name, text) in enumerate(POINTS.items()):
        slider(page).fill(str(at))
        chosen(page, text)
        wanted = predicted(api, digit, name)
        assert_computed_alike(logits(page, "#digit-bars"), wanted["logits"])
        winner = page.locator("#digit-bars li.winner .bar-name")
        expect(winner).to_have_text(wanted["name"])
        truth = ask(api, f"/cnn/activations?layers=relu1,relu2,relu4{query(name)}", digit)
        most = truth["relu2"][11].max()
        assert most > 0
        (largest,) = values_of(page.locator(".inspector-value data"))
        assert_computed_alike(largest, most)
        for layer in ("relu1", "relu2", "relu4"):
            assert_computed_alike(map_values(page, layer), truth[layer].ravel())
        y, x = (int(one) for one in np.argwhere(truth["relu2"][11] == most)[0])
        measures, _ = answer(
            api, f"/cnn/pixel?layer=relu2&channel=11&y={y}&x={x}{query(name)}", digit
        )
        (total,) = values_of(page.locator("#arithmetic .total data"))
        assert np.isclose(total, measures["sum"], rtol=1e-14, atol=1e-16)
        facts = page.locator("#digits .model-facts")
        expect(facts).to_contain_text(f"weights {text.split(' · ')[0]}" if name else "99.69 %")


def test_gates_states_and_answers_of_a_sequence(opened: Opener, api: httpx2.Client) -> None:
    """Lanes, answer, the parts of a step and attributions are those of the point, at each."""
    page = opened(f"#sequences&sequence={SEQUENCE}&step=5&unit=3&part=0&bitMethod=flip")
    show(page, "bit-reasons")
    for at, name in enumerate((*ROUNDS, "")):
        slider(page).fill(str(at))
        expect(page.locator("#sequences.is-stale")).to_have_count(0)
        settle(page)
        truth = ask(api, f"/lstm/trace?sequence={SEQUENCE}{query(name)}")
        for lane in ("forget_gate", "cell", "hidden"):
            shown = page.locator("lw-gate-trace").evaluate(
                "(one, lane) => Array.from(one.answer.tensors.get(lane).values)", lane
            )
            assert_computed_alike(shown, truth[lane].ravel())
        assert_computed_alike(logits(page, "#sequence-bars"), truth["logits"][-1])
        gate, *_ = values_of(page.locator(".step-parts data"))
        assert_computed_alike(gate, truth["forget_gate"][4, 3])
        terms = values_of(page.locator(".step-part .arithmetic-sum .total data"))
        assert 1 / (1 + np.exp(-terms[0])) == pytest.approx(truth["forget_gate"][4, 3], abs=1e-6)
        path = f"/lstm/attribution?sequence={SEQUENCE}&method=flip{query(name)}"
        flips = ask(api, path)["attribution"]
        shown = said(page.locator("#bit-reasons .vector-track"))
        assert_computed_alike(shown, flips[4])
        roles = page.locator(".units-bar .chip").all_inner_texts()
        assert any("counter" in one for one in roles) == (not name)
    expect(training(page).locator(".step-text")).to_have_text("trained")
