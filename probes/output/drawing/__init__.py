"""Drawing of figures: numbers to colours, figures to marks, marks to pixels.

    figure -> layout -> block of marks -> canvas -> PNG
              │                        ├── svg
              │                        └── pdf
              ├── tiles, heatmap, lines, bars, scatter, overlay    one file for each figure
              ├── axes, colour_bar                                 the frame of the data
              └── shading, numbers, text, themes                   colours and text

Lengths are in pixels at scale 1 outside of the three backends, which scale them.
"""
