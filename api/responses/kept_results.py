"""Kept results about the weights alone, outputs and answers, by the version of the weights."""

from api.responses.context import RequestContext
from api.responses.negotiation import PICTURES, Format
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


def encoded_key(context: RequestContext, request: ProbeRequest, response_format: Format) -> str:
    """Return the key under which the encoded answer of a probe without input is kept."""
    key = f"{context.served.version} {request.cache_key} {response_format}"
    if response_format in PICTURES:
        return f"{key} {request.query.style}"
    return f"{key} {request.query.model_dump_json()}"
