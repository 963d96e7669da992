"""Public names of the API, the clients and the settings, for docs/public-names.txt."""
