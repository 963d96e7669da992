"""Image network (SimpleCNN): layers, programs, analyses and training."""
