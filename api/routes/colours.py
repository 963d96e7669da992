"""Route of the colour maps, so that a page can draw in the colours of the pictures."""

from collections.abc import Mapping
from functools import cache
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.openapi import schemas, spec
from api.responses.assets import Asset, asset, asset_response
from probes.figures.colormaps import CATEGORICAL, DIVERGING, NAMES, lookup_table

_KINDS: Mapping[str, Literal["diverging", "categorical"]] = {
    DIVERGING: "diverging",
    CATEGORICAL: "categorical",
}


def router() -> APIRouter:
    """Build the route of the colour maps, `/colormaps`."""
    routes = APIRouter(tags=["models"])

    @routes.get(
        "/colormaps",
        operation_id="colormaps",
        summary="The colour maps of every picture.",
        response_model=schemas.ColourMapList,
        responses=spec.answers("colormaps"),
    )
    async def colormaps(request: Request) -> Response:
        """Colour maps of `/colormaps` that answers name under `colour`: 256 colours, low first.

        A value v has the colour at round(255 (v - vmin) / (vmax - vmin)).
        """
        return asset_response(request, _all())

    return routes


@cache
def _all() -> Asset:
    """Encode the response of `/colormaps` once, at the first request: it takes a tenth of a second.

    Another version may have other colours, so that a client asks again each time.
    """
    listed = schemas.ColourMapList(colormaps=[_map(name) for name in NAMES])
    return asset(listed.model_dump_json().encode(), "application/json")


def _map(name: str) -> schemas.ColourMap:
    """Entry of one colour map in the response of `/colormaps`."""
    return schemas.ColourMap(
        name=name,
        kind=_KINDS.get(name, "sequential"),
        colours=[f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in lookup_table(name)],
    )
