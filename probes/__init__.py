"""What to look at inside a network, and how it is drawn."""
