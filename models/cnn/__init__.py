"""Networks of images: layers, programs, analyses, training."""
