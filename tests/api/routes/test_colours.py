"""A page can colour as the pictures do."""

import numpy as np
from starlette.testclient import TestClient

from probes.figures.colormaps import NAMES, lookup_table


def test_maps_are_those_of_the_pictures(client: TestClient) -> None:
    """Every map has the 256 colours that the PNGs are drawn with, and only RdBu is diverging."""
    listed = client.get("/colormaps").json()["colormaps"]

    assert [one["name"] for one in listed] == list(NAMES)
    for one in listed:
        colours = [bytes.fromhex(colour.removeprefix("#")) for colour in one["colours"]]
        np.testing.assert_array_equal(
            [list(colour) for colour in colours], lookup_table(one["name"])
        )
        assert (one["kind"] == "diverging") == (one["name"] == "RdBu")


def test_what_a_client_holds_is_not_sent_again(client: TestClient) -> None:
    """The ETag of an answer brings a 304 without a body."""
    held = client.get("/colormaps").headers["etag"]
    again = client.get("/colormaps", headers={"If-None-Match": held})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == held


def test_the_maps_are_compressed_for_clients_that_take_it(client: TestClient) -> None:
    """With gzip the answer is smaller, equal after decoding, and has an ETag of its own."""
    plain = client.get("/colormaps", headers={"Accept-Encoding": "identity"})
    packed = client.get("/colormaps", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 0.8 * int(plain.headers["content-length"])
    assert packed.json() == plain.json()
    assert packed.headers["etag"] != plain.headers["etag"]
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]
