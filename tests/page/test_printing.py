"""Print: every view with every panel is on two pages, in light colours, with nothing cut."""

import re

import numpy as np
import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from tests.page.browsers import settle
from tests.page.conftest import Opener, show, show_state
from tests.page.test_opening import tabs

MOST_PAGES = 2
PAPERS = {"A4": 1054, "Letter": 988}
"""Width within the margins of each paper in landscape, in CSS pixels."""

TEXTS = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement: place } = walker.currentNode;
    const isDrawn = data.trim() && !place.closest(".for-listeners, option, details:not([open])");
    if (isDrawn && place.checkVisibility({ visibilityProperty: true })) texts.push(data);
  }
  return texts;
}"""
"""Texts that a print of the page has."""

CUT = """async () => {
  const cut = [];
  dispatchEvent(new Event("beforeprint"));
  for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame);
  const visit = (root) => {
    for (const one of root.querySelectorAll("*")) {
      if (one.shadowRoot) visit(one.shadowRoot);
      if (!(one instanceof HTMLElement) || !one.checkVisibility()) continue;
      if (one.matches(".for-listeners, .for-listeners *, .cursor, option")) continue;
      const { left, right } = one.getBoundingClientRect();
      const isClipping = getComputedStyle(one).overflowX !== "visible";
      const isOverfull = isClipping && one.scrollWidth > one.clientWidth + 1;
      if (left < -1 || right > innerWidth + 1 || isOverfull)
        cut.push([one.tagName, one.id, one.className, left, right, one.scrollWidth].join(" "));
    }
  };
  visit(document.querySelector("main"));
  dispatchEvent(new Event("afterprint"));
  return cut.slice(0, 8);
}"""
"""Elements that are wider than the paper, or that clip what they hold."""

CONTROLS = ".tab, .downloads, .transport, .finder, summary, textarea, label:has(> [type=range])"

OTHERS = {
    "digits": [
        "layer=relu2&channel=11&panel=unit",
        "layer=logits&channel=3&forward=3",
        "layer=conv2&channel=5&forward=77",
        "panel=compare&otherSample=3",
        "panel=compare&compareBy=checkpoint&checkpoint=round-1",
        "panel=filters&filters=conv2&layer=relu2&channel=11",
    ],
    "sequences": [
        "part=3",
        "sequencePanel=counter&counterView=1",
        "sequencePanel=counter&counterView=2",
        "sequencePanel=sequence-compare&sequenceCompareBy=unit",
    ],
}
"""States of a view beside those of its tabs."""


LONG = {
    300: ["bit-reasons", "memory", "patching", "sequence-compare"],
    4096: ["sequence-compare", "sequence-code", "bit-reasons", "memory", "gates-if"],
}
"""Panels that show every step of a sequence, by its length."""

ENDS = """(trace) => {
  dispatchEvent(new Event("beforeprint"));
  const steps = [0, trace.answer.input.sequence.length];
  const ends = steps.map((step) => Boolean(trace.cellCentre("cell", step, 0)));
  dispatchEvent(new Event("afterprint"));
  return ends;
}"""
"""Whether the first and the last step are in view on paper."""


def packed(text: str) -> str:
    """Text without spaces, line breaks and underscores, which a PDF places anew."""
    return re.sub(r"[\s_\u00a0\u2009\u202f]+", "", text)


def check_print(page: Page) -> None:
    """Print what is on display on both papers, and compare it with the page."""
    expect(page.locator(".is-stale")).to_have_count(0)
    page.emulate_media(media="print")
    shown = [packed(text) for text in page.evaluate(TEXTS)]
    assert len(shown) > 20
    expect(page.locator(CONTROLS).filter(visible=True)).to_have_count(0)
    size = page.viewport_size
    assert size
    for paper, width in PAPERS.items():
        page.set_viewport_size({"width": width, "height": 720})
        assert page.evaluate(CUT) == [], paper
    page.set_viewport_size(size)
    page.emulate_media(media="null")
    settle(page)
    for paper in PAPERS:
        document = pypdfium2.PdfDocument(page.pdf(format=paper, prefer_css_page_size=True))
        assert len(document) <= MOST_PAGES, paper
        printed = packed("".join(one.get_textpage().get_text_range() for one in document))
        assert [text for text in shown if text not in printed] == [], paper
        for one in document:
            grey = np.asarray(one.render(scale=0.5).to_pil().convert("L"))
            assert one.get_width() > one.get_height()
            assert np.median(grey) > 240
            assert (grey < 128).mean() < 0.3


@pytest.mark.parametrize("view", ["digits", "sequences", "findings"])
def test_a_view_prints_on_two_pages(opened: Opener, view: str) -> None:
    """Each panel of a view is printed whole and light, of the dark page too."""
    page = opened(f"#{view}&theme=dark")
    for panel in tabs(page) or [""]:
        if panel:
            show(page, panel)
        settle(page)
        check_print(page)


@pytest.mark.parametrize("view", OTHERS)
def test_choices_of_a_panel_print_on_two_pages(opened: Opener, view: str) -> None:
    """So it is with a forward pass, a comparison, or another picture of an analysis."""
    page = opened(f"#{view}&theme=dark")
    for state in OTHERS[view]:
        show_state(page, f"#{view}&theme=dark&{state}")
        check_print(page)


@pytest.mark.parametrize("network", ["pictures", "letters", "sensors"])
def test_networks_of_users_print_on_two_pages(visited: Opener, network: str) -> None:
    """A network of a user is printed with each of its panels."""
    page = visited(f"#{network}")
    for panel in tabs(page):
        show(page, panel)
        settle(page)
        check_print(page)


@pytest.mark.parametrize("steps", LONG)
def test_a_long_sequence_prints_on_two_pages(opened: Opener, steps: int) -> None:
    """Every step of it is on the paper, in lanes and panels that are scrolled on a screen."""
    bits = "1101" * (steps // 4)
    page = opened(f"#sequences&sequence={bits}&step={steps}")
    assert page.locator("#lanes lw-gate-trace").evaluate(ENDS) == [True, True]
    for panel in LONG[steps]:
        show(page, panel)
        settle(page)
        check_print(page)
