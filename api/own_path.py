"""Own path of a request: without the prefix that the server is mounted under."""

from starlette.types import Scope


def own_path(scope: Scope) -> str:
    """Return the path of a request below the prefix of its scope, `/` for the prefix alone."""
    path: str = scope["path"]
    root = scope.get("root_path")
    return path.removeprefix(root) or "/" if root else path
