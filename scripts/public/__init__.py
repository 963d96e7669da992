"""Package of Lightwell's public names, for docs/public-names.txt: API, clients and settings."""
