"""How figures become pictures: numbers to colours, figures to marks, marks to pixels.

    figure -> layout -> block of marks -> canvas -> PNG
              ├── tiles, heatmap, lines, bars, scatter, overlay    one file for each figure
              ├── axes, colour_bar                                 what stands beside the data
              └── shading, numbers                                 values as colours, as text

All of it but `canvas` counts in pixels of scale 1; `canvas` alone multiplies and knows Pillow.
"""
