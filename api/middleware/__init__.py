"""ASGI middleware: request context, access log, CORS, timeouts, timing, metrics."""
