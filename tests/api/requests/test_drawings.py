"""Drawings on the page's pad, rendered without a browser and read through the API."""

from collections import defaultdict

from starlette.testclient import TestClient

from tests.drawings import SPAN, drawings

MOST_WARNED = 0.05


def test_every_drawing_is_read(client: TestClient) -> None:
    """The answer to each drawing is its digit, and at most 5 % have a warning."""
    wrong, warned, drawn = [], [], drawings()
    for one in drawn:
        posted = client.post(
            "/cnn/predict", content=one.png(), headers={"Content-Type": "image/png"}
        )
        answer = posted.json()
        if answer["prediction"]["label"] != one.digit:
            wrong.append(f"{one.name}: {answer['prediction']['name']}")
        if answer["warnings"]:
            warned.append(f"{one.name}: {[each['code'] for each in answer['warnings']]}")

    assert wrong == []
    assert len(warned) <= MOST_WARNED * len(drawn), warned


def test_every_digit_is_drawn_in_many_hands() -> None:
    """Each digit is there in at least eight hands, in several forms, inside the pad."""
    hands, forms = defaultdict(set), defaultdict(set)
    for one in drawings():
        hands[one.digit].add(one.hand)
        forms[one.digit].add(one.form)
        assert all(0 <= value <= SPAN for stroke in one.strokes for at in stroke for value in at)

    assert sorted(hands) == list(range(10))
    assert min(map(len, hands.values())) >= 8
    assert min(map(len, forms.values())) >= 5
