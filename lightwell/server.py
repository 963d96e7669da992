"""Server application for embedding: `create_app`, its settings, and uvicorn's protocol for it."""

from lightwell.extras import needing

with needing("server", "lightwell.server"):
    from api.app import create_app
    from api.server.protocol import Protocol
    from api.settings import Settings

__all__ = ["Protocol", "Settings", "create_app"]
