"""Images to try: some of the MNIST test set, with their labels."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.errors.problem import Problem
from api.inference.engine import Engine
from api.openapi import schemas, spec
from api.requests.query import SingleValueRoute
from api.responses.negotiation import PictureOptions
from models.architecture import CLASSES
from models.data import samples
from models.data.samples import Samples
from probes.declaration import Parameters
from probes.figures import colours
from probes.figures.figures import Tensor, Tiles
from probes.output.render import picture, render


class SamplesQuery(Parameters):
    """Which samples to list."""

    label: int | None = Field(None, ge=0, le=CLASSES - 1, description="Only this digit.")
    count: int = Field(20, ge=1, le=200, description="At most so many.")


class SamplesPictureQuery(SamplesQuery, PictureOptions):
    """Which samples to draw, and how large."""


PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": spec.BINARY}}},
    **spec.problems(),
}


def router() -> APIRouter:
    """Make the routes of the samples."""
    routes = APIRouter(tags=["samples"], route_class=SingleValueRoute)
    held = samples.load()

    @routes.get(
        "/samples",
        operation_id="samples",
        summary="Test images with their labels.",
        responses=spec.answers("samples"),
    )
    async def listed(query: Annotated[SamplesQuery, Query()]) -> schemas.SampleList:
        """MNIST test images to try, with their labels; post `pixels` as they are."""
        return schemas.SampleList(
            samples=[
                schemas.Sample(
                    index=int(held.indices[at]),
                    label=int(held.labels[at]),
                    pixels=held.images[at].tolist(),
                )
                for at in _chosen(held, query)
            ]
        )

    @routes.get(
        "/samples.png",
        operation_id="samples_png",
        summary="Test images on one sheet.",
        response_class=Response,
        responses=PNG,
    )
    async def drawn(request: Request, query: Annotated[SamplesPictureQuery, Query()]) -> Response:
        """The same images on one sheet."""
        engine: Engine = request.app.state.engine
        content = await engine.compute(_sheet, held, query)
        return Response(content, media_type="image/png")

    @routes.get(
        "/samples/{index}.png",
        operation_id="sample_png",
        summary="One test image as a plain PNG.",
        response_class=Response,
        responses=PNG,
    )
    async def one(
        request: Request, index: Annotated[int, Path(ge=0, description="Place in the test set.")]
    ) -> Response:
        """One image as a plain 28x28 PNG, to post to the CNN."""
        found = np.flatnonzero(held.indices == index)
        if not found.size:
            raise Problem("unknown-path", f"Test image {index} is not among the samples.")
        engine: Engine = request.app.state.engine
        content = await engine.compute(picture, held.images[found[0]])
        return Response(content, media_type="image/png")

    return routes


def _chosen(held: Samples, query: SamplesQuery) -> np.ndarray:
    """Return the positions of the samples that a query asks for, the digits taking turns."""
    if query.label is not None:
        return np.flatnonzero(held.labels == query.label)[: query.count]
    turns = np.argsort(held.labels, kind="stable").reshape(CLASSES, -1).T.ravel()
    return np.asarray(turns[: query.count])


def _sheet(held: Samples, query: SamplesPictureQuery) -> bytes:
    """Draw samples as tiles, each named by its label and place in the test set."""
    chosen = _chosen(held, query)
    names = [f"{held.labels[at]} (#{held.indices[at]})" for at in chosen]
    axes, coordinates = ("sample", "y", "x"), {"sample": names}
    images = Tensor("samples", "input", axes, held.images[chosen], coordinates, colours.ink())
    return render(Tiles("MNIST test images", images, columns=10), query.scale)
