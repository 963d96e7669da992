"""List of public names: what a minor version keeps, in the form of docs/public-names.txt."""
