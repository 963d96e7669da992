"""Themes of pictures: the colours of ground, text and frames, light or dark."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from probes.output.drawing.marks import RGB, WHITE, Ink, Pale, Shade

ThemeName = Literal["light", "dark"]

NAN_COLOURS: tuple[RGB, RGB] = ((236, 226, 208), (176, 152, 118))
"""The two hatch colours of values that are not finite, in each theme; no colour map has them."""


@dataclass(frozen=True, eq=False)
class Theme:
    """Theme of a picture: RGB of each shade; the colours of data are those of every theme."""

    shades: Mapping[Shade, RGB]

    def rgb(self, ink: Ink) -> RGB:
        """Return the RGB of a mark's colour in a theme."""
        if isinstance(ink, str):
            return self.shades[ink]
        return self._mixed(ink) if isinstance(ink, Pale) else ink

    def _mixed(self, pale: Pale) -> RGB:
        pairs = zip(pale.colour, self.shades["ground"], strict=True)
        red, green, blue = (round(part + (below - part) * pale.share) for part, below in pairs)
        return red, green, blue

    def hexadecimal(self, ink: Ink) -> str:
        """Return a mark's colour in a theme as `#rrggbb`."""
        return _hexadecimal(self.rgb(ink))


@cache
def _hexadecimal(colour: RGB) -> str:
    return f"#{bytes(colour).hex()}"


THEMES: Mapping[ThemeName, Theme] = {
    "light": Theme(
        {
            "ground": WHITE,
            "text": (45, 45, 45),
            "caption": (100, 100, 100),
            "frame": (150, 150, 150),
            "grid": (228, 228, 228),
            "backdrop": (243, 243, 243),
            "gutter": (205, 205, 205),
            "line": (60, 60, 60),
        }
    ),
    "dark": Theme(
        {
            "ground": (25, 28, 36),
            "text": (236, 232, 223),
            "caption": (168, 168, 172),
            "frame": (118, 120, 128),
            "grid": (52, 56, 66),
            "backdrop": (38, 42, 52),
            "gutter": (72, 76, 86),
            "line": (214, 212, 206),
        }
    ),
}
"""Themes by name; the dark one has the ground of a panel of the page."""
