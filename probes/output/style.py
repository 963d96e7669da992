"""Style of a picture: its size, theme, columns and title."""

from dataclasses import dataclass, replace

from probes.figures.figures import Figure, Panels, Slides, Tiles
from probes.output.drawing.themes import ThemeName


@dataclass(frozen=True)
class Style:
    """Style of a picture that is rendered from a figure, in any format.

    Attributes:
        scale: Factor of all lengths, text included; 1 to 4.
        width: Width in pixels, instead of a scale; None for none.
        theme: Colours of ground, text and frames.
        columns: Panels, slides or maps in a row; None for those of the figure.
        title: Title instead of that of the figure; None for none, empty for no title.
    """

    scale: int = 1
    width: int | None = None
    theme: ThemeName = "light"
    columns: int | None = None
    title: str | None = None

    def applied(self, figure: Figure | Slides) -> Figure | Slides:
        """Return a figure with the columns and the title of a style."""
        if self.title is not None:
            figure = replace(figure, title=self.title)
        if self.columns is not None and isinstance(figure, Panels | Slides | Tiles):
            figure = replace(figure, columns=self.columns)
        return figure
