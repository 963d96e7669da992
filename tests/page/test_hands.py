"""Digits in many hands, replayed on the drawing pad point by point."""

import httpx2
from playwright.sync_api import Page, expect

from tests.drawings import SPAN, drawings
from tests.page.test_drawing import WARNING, WINNER, pad, percentages

MOST_WARNED = 0.05

# Events that the test makes: the mouse of the test's driver waits a frame for each of 4,000 points.
# A fast pen has several points in one event, so these have three.
REPLAY = """(canvas, [strokes, span]) => {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const at = ([x, y]) => ({
    pointerId: 1, bubbles: true, isPrimary: true, pointerType: "mouse",
    clientX: left + (x * width) / span, clientY: top + (y * height) / span,
  });
  for (const [first, ...rest] of strokes) {
    canvas.dispatchEvent(new PointerEvent("pointerdown", { ...at(first), buttons: 1 }));
    while (rest.length) {
      const points = rest.splice(0, 3).map((one) => ({ ...at(one), button: -1, buttons: 1 }));
      const coalescedEvents = points.map((one) => new PointerEvent("pointermove", one));
      canvas.dispatchEvent(new PointerEvent("pointermove", { ...points.at(-1), coalescedEvents }));
    }
    canvas.dispatchEvent(new PointerEvent("pointerup", at(strokes[0][0])));
  }
}"""


def test_every_hand_is_read(page: Page, api: httpx2.Client) -> None:
    """The page shows the digit of each drawing as the winner, and a warning for at most 5 %."""
    wrong, warned, drawn = [], [], drawings()
    pad(page).hover()  # makes the mouse a pointer that can be captured
    for one in drawn:
        page.locator("lw-digit-pad").evaluate("(pad) => pad.clear()")
        pad(page).evaluate(REPLAY, [one.strokes, SPAN])
        # The page also shows answers for parts of a drawing: wait for the one of the whole.
        expect(page.locator("#digit-bars .bar-value")).to_have_text(percentages(page, api))
        winner = page.locator(WINNER).inner_text()
        if winner != str(one.digit):
            wrong.append(f"{one.name}: {winner}")
        warned += page.locator(WARNING).all_inner_texts()

    assert wrong == []
    assert len(warned) <= MOST_WARNED * len(drawn), warned
