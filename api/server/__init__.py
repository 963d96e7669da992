"""The HTTP protocol on the socket and the server process."""
