"""Kept results about the weights alone, outputs and pictures, by the version of the weights."""

from api.responses.context import RequestContext
from api.responses.probe_request import ProbeRequest


def result_key(context: RequestContext, request: ProbeRequest) -> str | None:
    """Return the key under which the outputs of a probe's run are kept.

    Returns:
        None where it has an input: few are sent twice, and each would evict a slow analysis.
    """
    if request.probe.run is None or request.probe.input:
        return None
    return f"{context.served.version} {request.cache_key}"


def is_kept(context: RequestContext, request: ProbeRequest) -> bool:
    """Tell whether a probe need not run: its outputs are kept, or computed for another request."""
    key = result_key(context, request)
    return key is not None and context.engine.kept.outputs.has(key)


def picture_key(context: RequestContext, request: ProbeRequest) -> str:
    """Return the key under which the picture of a probe without input is kept."""
    return f"{context.served.version} {request.cache_key} {request.query.style}"
