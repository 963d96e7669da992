"""The servers that Lightwell is measured beside; each runs in an environment of its own."""
