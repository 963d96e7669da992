"""What asks a server: the Python client, generated clients, the notebook."""
