"""Custom elements show the answer of their last input, whichever response comes last."""

from playwright.sync_api import Locator, Page, Route, expect

from tests.page.browsers import hold, settle
from tests.page.conftest import Opener
from tests.page.test_embedding import page_with, served

TRACE = '<lw-gate-trace sequence="10110" values="cell"></lw-gate-trace>'
MAPS = '<lw-tensor-heatmap id="maps" layer="relu1"></lw-tensor-heatmap>'
MATRIX = (
    '<lw-tensor-heatmap id="matrix" probe="/lstm/gates?sequence=10110" tensor="forget_gate">'
    "</lw-tensor-heatmap>"
)
BARS = '<lw-answer-bars></lw-answer-bars><lw-answer-bars image="/samples/0.png"></lw-answer-bars>'
BLANK = "Array.from({ length: 28 }, () => new Array(28).fill(0))"
"""An image without foreground, in JavaScript."""


def release(page: Page, held: list[Route]) -> None:
    """Send the request that waits, which the page may have aborted, and let the page settle."""
    held[0].continue_()
    settle(page)


def has_steps(trace: Locator, count: int) -> None:
    """Check the number of steps of the sequence on display."""
    expect(trace.get_by_role("slider")).to_have_attribute("aria-valuemax", str(count))


def test_a_tensor_that_is_set_stays(opened: Opener) -> None:
    """The answer to an input before it does not replace it, even if the element is moved."""
    with served(page_with(MAPS + MATRIX, opened.url)) as address:
        page = opened(at=address)
        expect(page.locator("#matrix canvas").first).to_be_visible()
        held = hold(page, "**/cnn/activations?*")
        with page.expect_request("**/cnn/activations?*"):
            page.evaluate(f"maps.input = {BLANK}")

        page.evaluate("maps.tensor = matrix.tensor")
        release(page, held)
        page.evaluate("document.body.append(maps)")
        settle(page)
        assert page.evaluate("maps.tensor === matrix.tensor")

        page.evaluate(f"maps.input = {BLANK}; maps.tensor = matrix.tensor;")
        settle(page)
        assert page.evaluate("maps.tensor === matrix.tensor")


def test_an_answer_that_is_set_stays(opened: Opener) -> None:
    """The answer to the `input` before it does not replace it, nor after a move."""
    with served(page_with(BARS, opened.url)) as address:
        page = opened(at=address)
        bars = page.locator("lw-answer-bars")
        expect(bars.last.locator("li.winner")).to_be_visible()

        page.evaluate(
            f"""() => {{
              const [one, other] = document.querySelectorAll("lw-answer-bars");
              one.input = {BLANK};
              one.answer = other.answer;
              document.body.append(one);
            }}"""
        )
        settle(page)

        assert bars.evaluate_all("([one, other]) => one.answer === other.answer")


def test_a_moved_element_shows_its_last_sequence(opened: Opener) -> None:
    """A request that a move has aborted is sent again, and so is one of a detached element."""
    with served(page_with(TRACE, opened.url)) as address:
        page = opened(at=address)
        trace = page.locator("lw-gate-trace")
        has_steps(trace, 5)
        held = hold(page, "**/lstm/trace?*")
        with page.expect_request("**/lstm/trace?*"):
            trace.evaluate("(one) => { one.sequence = '110'; }")
        trace.evaluate("(one) => document.body.prepend(one)")
        release(page, held)
        has_steps(trace, 3)

        page.evaluate(
            """async () => {
              const trace = document.querySelector("lw-gate-trace");
              trace.remove();
              trace.sequence = "1101";
              await new Promise(requestAnimationFrame);
              document.body.append(trace);
            }"""
        )
        has_steps(trace, 4)


def test_a_moved_element_that_has_its_answer_sends_nothing(opened: Opener) -> None:
    """Elements keep what they show while a page moves them."""
    with served(page_with(TRACE + MATRIX + BARS, opened.url)) as address:
        page = opened(at=address)
        has_steps(page.locator("lw-gate-trace"), 5)
        expect(page.locator("#matrix canvas").first).to_be_visible()
        expect(page.locator("lw-answer-bars li.winner")).to_be_visible()
        settle(page)
        requests = opened.watchers[-1].requests
        before = len(requests)

        page.evaluate("document.body.append(...document.body.children)")
        settle(page)

        assert requests[before:] == []
        has_steps(page.locator("lw-gate-trace"), 5)
        expect(page.locator("lw-answer-bars li.winner")).to_be_visible()
