"""Server: the HTTP protocol on the socket, and the process that serves the application."""
